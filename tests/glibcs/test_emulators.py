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
            f"#!/bin/sh\n# {kind}\necho 'qemu-s390x version 9.8.7 (made up)'\nexit {status}\n"
        )
        output.chmod(0o755)
        return output

    return make


@pytest.fixture(scope="module")
def without_qemu(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The folders of the PATH; one that has a qemu is replaced by links to all else in it."""
    places = []
    for place in os.environ["PATH"].split(os.pathsep):
        there = list(Path(place).glob("*")) if Path(place).is_dir() else []
        kept = [one for one in there if not one.name.startswith("qemu-")]
        if len(kept) < len(there):
            clean = tmp_path_factory.mktemp("path")
            for one in kept:
                (clean / one.name).symlink_to(one)
            place = str(clean)
        places.append(place)
    return places


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_qemu: list[str]) -> Path:
    """A PATH without any qemu, and a folder in front of it."""
    first = tmp_path / "first"
    first.mkdir()
    monkeypatch.setenv("PATH", os.pathsep.join([str(first), *without_qemu]))
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


def test_what_the_kernel_runs_itself_needs_none(
    own: Build, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a 32-bit interpreter's machine: the kernel starts programs of that kind."""
    monkeypatch.setattr(emulators, "native_arch", lambda: "alpha")
    monkeypatch.setattr(emulators, "_COMPATIBLE", {os.uname().machine: (own.arch,)})
    monkeypatch.setattr(emulators, "_BINFMT", Path("/nonexistent"))
    assert emulator_for(own) is None


def test_a_kernel_that_refuses_such_a_program_needs_one(
    own: Build, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strange = "armhf" if own.arch != "armhf" else "i386"
    monkeypatch.setattr(emulators, "_COMPATIBLE", {os.uname().machine: (strange,)})
    monkeypatch.setattr(emulators, "_BINFMT", Path("/nonexistent"))
    with pytest.raises(GlibcUnavailable):
        emulator_for(replace(own, arch=strange))


@pytest.mark.parametrize("arch", ["i386", "armhf"])
def test_the_program_that_is_tried_only_exits(arch: str, tmp_path: Path) -> None:
    qemu = emulators.installed(arch)
    if qemu is None:
        pytest.skip(f"no qemu-user for {arch}")
    program = tmp_path / "exit"
    program.write_bytes(emulators._exits(*emulators._EXITS[arch]))
    program.chmod(0o755)
    assert subprocess.run([qemu.path, program], check=False).returncode == 0


def test_a_handler_the_machine_has_registered_is_not_the_kernel(
    own: Build, path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Which qemu that is nobody knows; ours is asked for by its name."""
    monkeypatch.setattr(emulators, "native_arch", lambda: "alpha")
    monkeypatch.setattr(emulators, "_COMPATIBLE", {os.uname().machine: (own.arch,)})
    monkeypatch.setattr(emulators, "_BINFMT", tmp_path)
    (tmp_path / f"qemu-{emulators.QEMU_NAMES[own.arch]}").touch()
    with pytest.raises(GlibcUnavailable, match="qemu-user"):
        emulator_for(own)


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


def test_a_version_in_no_known_encoding_is_read_all_the_same(
    foreign: Build, path: Path, compiled: Callable[..., Path]
) -> None:
    program = compiled()
    program.write_bytes(program.read_bytes().replace(b"made up", b"made \xfcp"))
    (path / PROGRAM).symlink_to(program)
    assert emulator_for(foreign) == Emulator(OTHER, program.resolve(), "9.8.7")


@pytest.mark.parametrize("end", ["exec sleep 60", "exit 7", "kill -SEGV $$"])
def test_the_doctor_survives_a_qemu_that_runs_nothing(
    end: str,
    foreign: Build,
    path: Path,
    compiled: Callable[..., Path],
) -> None:
    program = compiled()
    text = program.read_text().replace("exit 0", f"[ $1 = --version ] || {end}")
    program.write_text(text)
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
