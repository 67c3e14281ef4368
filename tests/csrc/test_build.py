"""How the C side is built: for old glibcs, without a warning and without a leak."""

import dataclasses
import errno
import json
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection
from packaging.requirements import Requirement

from csrc import toolchain
from harness.native import worker_lane
from harness.native.record import LaneError
from harness.native.worker_lane import bundled_module, bundled_worker
from harness.versions import SUPPORTED
from tests.csrc.conftest import CSRC, SANITIZED, compiled
from tests.e2e.kit import start

EAI_MEMORY = -10


# e_machine, bits and byte order, from the ABI documents of each processor
MACHINES = {
    "amd64": ("EM_X86_64", 64, True),
    "i386": ("EM_386", 32, True),
    "arm64": ("EM_AARCH64", 64, True),
    "armhf": ("EM_ARM", 32, True),
    "ppc64el": ("EM_PPC64", 64, True),
    "s390x": ("EM_S390", 64, False),
    "riscv64": ("EM_RISCV", 64, True),
}
# the first glibc of a processor that is newer than 2.17
FIRST = {"ppc64el": (2, 19), "riscv64": (2, 27)}
MODULE = "libnss_gaiharness.so.2"


class Program:
    """What a file says of itself: its machine, the versions it needs by library, its names."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            elf: Any = ELFFile(file)
            self.machine = (elf.header.e_machine, elf.elfclass, elf.little_endian)
            self.versions = {
                str(library.name): {tuple(map(int, re.findall(r"\d+", v.name))) for v in versions}
                for section in elf.iter_sections()
                if isinstance(section, GNUVerNeedSection)
                for library, versions in section.iter_versions()
            }
            tags = list(elf.get_section_by_name(".dynamic").iter_tags())
            self.needed = [tag.needed for tag in tags if tag.entry.d_tag == "DT_NEEDED"]
            loaders = [one for one in elf.iter_segments() if one.header.p_type == "PT_INTERP"]
            self.interpreters = [one.get_interp_name() for one in loaders]
            self.soname = [tag.soname for tag in tags if tag.entry.d_tag == "DT_SONAME"]
            symbols = elf.get_section_by_name(".dynsym").iter_symbols()
            self.exported = {
                one.name for one in symbols if one.name and one.entry.st_shndx != "SHN_UNDEF"
            }


def test_the_module_has_the_name_that_glibc_looks_for_and_exports_its_interface_only() -> None:
    assert toolchain.MODULE_NAME == worker_lane.MODULE_NAME == MODULE
    exported = Program(bundled_module()).exported
    ours = {f"_nss_gaiharness_gethostbyname{n}_r" for n in (2, 3, 4)}
    assert exported == ours | {f"_nss_gai_family_gethostbyname{n}_r" for n in (2, 3)}
    # a copy is made the other one by writing its name over its own
    assert len(worker_lane.FAMILY_MODULE_NAME) == len(MODULE)


def test_sources_in_a_shared_cache_are_for_all_and_whole_or_not_used(tmp_path: Path) -> None:
    folder = toolchain._sources(tmp_path / "cache")
    assert folder.parent == tmp_path / "cache"
    assert folder.stat().st_mode & 0o777 == 0o777 & ~current_umask()
    assert toolchain._sources(tmp_path / "cache") == folder
    assert sorted(one.name for one in folder.iterdir()) == sorted(
        one.name for one in CSRC.glob("*.[ch]")
    )
    header = next(folder.glob("*.h"))
    text = header.read_bytes()
    for damage in (header.unlink, lambda: header.write_bytes(text + b" ")):
        damage()
        assert toolchain._sources(tmp_path / "cache") == CSRC
    header.write_bytes(text)
    assert toolchain._sources(tmp_path / "cache") == folder
    (tmp_path / "file").touch()
    assert toolchain._sources(tmp_path / "file") == CSRC


def current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of every architecture, compiled from the sources as they are now."""
    pytest.importorskip("ziglang")
    folder = tmp_path_factory.mktemp("programs")
    own = (toolchain.host_target(),)
    assert toolchain.compile_programs(folder / "bin", folder / "scratch", musl=own) == {}
    return folder / "bin"


