"""Which qemu-user runs a foreign build: found, fetched, and put into its root."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.doctor import glibcs
from harness.glibcs import (
    Build,
    Emulator,
    GlibcError,
    GlibcUnavailable,
    command,
    emulator_for,
    emulators,
    fetch_emulator,
    stage,
)
from harness.glibcs.apt import PackageRequest
from harness.glibcs.catalog import Suite, native_arch
from harness.sandbox import programs
from tests.glibcs.conftest import Mirror
from tests.glibcs.making import deb, elf, link, member

OTHER = "s390x"  # a host of this architecture would run it itself
PROGRAM = "qemu-s390x-static"


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Programs that answer --version as qemu does: scripts, of which some say they are static."""
    real = emulators.is_static

    def is_static(path: Path) -> bool:
        return real(path) or (path.is_file() and b"# static" in path.read_bytes())

    monkeypatch.setattr(emulators, "is_static", is_static)

    def make(static: bool = True, status: int = 0) -> Path:
        output = tmp_path / f"{static}-{status}"
        kind = "static" if static else "dynamic"
        output.write_text(
            f"#!/bin/sh\n# {kind}\necho 'qemu-s390x version 9.8.7 (made \udcfcp)'\nexit {status}\n",
            errors="surrogateescape",  # a version in no known encoding is read all the same
        )
        output.chmod(0o755)
        return output

    return make


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one folder of the PATH in which a qemu is looked for."""
    first = tmp_path / "first"
    first.mkdir()
    find = programs.find

    def found(name: str) -> str | None:
        return shutil.which(name, path=str(first)) if name.startswith("qemu-") else find(name)

    monkeypatch.setattr(programs, "find", found)
    return first


@pytest.fixture
def foreign(own: Build) -> Build:
    return replace(own, arch=OTHER, id="made-s390x")


def cached(cache: Path, program: Path, name: str = PROGRAM, package: str = "p") -> Path:
    folder = cache / "qemu" / package
    folder.mkdir(parents=True)
    shutil.copy(program, folder / name)
    return folder / name


def test_the_hosts_own_architecture_needs_none(own: Build, path: Path) -> None:
    assert emulator_for(own) is None
    assert fetch_emulator(own) is None


@pytest.mark.parametrize(("strange", "registered"), [(False, False), (True, False), (False, True)])
def test_a_kernel_that_may_run_it_is_tried(
    own: Build, path: Path, monkeypatch: pytest.MonkeyPatch, strange: bool, registered: bool
) -> None:
    """As on a 32-bit interpreter's machine; which qemu a registered handler is, nobody knows."""
    arch = own.arch if not strange else "armhf" if own.arch != "armhf" else "i386"
    monkeypatch.setattr(emulators, "native_arch", lambda: "alpha")
    monkeypatch.setattr(emulators, "_COMPATIBLE", {os.uname().machine: (arch,)})
    monkeypatch.setattr(emulators, "_BINFMT", path)
    if registered:
        (path / f"qemu-{emulators.QEMU_NAMES[arch]}").touch()
    if not strange and not registered:
        assert emulator_for(own) is None
        return
    with pytest.raises(GlibcUnavailable, match="qemu-user"):
        emulator_for(replace(own, arch=arch))


@pytest.mark.parametrize("arch", ["i386", "armhf"])
def test_the_program_that_is_tried_only_exits(arch: str, tmp_path: Path) -> None:
    qemu = emulators.installed(arch)
    if qemu is None:
        pytest.skip(f"no qemu-user for {arch}")
    program = tmp_path / "exit"
    program.write_bytes(emulators._exits(*emulators._EXITS[arch]))
    program.chmod(0o755)
    assert subprocess.run([qemu.path, program], check=False).returncode == 0


def test_none_is_one_line_with_the_remedy(foreign: Build, path: Path) -> None:
    with pytest.raises(GlibcUnavailable) as caught:
        emulator_for(foreign)
    assert PROGRAM in str(caught.value)
    assert f"gai-harness glibc fetch {foreign.version}:{OTHER}" in str(caught.value)
    assert caught.value.exit_status == 3


def test_an_architecture_nothing_runs(own: Build, path: Path) -> None:
    with pytest.raises(GlibcError, match=r"no way is known to run vax programs"):
        emulator_for(replace(own, arch="vax"))


@pytest.mark.parametrize("name", [PROGRAM, "qemu-s390x"])
def test_the_path_comes_first(
    name: str, foreign: Build, path: Path, cache: Path, compiled: Callable[..., Path]
) -> None:
    found = cached(cache, compiled())
    assert emulator_for(foreign) == Emulator(OTHER, found.resolve(), "9.8.7")
    # a link there is followed: it would lead out of the root
    (path / name).symlink_to(compiled())
    wanted = compiled() if name == PROGRAM else found
    assert emulator_for(foreign) == Emulator(OTHER, wanted.resolve(), "9.8.7")


