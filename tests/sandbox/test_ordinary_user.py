import os
import sys
from pathlib import Path

import pytest

from tests.e2e.kit import COMMAND
from tests.sandbox import ordinary_user

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="this run is an ordinary user's already")
HERE = Path(__file__).parent


# what asks the kernel for the most; the others run at night
@pytest.mark.parametrize(
    "chosen", ["test_[tln][oia]*.py", pytest.param("test_*.py", marks=pytest.mark.slow)]
)
def test_everything_works_for_an_ordinary_user(chosen: str) -> None:
    tests = [str(path) for path in sorted(HERE.glob(chosen)) if path != Path(__file__)]
    plugins = ["-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:cov"]
    done = ordinary_user.run([sys.executable, "-P", "-m", "pytest", "-q", "-rs", *plugins, *tests])
    assert done.returncode == 0, done.stdout + done.stderr
    # what is skipped is what this kernel lacks, for root as well
    skipped = [line for line in done.stdout.splitlines() if line.startswith("SKIPPED")]
    assert all("vrf" in line for line in skipped), done.stdout


def test_a_kind_this_user_cannot_have_is_said_with_a_remedy() -> None:
    done = ordinary_user.run([str(COMMAND), "run", "rule7-native-sit"], tun=False)
    if done.returncode:  # a kernel with a sit device of its own needs no tun
        assert "an interface of kind sit needs" in done.stderr
        assert "; load it: modprobe sit" in done.stderr
