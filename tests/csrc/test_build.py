"""How the C side is built: for old glibcs, and without a warning."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

from harness.native import LaneError, bundled_worker, worker_lane

CSRC = Path(__file__).resolve().parents[2] / "csrc"


def _toolchain() -> ModuleType:
    spec = importlib.util.spec_from_file_location("_toolchain", CSRC / "toolchain.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["_toolchain"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


toolchain = _toolchain()


def needed_versions(path: Path) -> dict[str, set[tuple[int, ...]]]:
    """The symbol versions a program needs, by library."""
    found: dict[str, set[tuple[int, ...]]] = {}
    with path.open("rb") as file:
        for section in ELFFile(file).iter_sections():
            if isinstance(section, GNUVerNeedSection):
                for library, versions in section.iter_versions():
                    numbers = (re.findall(r"\d+", one.name) for one in versions)
                    found[library.name] = {tuple(map(int, one)) for one in numbers}
    return found


def test_the_worker_needs_only_old_symbols() -> None:
    needed = needed_versions(bundled_worker())
    assert set(needed) == {"libc.so.6"}
    assert max(needed["libc.so.6"]) <= (2, 17)


def test_the_worker_needs_no_library_but_libc() -> None:
    with bundled_worker().open("rb") as file:
        dynamic = ELFFile(file).get_section_by_name(".dynamic")
        tags = [tag for tag in dynamic.iter_tags() if tag.entry.d_tag == "DT_NEEDED"]
    assert [tag.needed for tag in tags] == ["libc.so.6"]


@pytest.mark.parametrize("target", toolchain.TARGETS, ids=lambda one: one.debian)
def test_every_architecture_compiles(target: object, tmp_path: Path) -> None:
    pytest.importorskip("ziglang")
    output = tmp_path / "worker"
    toolchain.compile_worker(output, target, tmp_path / "scratch")
    versions = needed_versions(output)["libc.so.6"]
    assert max(versions) <= target.baseline  # type: ignore[attr-defined]


@pytest.mark.parametrize("source", ["core.c", "serve.c", "worker.c"])
def test_no_warning(source: str, tmp_path: Path) -> None:
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no gcc or clang here")
    flags = ["-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-O2"]
    command = [compiler, *flags, "-c", str(CSRC / source), "-o", str(tmp_path / "object")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_package_and_the_build_use_the_same_names() -> None:
    built = {machine: one.debian for one in toolchain.TARGETS for machine in one.machines}
    assert built == worker_lane._BY_MACHINE


def test_no_worker_for_an_unknown_architecture() -> None:
    with pytest.raises(LaneError, match="no worker for vax"):
        bundled_worker("vax")


def test_a_source_that_does_not_compile_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ziglang")
    monkeypatch.setattr(toolchain, "HERE", tmp_path)
    with pytest.raises(toolchain.BuildError, match="does not compile"):
        toolchain.compile_worker(tmp_path / "w", toolchain.host_target(), tmp_path / "scratch")
