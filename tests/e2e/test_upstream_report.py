"""docs/upstream-rule9.md: the reproduction in plain C does what the page says of it."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from csrc import toolchain
from harness.glibcs import Build, fetch, fetch_emulator
from tests.e2e.kit import ROOT, start

SOURCE = ROOT / "docs" / "upstream" / "rule9-ipv4-only.c"
PAGE = ROOT / "docs" / "upstream-rule9.md"
LISTED = "172.31.80.8 172.18.45.6"
NEAREST = "172.18.45.6 172.31.80.8"


def stated(arch: str) -> str:
    """What the page's table says an architecture does without IPv6, on every version."""
    (row,) = (
        line for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("|") and arch in line.split("|")[1].replace(",", " ").split()
    )  # fmt: skip
    (said,) = {cell.strip() for cell in row.split("|")[2:7]}
    return {"as listed": LISTED, "nearest first": NEAREST}[said]


def program(arch: str, folder: Path) -> Path:
    """The reproduction built for an architecture."""
    (target,) = (one for one in toolchain.TARGETS if one.debian == arch)
    output = folder / f"rule9-{arch}"
    # optimized and stripped as the workers are, for which zig has made its own library already
    flags = ("-std=gnu11", "-O2", "-s", "-Wall", "-Wextra", "-Werror", "-fno-sanitize=all")
    subprocess.run(
        [*toolchain.zig(), "-target", target.triple, *flags, "-o", output, SOURCE],
        env=toolchain.zig_environment(folder),
        check=True,
    )
    return output


def said(build: Build, folder: Path) -> list[str]:
    """The lines of the reproduction under a build, in a network of its own."""
    emulator = fetch_emulator(build)
    command = [] if emulator is None else [str(emulator.path)]
    loader = build.loader
    command += [str(loader), "--library-path", str(loader.parent), str(program(build.arch, folder))]
    done = start("unshare", "-rnm", *command)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.mark.network
@pytest.mark.needs("ip", "iproute2")
@pytest.mark.parametrize("spec", ["2.36", "2.36:armhf", "2.36:s390x"])
def test_order_by_processor(spec: str, tmp_path: Path, fetch_glibcs: Callable[..., str]) -> None:
    fetch_glibcs(spec)
    build = fetch(spec)  # which is there now; find would give the host's
    orders = f"IPv4 only:        {stated(build.arch)}", f"with fe80::1 too: {NEAREST}"
    assert said(build, tmp_path) == ["glibc 2.36", *orders]


def test_it_touches_no_network_but_its_own(tmp_path: Path) -> None:
    """Started without unshare it refuses, because lo is up here."""
    native = program(toolchain.host_target().debian, tmp_path)
    done = start(native)
    assert done.returncode == 2
    assert "in a network of my own" in done.stderr
