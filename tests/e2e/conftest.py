"""Fixtures of the tests that use the whole: builds of glibc, the package built and installed."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, NoReturn

import pytest

from harness.glibcs.catalog import native_arch
from tests.conftest import Once
from tests.e2e.kit import COMMAND, ROOT, Ended, Matrix, as_ordinary_user, document, start
from tests.processes import Program, machine, until
from tests.sandbox import ordinary_user

NO_NETWORK = ("No matching distribution", "Connection", "Temporary failure", "timed out")
Unreachable = Callable[[str], NoReturn]


@pytest.fixture(scope="session")
def versions(fetch_glibcs: Callable[..., str], unreachable: Unreachable) -> list[str]:
    """Every version the distribution has, oldest first."""
    fetch_glibcs("--all")
    _, listed = document("glibc", "list", "--format", "json")
    found = [
        one["version"]
        for one in listed["builds"]
        if (one["state"], one["arch"], one["resolver"]) == ("cached", native_arch(), "glibc")
    ]
    if len(set(found)) < 5:  # an archived suite that the mirror has dropped is passed over
        unreachable(f"only glibc {', '.join(found)} could be fetched")
    return found


@pytest.fixture(scope="session")
def matrix(versions: list[str], once: Once) -> Matrix:
    """The whole library on every version, run once: its JSON on stdout, and its page."""

    def run(folder: Path) -> Matrix:
        page = folder / "report.html"
        words = ("run", "--glibc", "all", "--format", "json", "--report", f"html={page}")
        before = machine()
        with Program(
            COMMAND, *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as program:  # fmt: skip
            inside = until(program.namespaces)
            assert inside, "no sandbox was seen"
            said = program.communicate(timeout=600)
            left = program.left(inside, before)
        return Matrix(Ended(words, program.returncode, *said), page, left)

    return once("matrix", run)


@pytest.fixture(scope="session")
def library_report(once: Once) -> Ended:
    """The whole library in both lanes on the host's glibc, run once by an ordinary user."""

    def run(_: Path) -> Ended:
        with home_of_ordinary_user() as home:
            return as_ordinary_user(home, "run", "--lane", "both", "--format", "json")

    return once("library-report", run)


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder that an ordinary user can read too, which pytest's own cannot be."""
    made = Path(tempfile.mkdtemp(prefix="gai-harness-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


class Built(NamedTuple):
    """An sdist of a copy of the source folder, and the wheels built of it, by architecture."""

    sdist: Path
    wheels: dict[str, Path]


def build_package(folder: Path, unreachable: Unreachable, *words: str, **env: str) -> Path:
    """Build in ``folder`` with this environment's compiler; gives the folder of what was made."""
    build = [sys.executable, "-P", "-m", "build", "--no-isolation", *words, str(folder)]
    # objects of another build are not taken over
    fresh = {"SOURCE_DATE_EPOCH": "1700000000", "ZIG_LOCAL_CACHE_DIR": None, **env}
    done = start(*build, cwd="/", env=fresh, timeout=None)
    if "Missing dependencies" in done.stdout + done.stderr:
        unreachable(f"pip install '.[test]': {done.stdout} {done.stderr}")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "dist"


@pytest.fixture(scope="session")
def built(folder: Path, unreachable: Unreachable) -> Built:
    """For this processor, and for another one."""
    pytest.importorskip("build")
    own = native_arch()
    other = "amd64" if own == "arm64" else "arm64"
    source = folder / "source"
    words = "ls-files", "-z", "--cached", "--others", "--exclude-standard"
    listed = start("git", *words, cwd=ROOT)
    if listed.returncode != 0:
        pytest.skip("what belongs to the source folder is known to git only")
    for name in filter(None, listed.stdout.split("\0")):
        if os.path.lexists(ROOT / name):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name, follow_symlinks=False)
    # both carry the same programs of all processors, which a whole run has made before
    cache = {"ZIG_LOCAL_CACHE_DIR": os.environ.get("ZIG_LOCAL_CACHE_DIR", str(folder / "zig"))}
    made = build_package(source, unreachable, **cache)
    (sdist,), (wheel,) = made.glob("*.tar.gz"), made.glob("*.whl")
    build_package(source, unreachable, "--wheel", GAI_HARNESS_ARCH=other, **cache)
    (cross,) = {*made.glob("*.whl")} - {wheel}
    return Built(sdist, {own: wheel, other: cross})


@pytest.fixture(scope="session")
def needed(folder: Path, built: Built, unreachable: Unreachable) -> Path:
    """A folder with the wheel and the wheels of all that it needs."""
    place = folder / "needed"
    pip = [sys.executable, "-P", "-m", "pip", "wheel", "--wheel-dir", str(place)]
    run_pip([*pip, str(built.wheels[native_arch()])], unreachable)
    return place


@pytest.fixture(scope="session")
def installed(folder: Path, needed: Path, unreachable: Unreachable) -> Path:
    """The command of the wheel, in a fresh environment."""
    place = folder / "venv"
    subprocess.run([sys.executable, "-P", "-m", "venv", "--without-pip", place], check=True)
    pip = [sys.executable, "-P", "-m", "pip", "--python", str(place / "bin/python"), "install"]
    offline = ["--no-compile", "--no-index", "--find-links", str(needed)]
    run_pip([*pip, *offline, "gai-harness"], unreachable)
    return place / "bin/gai-harness"


def run_pip(command: list[str], unreachable: Unreachable) -> None:
    done = start(*command, cwd="/", timeout=None)
    if done.returncode != 0 and any(word in done.stdout + done.stderr for word in NO_NETWORK):
        unreachable(f"no package index: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def home_of_ordinary_user() -> Iterator[Path]:
    """A home folder that belongs to the ordinary user."""
    made = Path(tempfile.mkdtemp(prefix="gai-harness-home-"))
    if os.geteuid() == 0:
        os.chown(made, ordinary_user.UID, ordinary_user.UID)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def home() -> Iterator[Path]:
    """One for one test."""
    with home_of_ordinary_user() as made:
        yield made
