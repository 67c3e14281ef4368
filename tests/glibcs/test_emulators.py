"""Which qemu-user runs a foreign build: found, fetched, and put into its root."""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.doctor import glibcs
from harness.glibcs import Build, Emulator, GlibcError, GlibcUnavailable, command, emulators, stage
from harness.glibcs.catalog import Suite, native_arch
from harness.glibcs.emulators import emulator_for, fetch_emulator, is_static
from harness.glibcs.managers import PackageRequest
from harness.sandbox import programs
from tests.glibcs.conftest import Mirror
from tests.glibcs.making import deb, elf, link, member

OTHER = "s390x"  # a host of this architecture would run it itself
PROGRAM = "qemu-s390x-static"
Compiled = Callable[..., Path]


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compiled:
    """Programs that answer --version as qemu does: scripts, of which some say they are static."""
    monkeypatch.setattr(
        emulators,
        "is_static",
        lambda path: is_static(path) or (path.is_file() and b"# static" in path.read_bytes()),
    )

    def make(kind: str = "static", end: str = "exit 0") -> Path:
        output = tmp_path / f"{kind} {end}"
        output.write_text(
            f"#!/bin/sh\n# {kind}\necho 'qemu-s390x version 9.8.7 (made \udcfcp)'\n{end}\n",
            errors="surrogateescape",  # a version in no known encoding is read all the same
        )
        output.chmod(0o755)
        return output

    return make


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one folder of the PATH in which a qemu is looked for."""
    (first := tmp_path / "first").mkdir()
    find = programs.find

    def found(name: str) -> str | None:
        return shutil.which(name, path=str(first)) if name.startswith("qemu-") else find(name)

    monkeypatch.setattr(programs, "find", found)
    return first


@pytest.fixture
def foreign(own: Build) -> Build:
    return replace(own, arch=OTHER, id="made-s390x")


def cached(cache: Path, program: Path, name: str = PROGRAM) -> Path:
    (folder := cache / "qemu/package").mkdir(parents=True)
    shutil.copy(program, folder / name)
    return folder / name


@pytest.mark.parametrize(("strange", "registered"), [(False, False), (True, False), (False, True)])
def test_a_kernel_that_may_run_it_is_tried(
    own: Build, path: Path, monkeypatch: pytest.MonkeyPatch, strange: bool, registered: bool
) -> None:
    """As on a 32-bit interpreter's machine; which qemu a registered handler is, nobody knows."""
    assert emulator_for(own) is fetch_emulator(own) is None
    arch = own.arch if not strange else "armhf" if own.arch != "armhf" else "i386"
    monkeypatch.setattr(emulators, "native_arch", lambda: "alpha")
    monkeypatch.setattr(emulators, "_COMPATIBLE", {os.uname().machine: (own.arch, arch)})
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


@pytest.mark.usefixtures("path")
def test_none_is_one_line_with_the_remedy(foreign: Build) -> None:
    remedy = f"gai-harness glibc fetch {foreign.version}:{OTHER}"
    with pytest.raises(GlibcUnavailable, match=f"{PROGRAM} .*{remedy}") as caught:
        emulator_for(foreign)
    assert caught.value.exit_status == 3
    with pytest.raises(GlibcError, match=r"no way is known to run vax programs"):
        emulator_for(replace(foreign, arch="vax"))


@pytest.mark.parametrize("name", [PROGRAM, "qemu-s390x"])
def test_the_path_comes_first(
    name: str, foreign: Build, path: Path, cache: Path, compiled: Compiled
) -> None:
    found = cached(cache, compiled())
    assert emulator_for(foreign) == Emulator(OTHER, found.resolve(), "9.8.7")
    # a link there is followed: it would lead out of the root
    (path / name).symlink_to(compiled())
    wanted = compiled() if name == PROGRAM else found
    assert emulator_for(foreign) == Emulator(OTHER, wanted.resolve(), "9.8.7")


def test_one_that_is_not_static_or_does_not_start_is_passed_over(
    foreign: Build, path: Path, cache: Path, compiled: Compiled
) -> None:
    """It would not find its libraries in a private root."""
    for name, end in ((PROGRAM, ["dynamic"]), ("qemu-s390x", ["static", "exit 1"])):
        program = compiled(*end)
        (path / name).symlink_to(program)
        with pytest.raises(GlibcUnavailable):
            emulator_for(foreign)
    found = cached(cache, compiled(), "qemu-s390x")
    assert emulator_for(foreign) == Emulator(OTHER, found, "9.8.7")