@pytest.mark.parametrize("whence", ["compiled", "installed"])
@pytest.mark.parametrize("target", toolchain.TARGETS, ids=lambda one: one.debian)
def test_every_architecture(target: Any, whence: str, request: pytest.FixtureRequest) -> None:
    if whence == "compiled":
        folder = request.getfixturevalue("programs")
        paths = toolchain.programs_in(folder, target)
        worker, cares, module = (Program(path) for path in paths if "musl" not in path.name)
    else:
        worker, cares = (Program(bundled_worker(target.debian, one)) for one in ("glibc", "c-ares"))
        module = Program(bundled_module(target.debian))
    for one, needed in ((worker, set()), (cares, {"libdl.so.2"}), (module, set())):
        assert one.machine == MACHINES[target.debian]
        # the loader's __tls_get_addr and its like would be of another library
        assert set(one.needed) == set(one.versions) == {"libc.so.6", *needed}
        assert max(max(versions) for versions in one.versions.values()) <= target.baseline
    assert (worker.soname, module.soname) == ([], [MODULE])
    assert target.baseline == FIRST.get(target.debian, (2, 17))


@pytest.mark.parametrize("whence", ["compiled", "installed"])
def test_the_worker_for_musl(whence: str, request: pytest.FixtureRequest) -> None:
    """For this architecture; it needs musl alone, by the name that every musl takes for its own."""
    own = toolchain.host_target()
    if whence == "compiled":
        path = toolchain.worker_in(request.getfixturevalue("programs"), own, "musl")
    else:
        path = bundled_worker(resolver="musl")
    worker = Program(path)
    assert worker.machine == MACHINES[own.debian]
    assert (worker.needed, worker.versions, worker.soname) == (["libc.so"], {}, [])
    (loader,) = worker.interpreters
    assert re.fullmatch(r"/lib/ld-musl-[a-z0-9_]+\.so\.1", loader)
    others = [one.debian for one in toolchain.TARGETS if one != own]
    for arch in others:
        with pytest.raises(LaneError, match=f"no worker for musl on {arch}"):
            bundled_worker(arch, "musl")


def test_one_architecture_that_fails_is_named_and_the_rest_is_built(tmp_path: Path) -> None:
    pytest.importorskip("ziglang")
    own = toolchain.host_target()
    vax = dataclasses.replace(own, debian="vax", triple="vax-linux-gnu")
    left = toolchain.worker_in(tmp_path, vax)
    left.write_bytes(b"of an earlier build")
    failures = toolchain.compile_programs(tmp_path, tmp_path / "scratch", (vax, own))
    assert list(failures) == [vax]
    assert "the worker does not compile" in failures[vax]
    assert not left.exists()
    assert toolchain.worker_in(tmp_path, own).exists()
    assert toolchain.module_in(tmp_path, own).exists()


@pytest.mark.parametrize(
    "source",
    ["core.c", "libc.c", "cares.c", "view.c", "serve.c", "dispatch.c", "worker.c", "nss.c"],
)
def test_no_warning(source: str, tmp_path: Path, needs: Callable[..., str]) -> None:
    compiler = shutil.which("clang") or needs("gcc", "gcc libc6-dev")
    compiled([compiler, "-Wconversion", "-Wshadow", "-c"], [source], tmp_path / "object")


def test_the_package_and_the_build_use_the_same_names() -> None:
    assert {one.debian for one in toolchain.TARGETS} == set(SUPPORTED) == set(MACHINES)
    with pytest.raises(LaneError, match="no worker for vax"):
        bundled_worker("vax")
    with pytest.raises(LaneError, match="no name service module for vax"):
        bundled_module("vax")


SETUP = """
import json, pathlib, runpy, sys
import setuptools
setuptools.setup = lambda **given: print(json.dumps(given["project_urls"]))
sys.version_info = (3, int(sys.argv[1]), 2)
runpy.run_path("setup.py")
"""


def setup(folder: Path, minor: int = 11) -> Any:
    """What setup.py makes of the copy of it in a folder, on Python 3.``minor``."""
    shutil.copy(CSRC.parent / "setup.py", folder)
    paths = f"{CSRC}{os.pathsep}{CSRC.parent}"
    command = (sys.executable, "-P", "-c", SETUP, str(minor))
    return start(*command, cwd=folder, env={"PYTHONPATH": paths})


