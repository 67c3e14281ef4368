"""How the C side is built: for old glibcs, and without a warning."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

from csrc import toolchain
from harness.native import worker_lane
from harness.native.record import LaneError
from harness.native.worker_lane import bundled_module, bundled_worker
from harness.versions import SUPPORTED

CSRC = Path(__file__).resolve().parents[2] / "csrc"


def section_of(file: IO[bytes], name: str) -> Any:
    return ELFFile(file).get_section_by_name(name)


def needed_versions(path: Path) -> dict[str, set[tuple[int, ...]]]:
    """The symbol versions a program needs, by library."""
    found: dict[str, set[tuple[int, ...]]] = {}
    with path.open("rb") as file:
        for section in ELFFile(file).iter_sections():
            if isinstance(section, GNUVerNeedSection):
                for library, versions in section.iter_versions():
                    numbers = (re.findall(r"\d+", one.name) for one in versions)
                    found[str(library.name)] = {tuple(map(int, one)) for one in numbers}
    return found


def dynamic_tags(path: Path) -> list[tuple[str, str]]:
    with path.open("rb") as file:
        tags = list(section_of(file, ".dynamic").iter_tags())
        needed = [("needed", tag.needed) for tag in tags if tag.entry.d_tag == "DT_NEEDED"]
        return needed + [("soname", tag.soname) for tag in tags if tag.entry.d_tag == "DT_SONAME"]


def test_the_module_has_the_name_that_glibc_looks_for() -> None:
    assert toolchain.MODULE_NAME == worker_lane.MODULE_NAME


def test_the_module_exports_nothing_but_its_interface() -> None:
    with bundled_module().open("rb") as file:
        symbols = list(section_of(file, ".dynsym").iter_symbols())
    exported = {one.name for one in symbols if one.name and one.entry.st_shndx != "SHN_UNDEF"}
    assert exported == {f"_nss_gaiharness_gethostbyname{n}_r" for n in (2, 3, 4)}


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


def machine(path: Path) -> tuple[str, int, bool]:
    with path.open("rb") as file:
        elf = ELFFile(file)
        return elf.header.e_machine, elf.elfclass, elf.little_endian


def check_programs(worker: Path, module: Path, target: Any) -> None:
    assert machine(worker) == machine(module) == MACHINES[target.debian]
    for path in (worker, module):
        needed = needed_versions(path)
        # the loader's __tls_get_addr and its like would be of another library
        assert set(needed) == {"libc.so.6"}
        assert max(needed["libc.so.6"]) <= target.baseline
    assert dynamic_tags(worker) == [("needed", "libc.so.6")]
    assert dynamic_tags(module) == [("needed", "libc.so.6"), ("soname", toolchain.MODULE_NAME)]
    assert target.baseline == FIRST.get(target.debian, (2, 17))


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of every architecture, compiled from the sources as they are now."""
    pytest.importorskip("ziglang")
    folder = tmp_path_factory.mktemp("programs")
    assert toolchain.compile_programs(folder / "bin", folder / "scratch") == {}
    return folder / "bin"


@pytest.mark.parametrize("target", toolchain.TARGETS, ids=lambda one: one.debian)
def test_every_architecture_compiles(target: Any, compiled: Path) -> None:
    check_programs(
        toolchain.worker_in(compiled, target), toolchain.module_in(compiled, target), target
    )


@pytest.mark.parametrize("target", toolchain.TARGETS, ids=lambda one: one.debian)
def test_this_installation_has_every_architecture(target: Any) -> None:
    check_programs(bundled_worker(target.debian), bundled_module(target.debian), target)


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