@pytest.mark.parametrize("end", ["exec sleep 60", "exit 7", "kill -SEGV $$"])
def test_a_qemu_that_runs_nothing(end: str, foreign: Build, path: Path, compiled: Compiled) -> None:
    (path / PROGRAM).symlink_to(compiled("static", f"[ $1 = --version ] || {end}"))
    assert glibcs.way(OTHER, None) == "through qemu-user 9.8.7"
    assert glibcs.way(OTHER, foreign) == ""


def test_root_and_command(foreign: Build, program: Path, cache: Path, compiled: Compiled) -> None:
    emulator = Emulator(OTHER, cached(cache, compiled()), "9.8.7")
    root = stage(foreign, program, emulator=emulator)
    first, loader, *_ = command(foreign, emulator)
    assert (root / first.lstrip("/")).read_bytes() == emulator.path.read_bytes()
    assert os.access(root / first.lstrip("/"), os.X_OK)
    assert (root / loader.lstrip("/")).is_file()
    assert stage(foreign, program, emulator=emulator) == root
    # another qemu is another root, and so is none
    other = replace(emulator, version="9.8.8")
    assert len({root, stage(foreign, program, emulator=other), stage(foreign, program)}) == 3


@pytest.fixture
def mirror(mirror_of: Callable[..., Mirror], path: Path, compiled: Compiled) -> Mirror:
    """A distribution of two suites; the static programs are in one of its two packages."""
    found = mirror_of(Suite("older", "2.1"), Suite("newer", "2.2"))
    found.serve = _serving("qemu-user-static", compiled())
    return found


def _serving(static: str, program: Path) -> Callable[[PackageRequest, Path], object]:
    full = (member(f"./usr/bin/{PROGRAM}", program.read_bytes()), member("./usr/share/doc/README"))
    empty = (link(f"./usr/bin/{PROGRAM}", "qemu-s390x"), member("./usr/bin/other", b"x"))
    return lambda request, path: deb(path, *(full if request.package == static else empty))


def test_one_is_fetched(mirror: Mirror, foreign: Build, cache: Path, compiled: Compiled) -> None:
    emulator = fetch_emulator(foreign)
    assert emulator is not None
    assert emulator.path.is_relative_to(cache / "qemu")
    assert emulator.path.read_bytes() == compiled().read_bytes()
    assert emulator.version == "9.8.7"
    assert fetch_emulator(foreign) == emulator
    (asked,) = mirror.requests
    assert (asked.suite.name, asked.package) == ("newer", "qemu-user-static")
    assert (asked.component, asked.arch) == ("universe", native_arch())
    assert not any((cache / "tmp").iterdir())


@pytest.mark.parametrize(("static", "missing", "asked"), [
    # from Debian 13 on the static programs are qemu-user's
    ("qemu-user", set(), "newer qemu-user-static, newer qemu-user"),
    ("qemu-user-static", {"newer"},
     "newer qemu-user-static, newer qemu-user, older qemu-user-static"),
])  # fmt: skip
def test_another_package_and_another_suite_serve_as_well(
    mirror: Mirror, foreign: Build, compiled: Compiled, static: str, missing: set[str], asked: str
) -> None:
    mirror.serve, mirror.missing = _serving(static, compiled()), missing
    assert fetch_emulator(foreign) is not None
    assert ", ".join(f"{one.suite.name} {one.package}" for one in mirror.requests) == asked


def test_none_anywhere_is_one_line(mirror: Mirror, foreign: Build) -> None:
    mirror.missing = {"newer", "older"}
    with pytest.raises(GlibcUnavailable, match=r"cannot be fetched: older gone; install it"):
        fetch_emulator(foreign)


def test_what_is_static(tmp_path: Path, own: Build) -> None:
    program = tmp_path / "program"
    for data, static in (
        (elf(needed=(), interpreter=None), True),
        (elf(needed=("libc.so.6",), interpreter=None), False),
        (elf(needed=(), interpreter="/lib/ld.so"), False),
        (b"#!/bin/sh\n", False),
    ):
        program.write_bytes(data)
        assert is_static(program) is static
    assert not is_static(own.libc)
    assert not is_static(tmp_path / "missing")
