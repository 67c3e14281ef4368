"""The package as published: what sdist and wheel carry, and that it runs without its source."""

import io
import json
import os
import re
import shutil
import sys
import tarfile
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import pytest
from elftools.elf.elffile import ELFFile

from harness.glibcs.catalog import native_arch
from harness.native.worker_lane import bundled_module, bundled_worker
from tests.csrc.test_build import MACHINES
from tests.e2e.conftest import Built, build_package, run_pip
from tests.e2e.kit import COMMAND, OF_EVERY_KIND, ROOT, start

pytestmark = [pytest.mark.network, pytest.mark.xdist_group("package")]
# PEP 600's names, which an index takes; 2.17 is CentOS 7's
TAGS = {"amd64": "manylinux_2_17_x86_64", "arm64": "manylinux_2_17_aarch64"}


def data_files() -> set[str]:
    """The data of the source folder, by the names they have in an installation."""
    configs = {f"gai.conf.d/{one.name}" for one in (ROOT / "gai.conf.d").glob("*.conf")}
    library = {f"library/{one.name}" for one in ROOT.glob("harness/scenario/library/*.yaml")}
    assert configs
    go = {f"harness/native/go/{one.name}" for one in ROOT.glob("harness/native/go/*.go")}
    return go | {f"harness/scenario/{name}" for name in configs | library | {"descriptions.yaml"}}


@pytest.mark.parametrize("arch", TAGS)
def test_what_a_wheel_carries(built: Built, arch: str) -> None:
    wheel = built.wheels[arch]
    assert wheel.name.endswith(f"-cp311-abi3-{TAGS[arch]}.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())

        def machine(name: str) -> str:
            return str(ELFFile(io.BytesIO(archive.read(name))).header.e_machine)

        for one, (expected, *_) in MACHINES.items():
            for path in (bundled_worker(one), bundled_module(one)):
                name = f"harness/native/bin/{path.name}"
                assert machine(name) == expected
                assert archive.getinfo(name).external_attr >> 16 & 0o111
        assert machine("harness/native/_core.abi3.so") == MACHINES[arch][0]
    assert data_files() | {"harness/py.typed"} <= names
    assert not {name for name in names if name.startswith(("csrc", "tests", "gai.conf.d"))}


@pytest.mark.parametrize("arch", TAGS)
def test_it_runs_under_the_oldest_glibc_and_the_oldest_python_of_its_name(
    built: Built, arch: str, tmp_path: Path, unreachable: Callable[[str], NoReturn]
) -> None:
    """As the checkers of manylinux and of the stable ABI say."""
    for checker in ("auditwheel", "abi3audit"):
        if find_spec(checker) is None:
            unreachable(f"{checker} is not installed")
    wheel = built.wheels[arch]
    # the release's own step, which has to refuse a wheel whose name promises more
    workflow = (ROOT / ".github/workflows/release.yml").read_text()
    step = re.search(r"^ +for wheel in dist.*?^ +done$", workflow, re.M | re.S)
    assert step
    path = {"PATH": f"{COMMAND.parent}:{os.environ['PATH']}"}
    (tmp_path / "dist").mkdir()
    for name, refused in ((wheel.name.replace("_2_17_", "_2_12_"), True), (wheel.name, False)):
        copy = shutil.copy(wheel, tmp_path / "dist" / name)
        said = start("bash", "-ec", f"{step[0]}\necho all", cwd=tmp_path, env=path)
        assert ("all\n" not in said.stdout) == (said.returncode != 0) == refused, said.stderr
        Path(copy).unlink()
    said = start(COMMAND.with_name("abi3audit"), "--report", wheel)
    assert said.returncode == 0, said.stderr
    (spec,) = json.loads(said.stdout)["specs"].values()
    results = {one["name"]: one["result"] for one in spec["wheel"]}
    core = results["_core.abi3.so"]
    assert core["is_abi3"]
    assert tuple(map(int, core["computed"].split("."))) <= (3, 11)


def test_the_same_source_gives_the_same_bytes(
    built: Built, tmp_path: Path, unreachable: Callable[[str], NoReturn]
) -> None:
    """In another folder, with other modes and times of its files, and in another time zone."""
    fresh = shutil.ignore_patterns("dist", "build", "*.egg-info")
    source = shutil.copytree(built.sdist.parents[1], tmp_path / "copy", ignore=fresh)
    for path in source.rglob("*"):
        path.chmod(path.stat().st_mode & 0o700)
        os.utime(path, (2**30, 2**30))
    made = build_package(source, unreachable, TZ="Asia/Tokyo", LC_ALL="C")
    for one in (built.sdist, built.wheels[native_arch()]):
        assert (made / one.name).read_bytes() == one.read_bytes(), one.name


def test_what_the_sdist_carries(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    sources = {f"csrc/{one.name}" for one in (ROOT / "csrc").glob("*.[ch]")}
    assert data_files() | sources | {"csrc/PROTOCOL.md", "csrc/toolchain.py", "LICENSE"} <= names
    assert not {name for name in names if name.endswith(".so") or "/bin/" in name}


def test_the_one_file_of_the_page_runs(
    needed: Path, tmp_path: Path, unreachable: Callable[[str], NoReturn]
) -> None:
    """A pex: small enough to be copied to a node, and all that it unpacks is where it is told."""
    place, file, unpacked = tmp_path / "venv", tmp_path / "gai-harness.pex", tmp_path / "unpacked"
    start(sys.executable, "-P", "-m", "venv", "--without-pip", place, check=True)
    pip = [sys.executable, "-P", "-m", "pip", "--python", str(place / "bin/python")]
    run_pip([*pip, "install", "--no-compile", "pex"], unreachable)
    # what the page's command would fetch once more
    words = ["--pre-resolved-dists", needed, "gai-harness", "-c", "gai-harness", "-o", file]
    run_pip([str(place / "bin/pex"), "--pex-root", str(place), *map(str, words)], unreachable)
    assert file.stat().st_size < 30 << 20

    clean = {"PYTHONPATH": None, "PEX_ROOT": str(unpacked)}
    ran = start(file, "run", *OF_EVERY_KIND, "--lane", "both", cwd=tmp_path, env=clean)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    sizes = {path.stat().st_ino: path.stat().st_size for path in unpacked.rglob("*")}
    assert 30 << 20 < sum(sizes.values()) < 50 << 20, "docs/install.md says how much it is"


def test_an_installed_package_runs_its_library(installed: Path, tmp_path: Path) -> None:
    clean = {"PYTHONPATH": "", "PYTHONSAFEPATH": "1"}

    listed = start(installed, "run", "--list", cwd=tmp_path, env=clean).stdout.split()
    assert {path.stem for path in (ROOT / "harness/scenario/library").glob("*.yaml")} <= {*listed}
    ran = start(installed, "run", *OF_EVERY_KIND, "--format", "json", cwd=tmp_path, env=clean)
    assert (ran.returncode, ran.stderr) == (0, "")
    report = json.loads(ran.stdout)
    assert report["summary"]["disagree"] == report["summary"]["error"] == 0
    assert {result["scenario"] for result in report["results"]} == {*OF_EVERY_KIND}

    catalogue = sorted(path.name for path in (ROOT / "gai.conf.d").glob("*.conf"))
    confs = (f"--gai-conf={name}" for name in catalogue)
    words = ("run", "seed-rule9-dual-stack", *confs, "--lane", "both")
    ran = start(installed, *words, cwd=tmp_path, env=clean)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert all(name in ran.stdout for name in catalogue)
    assert not list(tmp_path.iterdir())
