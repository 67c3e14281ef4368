from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.sandbox import ordinary_user

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="this run is an ordinary user's already")
HERE = Path(__file__).parent

_NO_TUN = """
import sys
sys.path.append(".")
from tests.sandbox import jobs
from harness.sandbox import Pool, SandboxUnavailable
from harness.scenario.schema import Host
host = Host.model_validate({"interfaces": {"t": {"kind": "sit"}}})
with Pool() as pool:
    try:
        list(pool.run(jobs.built, host))
    except SandboxUnavailable as problem:
        print(problem.reason, "|", problem.hint)
"""


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
    done = ordinary_user.run([sys.executable, "-P", "-c", _NO_TUN], tun=False)
    assert done.returncode == 0, done.stderr
    if done.stdout:  # a kernel with a sit device of its own needs no tun
        assert "an interface of kind sit needs" in done.stdout
        assert "| load it: modprobe sit" in done.stdout


def test_no_namespaces_allowed_is_said_with_a_remedy() -> None:
    # a limit of the user namespace a child is in: nothing of the machine is changed
    script = (
        "import os, sys; sys.path.append('.'); from tests.sandbox import jobs\n"
        "from harness.sandbox import kernel, Pool, SandboxUnavailable\n"
        "uid = os.getuid()\n"
        "kernel.unshare(kernel.CLONE_NEWUSER)\n"
        "open('/proc/self/setgroups', 'w').write('deny')\n"
        "open('/proc/self/uid_map', 'w').write(f'0 {uid} 1')\n"
        "open('/proc/self/gid_map', 'w').write(f'0 {uid} 1')\n"
        "open('/proc/sys/user/max_user_namespaces', 'w').write('0')\n"
        "try:\n"
        "    with Pool() as pool: list(pool.run(jobs.nothing, None))\n"
        "except SandboxUnavailable as problem: print(problem)\n"
    )
    done = ordinary_user.run([sys.executable, "-P", "-c", script])
    assert done.stdout == (
        "the kernel refuses new namespaces: No space left on device; "
        "allow it with: sysctl user.max_user_namespaces=10000\n"
    ), done.stderr
