"""What the sdist and the wheel carry, and that an installed wheel needs no source folder."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from harness.native import bundled_module, bundled_worker

ROOT = Path(__file__).resolve().parents[2]
CARRIED = [
    "csrc",
    "gai.conf.d",
    "harness",
    "docs",
    "LICENSE",
    "MANIFEST.in",
    "README.md",
    "CHANGELOG.md",
    "pyproject.toml",
    "setup.py",
    "tox.ini",
]
MACHINES = {
    "amd64": "EM_X86_64",
    "i386": "EM_386",
    "arm64": "EM_AARCH64",
    "armhf": "EM_ARM",
    "ppc64el": "EM_PPC64",
    "s390x": "EM_S390",
    "riscv64": "EM_RISCV",
}
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.so", "bin", "*.egg-info")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An sdist, and the wheel built from that sdist, of a copy of the source folder."""
    pytest.importorskip("build")
    source = tmp_path_factory.mktemp("source")
    for name in CARRIED:
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, source / name, symlinks=True, ignore=LEFT_OUT)
        elif path.exists():
            shutil.copy(path, source)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "build", str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return source / "dist"


def data_files() -> set[str]:
    """The data of the source folder, by the names they have in an installation."""
    configs = {f"gai.conf.d/{one.name}" for one in (ROOT / "gai.conf.d").glob("*.conf")}
    library = {f"library/{one.name}" for one in ROOT.glob("harness/scenario/library/*.yaml")}
    assert configs
    return {f"harness/scenario/{name}" for name in configs | library}


def test_the_wheel(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    assert "-abi3-linux_" in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        for arch, machine in MACHINES.items():
            worker = archive.getinfo(f"harness/native/bin/{bundled_worker(arch).name}")
            assert worker.external_attr >> 16 & 0o111
            module = archive.getinfo(f"harness/native/bin/{bundled_module(arch).name}")
            for program in (worker, module):
                assert ELFFile(io.BytesIO(archive.read(program))).header.e_machine == machine
    assert data_files() <= names
    assert {"harness/py.typed", "harness/native/_core.abi3.so"} <= names
    assert not {name for name in names if name.startswith(("csrc", "tests", "gai.conf.d"))}


def test_the_sdist(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    sources = {f"csrc/{one.name}" for one in (ROOT / "csrc").glob("*.[ch]")}
    assert data_files() | sources | {"csrc/PROTOCOL.md", "csrc/toolchain.py", "LICENSE"} <= names
    assert not {name for name in names if name.endswith(".so") or "/bin/" in name}


def test_an_installed_wheel_runs_elsewhere(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    python = tmp_path / "venv/bin/python"
    subprocess.run([sys.executable, "-P", "-m", "venv", str(tmp_path / "venv")], check=True)
    subprocess.run([str(python), "-m", "pip", "install", "-q", str(wheel)], check=True)
    script = (
        "import harness\n"
        "from harness.native import *\n"
        "for lane in (CffiLane(), WorkerLane([bundled_worker()])):\n"
        "    with lane, lane.open() as session:\n"
        "        print(session.lookup(Query('192.0.2.1')).addrinfos[0].address)\n"
        "print(harness.__file__)\n"
    )
    done = subprocess.run(
        [str(python), "-I", "-c", script],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    *addresses, where = done.stdout.splitlines()
    assert addresses == ["192.0.2.1"] * 2, done.stderr
    assert Path(where).is_relative_to(tmp_path)