def test_a_python_that_is_too_old_is_refused_in_words(tmp_path: Path) -> None:
    done = setup(tmp_path, 9)
    said = f"gai-harness needs Python 3.11 or later; {sys.executable} is Python 3.9.2\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)
    data = tomllib.loads((CSRC.parent / "pyproject.toml").read_text())
    required = [Requirement(each) for each in data["build-system"]["requires"]]
    old = {"python_version": "3.9"}
    names = [one.name for one in required if one.marker is None or one.marker.evaluate(old)]
    assert names == ["setuptools"]


@pytest.mark.parametrize(
    ("origin", "home"),
    [("https://me:secret@host.example/we/it.git", "https://host.example/we/it"),
     ("git@host.example:we/it", "https://host.example/we/it"),
     ("/srv/clone", None), ("file:///srv/clone", None), (None, None)],
)  # fmt: skip
def test_the_links_are_below_the_clone_s_origin(
    origin: str | None, home: str | None, tmp_path: Path, needs: Callable[..., str]
) -> None:
    git = needs("git")
    if origin is not None:
        start(git, "init", "-q", cwd=tmp_path)
        start(git, "remote", "add", "origin", origin, cwd=tmp_path)
    links = json.loads(setup(tmp_path).stdout)
    assert links.get("Source") == home
    assert all(link.startswith(f"{home}") for link in links.values())
    lines = "".join(f"Project-URL: {name}, {link}\n" for name, link in links.items())
    shutil.rmtree(tmp_path / ".git", ignore_errors=True)
    assert json.loads(setup(tmp_path).stdout) == {}
    (tmp_path / "PKG-INFO").write_text(f"Name: gai-harness\n{lines}")
    assert json.loads(setup(tmp_path).stdout) == links


def test_a_source_that_does_not_compile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ziglang")
    monkeypatch.setattr(toolchain, "HERE", tmp_path)
    with pytest.raises(toolchain.BuildError, match="does not compile"):
        toolchain.compile_worker(tmp_path / "w", toolchain.host_target(), tmp_path / "scratch")


@pytest.fixture(scope="module")
def compiler(needs: Callable[..., str]) -> str:
    """One that has the sanitizers."""
    return os.environ.get("GAI_HARNESS_SANITIZE") or needs("gcc", "gcc libc6-dev")


def test_no_memory_is_an_error_and_nothing_leaks(tmp_path: Path, compiler: str) -> None:
    command = [compiler, *SANITIZED, "-Wl,--wrap=realloc", f"-I{CSRC}"]
    sources = (str(Path(__file__).with_name("memory.c")), "core.c", "libc.c")
    program = compiled(command, sources, tmp_path / "memory")
    done = start(program)
    assert (done.returncode, done.stderr) == (0, "")
    *lines, appended = done.stdout.splitlines()
    assert appended.startswith("appended ")
    results = {}
    for line in lines:
        query, allowed, result, eai, length = map(int, line.split())
        results[query, allowed] = (result, eai, length)
    # Without any allocation there is no record; with one, always a whole one.
    assert {results[query, 0] for query in range(6)} == {(-1, 0, 0)}
    assert all(results[query, 3][0] == 0 for query in range(6))
    assert results[0, 3][1] == 0
    # The long canonical name needs a second allocation, and its failure is EAI_MEMORY.
    assert results[1, 1][:2] == (0, EAI_MEMORY)
    assert results[1, 3][1] == 0


# --- the name service module: its buffers under sanitizers, and what it answers

SUCCESS, NOTFOUND, UNAVAIL = 1, 0, -1
NETDB_SUCCESS, HOST_NOT_FOUND, NO_DATA, NETDB_INTERNAL = 0, 1, 4, -1

NAMES_FILE = """\
192.0.2.1 web
fe80::1%2 web
192.0.2.2 Web
fe80::1%4294967295 web
2001:db8::1 other
fe80::1%2 web
::ffff:192.0.2.3 mapped
"""


