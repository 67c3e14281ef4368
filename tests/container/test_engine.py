"""A real podman: what runs in a container as it is, and what with the options of docs/ci.md."""

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from tests.container.engine import IMAGE, Engine
from tests.container.kit import ROOT, Machine, make_base

pytestmark = [
    pytest.mark.needs("podman"), pytest.mark.needs("runc"), pytest.mark.network,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user as well"),
    pytest.mark.xdist_group("container"),
]  # fmt: skip

HARDENED = ("--read-only", "--read-only-tmpfs=false", "--cap-drop=ALL",
            "--security-opt=no-new-privileges")  # fmt: skip
UNMASKED = "--security-opt=unmask=ALL"
# a container without a network has no address for a node: kubelet's is a finding
EVERY = """
export GAI_HARNESS_CACHE=/none
for words in 'explain localhost' 'lint prefer-ipv4.conf' kubelet 'snapshot localhost' \\
    'run seed-rule9-dual-stack'; do
    said=$(gai-harness $words 2>&1 >/dev/null) && status=0 || status=$?
    echo "${words%% *} $status $said"
done
"""
ANSWERS = {"explain": "0", "lint": "0", "kubelet": "1", "snapshot": "0"}
READ_ONLY = "/proc/sys is read-only here"
# Linux lets nobody without CAP_SETFCAP map root, so that container's root is the exception
NO_SETFCAP = "root needs CAP_SETFCAP to map itself"


def _said(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """What each command ended with: its status, and what it said on standard error."""
    assert done.returncode == 0, done.stderr
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


@pytest.mark.parametrize(("rootless", "options", "run"), [
    (False, (), READ_ONLY),
    (False, (*HARDENED, UNMASKED), ""),
    (True, (), READ_ONLY),
    (True, (*HARDENED, UNMASKED), NO_SETFCAP),
    (True, (*HARDENED, UNMASKED, "--cap-add=SETFCAP"), ""),
])  # fmt: skip
def test_a_container(
    engines: dict[bool, Engine], rootless: bool, options: tuple[str, ...], run: str
) -> None:
    """What needs no sandbox answers everywhere; what does says what to add."""
    # an ordinary user without ids to give away has root alone in a container
    user = ["--user=0"] if rootless else []
    done = engines[rootless].podman(
        "run", "--rm", *user, *options, "--entrypoint=sh", IMAGE, "-c", EVERY
    )
    said = _said(done)
    status, _, line = said.pop("run").partition(" ")
    assert {name: one.strip() for name, one in said.items()} == ANSWERS
    assert (status, run in line) == ("3" if run else "0", True)
    assert bool(line) is bool(run)


def test_the_machine_does_not_see_it(engines: dict[bool, Engine]) -> None:
    """Of root's podman, which has places of its own there."""
    names = "/etc/cni", "/run/containers", "/run/libpod", "/run/runc", "/var/lib/containers"

    def seen() -> dict[str, int]:
        found = [one for name in names for one in (Path(name), *Path(name).rglob("*"))]
        return {str(one): one.lstat().st_ctime_ns for one in found if one.exists()}

    before = seen()
    done = engines[False].podman("run", "--rm", "--entrypoint=true", IMAGE)
    assert (done.returncode, seen()) == (0, before)


@pytest.mark.slow
def test_the_containerfile_by_a_real_engine(
    tmp_path: Path, unreachable: Callable[[str], NoReturn]
) -> None:
    """Built on an image made from the distribution, with no registry; then it runs the library."""
    try:
        base = make_base("trixie", tmp_path / "base")
    except LookupError as problem:
        unreachable(str(problem))
    machine = Machine.here(tmp_path)
    engine = Engine(tmp_path / "podman")
    variables = [f"ENV {name}={value}" for name, value in machine.environment.items()]
    engine.load([base], variables, "docker.io/library/debian:trixie-slim")
    volumes = [f"--volume={source}:{target}:{mode}" for source, target, mode in machine.mounts]
    done = engine.podman(
        "build", "--isolation=chroot", "--network=host", "--pull=never", "--format=docker",
        *volumes, f"--tag={IMAGE}", "--build-arg=GLIBCS=2.36", ROOT, network=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    # another glibc's private root is made in the cache: no read-only root here
    powerless = [one for one in HARDENED if not one.startswith("--read-only")]
    tun = tmp_path / "tun"  # open to all, as udev makes it
    os.mknod(tun, 0o666 | stat.S_IFCHR, os.makedev(10, 200))
    tun.chmod(0o666)
    options = [*powerless, UNMASKED, f"--device={tun}:/dev/net/tun"]
    done = engine.podman("run", "--rm", *options, IMAGE, "run", "--glibc", "all")
    totals = " ".join(done.stdout.splitlines()[-3:])
    assert done.returncode == 3, done.stdout[-3000:] + done.stderr
    # podman's own filter refuses sethostname(2), and nothing else of the library
    assert all("host.hostname: the kernel refused" in one for one in done.stderr.splitlines())
    assert "2.36 amd64 (worker)" in totals
    assert ", 0 disagree, " in totals