def test_one_that_is_not_static_or_does_not_start_is_passed_over(
    foreign: Build, path: Path, cache: Path, compiled: Callable[..., Path]
) -> None:
    """It would not find its libraries in a private root."""
    (path / PROGRAM).symlink_to(compiled(static=False))
    with pytest.raises(GlibcUnavailable):
        emulator_for(foreign)
    (path / "qemu-s390x").symlink_to(compiled(status=1))
    with pytest.raises(GlibcUnavailable):
        emulator_for(foreign)
    found = cached(cache, compiled(), "qemu-s390x")
    assert emulator_for(foreign) == Emulator(OTHER, found, "9.8.7")


@pytest.mark.parametrize("end", ["exec sleep 60", "exit 7", "kill -SEGV $$"])
def test_the_doctor_survives_a_qemu_that_runs_nothing(
    end: str, foreign: Build, path: Path, compiled: Callable[..., Path]
) -> None:
    program = compiled()
    other = f"[ $1 = --version ] || {end}".encode()
    program.write_bytes(program.read_bytes().replace(b"exit 0", other))
    (path / PROGRAM).symlink_to(program)
    assert glibcs.way(OTHER, None) == "through qemu-user 9.8.7"
    assert glibcs.way(OTHER, foreign) == ""


def test_it_lies_in_the_root_and_in_the_command(
    foreign: Build, tmp_path: Path, cache: Path, compiled: Callable[..., Path]
) -> None:
    emulator = Emulator(OTHER, cached(cache, compiled()), "9.8.7")
    worker = tmp_path / "worker"
    worker.write_bytes(b"worker")
    root = stage(foreign, worker, emulator=emulator)
    first, loader, *_ = command(foreign, emulator)
    assert (root / first.lstrip("/")).read_bytes() == emulator.path.read_bytes()
    assert os.access(root / first.lstrip("/"), os.X_OK)
    assert (root / loader.lstrip("/")).is_file()
    assert stage(foreign, worker, emulator=emulator) == root
    # another qemu is another root, and so is none
    other = replace(emulator, version="9.8.8")
    assert len({root, stage(foreign, worker, emulator=other), stage(foreign, worker)}) == 3


@pytest.fixture
def mirror(mirror_of: Callable[..., Mirror], path: Path, compiled: Callable[..., Path]) -> Mirror:
    """A distribution of two suites; the static programs are in one of its two packages."""
    found = mirror_of(Suite("older", "2.1"), Suite("newer", "2.2"))
    found.serve = _serving("qemu-user-static", compiled())
    return found


def _serving(static: str, program: Path) -> Callable[[PackageRequest, Path], object]:
    full = (member(f"./usr/bin/{PROGRAM}", program.read_bytes()), member("./usr/share/doc/README"))
    empty = (link(f"./usr/bin/{PROGRAM}", "qemu-s390x"), member("./usr/bin/other", b"x"))
    return lambda request, path: deb(path, *(full if request.package == static else empty))


def test_it_is_fetched_once(
    mirror: Mirror, foreign: Build, cache: Path, compiled: Callable[..., Path]
) -> None:
    emulator = fetch_emulator(foreign)
    assert emulator is not None
    assert emulator.path.is_relative_to(cache / "qemu")
    assert emulator.path.read_bytes() == compiled().read_bytes()
    assert emulator.version == "9.8.7"
    own = native_arch()
    (asked,) = mirror.requests
    assert (asked.suite.name, asked.package) == ("newer", "qemu-user-static")
    assert (asked.component, asked.arch) == ("universe", own)
    assert fetch_emulator(foreign) == emulator
    assert len(mirror.requests) == 1
    assert not any((cache / "tmp").iterdir())


def test_a_package_of_links_leads_on_to_the_next(
    mirror: Mirror, foreign: Build, compiled: Callable[..., Path]
) -> None:
    """From Debian 13 on the static programs are qemu-user's."""
    mirror.serve = _serving("qemu-user", compiled())
    assert fetch_emulator(foreign) is not None
    assert [asked.package for asked in mirror.requests] == ["qemu-user-static", "qemu-user"]


def test_another_suite_serves_as_well(mirror: Mirror, foreign: Build) -> None:
    mirror.missing = {"newer"}
    assert fetch_emulator(foreign) is not None
    assert [asked.suite.name for asked in mirror.requests] == ["newer", "newer", "older"]


def test_none_anywhere_is_one_line(mirror: Mirror, foreign: Build) -> None:
    mirror.missing = {"newer", "older"}
    with pytest.raises(GlibcUnavailable, match=r"cannot be fetched: older gone; install it"):
        fetch_emulator(foreign)


def test_what_is_static(tmp_path: Path, own: Build) -> None:
    program = tmp_path / "program"
    for needed, interpreter, static in (
        ((), None, True),
        (("libc.so.6",), None, False),
        ((), "/lib/ld.so", False),
    ):
        program.write_bytes(elf(needed=needed, interpreter=interpreter))
        assert emulators.is_static(program) is static
    assert not emulators.is_static(own.libc)
    program.write_text("#!/bin/sh\n")
    assert not emulators.is_static(program)
    assert not emulators.is_static(tmp_path / "missing")