class Driver(NamedTuple):
    """The module in a program that calls it, and the file it reads."""

    program: Path
    names: Path

    def ask(self, *arguments: str) -> tuple[str, tuple[int, ...]]:
        """The answer's text and (status, errno, h_errno)."""
        done = start(self.program, *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        text, numbers = done.stdout.splitlines()
        return text, tuple(int(word) for word in numbers.split())


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, compiler: str) -> Driver:
    folder = tmp_path_factory.mktemp("nss")
    command = [compiler, *SANITIZED, f'-DGAI_NAMES_FILE="{folder / "names"}"']
    sources = (str(Path(__file__).with_name("nss_driver.c")), "nss.c")
    return Driver(compiled(command, sources, folder / "driver"), folder / "names")


@pytest.fixture
def driver(program: Driver) -> Driver:
    program.names.write_text(NAMES_FILE)
    return program


def test_what_is_listed(driver: Driver) -> None:
    """By family without scope ids."""
    for function, family, text in (
        ("4", "-", "WEB 192.0.2.1%0 fe80::1%2 192.0.2.2%0 fe80::1%4294967295 fe80::1%2"),
        ("2", "4", "web 192.0.2.1%0 192.0.2.2%0"),
        ("2", "6", "web fe80::1%0 fe80::1%0 fe80::1%0"),
        ("2", "6", "mapped ::ffff:192.0.2.3%0"),
    ):
        found = driver.ask(function, family, text.split()[0])
        assert found == (text, (SUCCESS, 0, NETDB_SUCCESS))
    for function, family, names, h_errno in (
        ("4", "-", ["nobody", "we", "webb", "web.", ""], HOST_NOT_FOUND),
        ("2", "6", ["nobody"], HOST_NOT_FOUND),
        ("2", "4", ["other", "mapped"], NO_DATA),
    ):
        for name in names:
            assert driver.ask(function, family, name) == ("", (NOTFOUND, errno.ENOENT, h_errno))


@pytest.mark.parametrize("function", ["4", "2"])
@pytest.mark.parametrize(
    "line",
    [b"192.0.2.1", b"192.0.2.1 \n", b"192.0.2.1 web",  # cut off
     b"192.0.2.256 web\n", b"192.0.2.1%2 web\n", b"fe80::1%eth0 web\n", b"fe80::1% web\n",
     b"fe80::1%4294967296 web\n", b"fe80::1%2%2 web\n", b"\n", b" web\n", b"192.0.2.1 we\0b\n",
     b"192.0.2.1 " + b"x" * 600 + b"\n", b"\xff" * 5000],
)  # fmt: skip
def test_a_bad_line_is_an_error_and_not_skipped(driver: Driver, function: str, line: bytes) -> None:
    driver.names.write_bytes(b"192.0.2.9 first\n" + line)
    expected = (UNAVAIL, errno.EBADMSG, NETDB_INTERNAL)
    assert driver.ask(function, "4", "last") == ("", expected)


@pytest.mark.parametrize("function", ["4", "2"])
def test_an_empty_file_none_and_a_folder(driver: Driver, function: str) -> None:
    driver.names.write_bytes(b"")
    assert driver.ask(function, "4", "web")[1] == (NOTFOUND, errno.ENOENT, HOST_NOT_FOUND)
    driver.names.unlink()
    assert driver.ask(function, "4", "web")[1] == (UNAVAIL, errno.ENOENT, NETDB_INTERNAL)
    driver.names.mkdir()
    try:
        assert driver.ask(function, "4", "web")[1] == (UNAVAIL, errno.EISDIR, NETDB_INTERNAL)
    finally:
        driver.names.rmdir()


def test_as_many_as_a_scenario_may_have(driver: Driver) -> None:
    many = [f"fe80::{n:x}%{n}" for n in range(1, 4097)]
    driver.names.write_text("".join(f"{one} {'long' * 63}\n" for one in many))
    name = "long" * 63
    assert driver.ask("4", "-", name, "1100")[0].split() == [name, *many]
    addresses = [f"{one.partition('%')[0]}%0" for one in many]
    assert driver.ask("2", "6", name, "1100")[0].split() == [name, *addresses]
