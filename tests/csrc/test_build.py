"""How the C side is built: for old glibcs, without a warning and without a leak."""

import dataclasses
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

from csrc import toolchain
from harness.native import worker_lane
from harness.native.record import LaneError
from harness.native.worker_lane import bundled_module, bundled_worker
from harness.versions import SUPPORTED
from tests.csrc.conftest import CSRC, SANITIZED, compiled

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
            self.soname = [tag.soname for tag in tags if tag.entry.d_tag == "DT_SONAME"]
            symbols = elf.get_section_by_name(".dynsym").iter_symbols()
            self.exported = {
                one.name for one in symbols if one.name and one.entry.st_shndx != "SHN_UNDEF"
            }


def test_the_module_has_the_name_that_glibc_looks_for_and_exports_its_interface_only() -> None:
    assert toolchain.MODULE_NAME == worker_lane.MODULE_NAME == MODULE
    exported = Program(bundled_module()).exported
    assert exported == {f"_nss_gaiharness_gethostbyname{n}_r" for n in (2, 3, 4)}


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of every architecture, compiled from the sources as they are now."""
    pytest.importorskip("ziglang")
    folder = tmp_path_factory.mktemp("programs")
    assert toolchain.compile_programs(folder / "bin", folder / "scratch") == {}
    return folder / "bin"


@pytest.mark.parametrize("whence", ["compiled", "installed"])
@pytest.mark.parametrize("target", toolchain.TARGETS, ids=lambda one: one.debian)
def test_every_architecture(target: Any, whence: str, request: pytest.FixtureRequest) -> None:
    if whence == "compiled":
        folder = request.getfixturevalue("programs")
        paths = toolchain.worker_in(folder, target), toolchain.module_in(folder, target)
    else:
        paths = bundled_worker(target.debian), bundled_module(target.debian)
    worker, module = map(Program, paths)
    for one in (worker, module):
        assert one.machine == MACHINES[target.debian]
        assert one.needed == ["libc.so.6"]
        # the loader's __tls_get_addr and its like would be of another library
        assert set(one.versions) == {"libc.so.6"}
        assert max(one.versions["libc.so.6"]) <= target.baseline
    assert (worker.soname, module.soname) == ([], [MODULE])
    assert target.baseline == FIRST.get(target.debian, (2, 17))


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
    "source", ["core.c", "view.c", "serve.c", "dispatch.c", "worker.c", "nss.c"]
)
def test_no_warning(source: str, tmp_path: Path, needs: Callable[..., str]) -> None:
    compiler = shutil.which("clang") or needs("gcc", "gcc libc6-dev")
    flags = ["-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-O2"]
    command = [compiler, *flags, "-c", str(CSRC / source), "-o", str(tmp_path / "object")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_package_and_the_build_use_the_same_names() -> None:
    assert {one.debian for one in toolchain.TARGETS} == set(SUPPORTED) == set(MACHINES)


def test_no_worker_for_an_unknown_architecture() -> None:
    with pytest.raises(LaneError, match="no worker for vax"):
        bundled_worker("vax")
    with pytest.raises(LaneError, match="no name service module for vax"):
        bundled_module("vax")


def test_a_source_that_does_not_compile_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ziglang")
    monkeypatch.setattr(toolchain, "HERE", tmp_path)
    with pytest.raises(toolchain.BuildError, match="does not compile"):
        toolchain.compile_worker(tmp_path / "w", toolchain.host_target(), tmp_path / "scratch")


def test_no_memory_is_an_error_and_nothing_leaks(tmp_path: Path, needs: Callable[..., str]) -> None:
    compiler = os.environ.get("GAI_HARNESS_SANITIZE") or needs("gcc", "gcc libc6-dev")
    command = [compiler, *SANITIZED, "-Wl,--wrap=realloc", f"-I{CSRC}"]
    sources = (str(Path(__file__).with_name("memory.c")), "core.c")
    program = compiled(command, sources, tmp_path / "memory")
    done = subprocess.run([program], capture_output=True, text=True, check=False, env={})
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
