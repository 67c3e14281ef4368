"""docs/install.md: a wheel needs nothing but Python, and what was made with internet no network."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from tests.container.kit import ROOT, Image, Machine, Root, make_base
from tests.e2e.kit import OF_EVERY_KIND

PAGE = (ROOT / "docs/install.md").read_text()
# most of what is installed is never imported, and need not be compiled
PLAIN = {"PIP_COMPILE": "0"}
MAKE, USE = re.findall(r"^```sh\n# with(?:out)? internet\n(.*?)^```", PAGE, re.M | re.S)


@pytest.mark.network
@pytest.mark.xdist_group("container")
def test_a_node_without_internet(images: dict[str, Image], place: Path) -> None:
    maker = images["build"].root
    node = maker.over(place / "node")
    # what the image's stage has built is not compiled again
    script = MAKE.replace("offline/wheels .\n", "offline/wheels /wheels/*.whl\n")
    assert script != MAKE
    make = ["sh", "-ec", f"mkdir /out; cd /out\n{script}"]
    done = maker.run(make, environment=PLAIN, timeout=1200)
    assert done.returncode == 0, done.stderr[-3000:]
    carried = [(maker.folder / "upper/out/offline.tar.gz", "/node/offline.tar.gz", "ro")]
    bare = "rm -rf /opt/gai-harness /wheels /source /root/.cache; cd /node"
    # the whole library on every version: tests/e2e/test_matrix.py
    use = USE.replace(" run --glibc all\n", f" run {' '.join(OF_EVERY_KIND)} --glibc all\n")
    assert use != USE
    alone = ["unshare", "--net", "sh", "-ec", f"{bare}\n{use}"]
    done = node.run(alone, environment=PLAIN, mounts=carried, timeout=1200)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    totals = " ".join(done.stdout.splitlines()[-2:])
    assert "2.36 amd64 (worker), 2.41 amd64 (host, cffi), 2.41 amd64 (trixie, worker)" in totals
    assert ", 0 disagree, " in totals
    assert ", 0 error" in totals


@pytest.mark.network
@pytest.mark.xdist_group("container")
def test_a_wheel_made_on_trixie_in_a_bare_bookworm(
    built: dict[str, Image], place: Path, unreachable: Callable[[str], NoReturn]
) -> None:
    """Which has an older glibc and an older Python, and no compiler, for an ordinary user."""
    try:
        base = make_base("bookworm", place / "bookworm", "python3-venv")
    except LookupError as problem:
        unreachable(str(problem))
    root = Root(place / "bare", base, Machine.here(place))
    wheels = built["build"].root.folder / "upper/wheels"
    script = f"""
    ! command -v cc gcc zig
    python3 -m venv /tmp/venv
    /tmp/venv/bin/pip install -q --only-binary :all: /wheels/*.whl
    /tmp/venv/bin/gai-harness run {" ".join(OF_EVERY_KIND)}
    """
    mounts = [(wheels, "/wheels", "ro")]
    done = root.run(
        ["sh", "-ec", script], user="1000", environment=PLAIN, mounts=mounts, timeout=1200
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    totals = done.stdout.splitlines()[-1]
    assert "lookups on glibc 2.36 " in totals
    assert ", 0 disagree, " in totals
    assert totals.endswith(", 0 error")
