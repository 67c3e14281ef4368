"""The package as published: what sdist and wheel carry, and that it runs without its source."""

import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from harness.native.worker_lane import bundled_module, bundled_worker
from tests.csrc.test_build import MACHINES
from tests.e2e.kit import ROOT, start

pytestmark = [pytest.mark.network, pytest.mark.xdist_group("package")]


def data_files() -> set[str]:
    """The data of the source folder, by the names they have in an installation."""
    configs = {f"gai.conf.d/{one.name}" for one in (ROOT / "gai.conf.d").glob("*.conf")}
    library = {f"library/{one.name}" for one in ROOT.glob("harness/scenario/library/*.yaml")}
    assert configs
    return {f"harness/scenario/{name}" for name in configs | library | {"descriptions.yaml"}}


def test_what_the_wheel_carries(built: tuple[Path, Path]) -> None:
    _, wheel = built
    assert "-abi3-linux_" in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        for arch, (machine, *_) in MACHINES.items():
            worker = archive.getinfo(f"harness/native/bin/{bundled_worker(arch).name}")
            assert worker.external_attr >> 16 & 0o111
            module = archive.getinfo(f"harness/native/bin/{bundled_module(arch).name}")
            for program in (worker, module):
                assert ELFFile(io.BytesIO(archive.read(program))).header.e_machine == machine
    assert data_files() <= names
    assert {"harness/py.typed", "harness/native/_core.abi3.so"} <= names
    assert not {name for name in names if name.startswith(("csrc", "tests", "gai.conf.d"))}


def test_what_the_sdist_carries(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    sources = {f"csrc/{one.name}" for one in (ROOT / "csrc").glob("*.[ch]")}
    assert data_files() | sources | {"csrc/PROTOCOL.md", "csrc/toolchain.py", "LICENSE"} <= names
    assert not {name for name in names if name.endswith(".so") or "/bin/" in name}


def test_an_installed_package_runs_its_library(installed: Path, tmp_path: Path) -> None:
    clean = {"PYTHONPATH": "", "PYTHONSAFEPATH": "1"}

    ran = start(installed, "run", "--format", "json", cwd=tmp_path, env=clean)
    assert (ran.returncode, ran.stderr) == (0, "")
    report = json.loads(ran.stdout)
    assert report["summary"]["disagree"] == report["summary"]["error"] == 0
    shipped = {path.stem for path in (ROOT / "harness/scenario/library").glob("*.yaml")}
    assert {result["scenario"] for result in report["results"]} >= shipped

    catalogue = sorted(path.name for path in (ROOT / "gai.conf.d").glob("*.conf"))
    confs = (f"--gai-conf={name}" for name in catalogue)
    words = ("run", "seed-rule9-dual-stack", *confs, "--lane", "both")
    ran = start(installed, *words, cwd=tmp_path, env=clean)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert all(name in ran.stdout for name in catalogue)
    assert not list(tmp_path.iterdir())
