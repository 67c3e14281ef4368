import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from csrc.toolchain import WORKER_SOURCES
from harness.glibcs import Build
from harness.native.worker_lane import bundled_worker
from tests.e2e.kit import start

CSRC = Path(__file__).resolve().parents[2] / "csrc"
_STRICT = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-g", "-O1")
CARES_STAND_IN = Path(__file__).with_name("cares_stand_in.c")
SANITIZED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def compiled(command: Sequence[str], sources: Sequence[str], output: Path) -> Path:
    """Compile ``sources``, by their names in csrc or by their paths, without a warning."""
    words = [*command, *_STRICT, *(str(CSRC / name) for name in sources), "-o", str(output)]
    done = start(*words)
    assert done.returncode == 0, done.stderr
    return output


def sanitizing() -> list[str]:
    """A compiler with ASan and UBSan; with UBSan alone where only zig can compile."""
    compiler = os.environ.get("GAI_HARNESS_SANITIZE") or shutil.which("gcc")
    if compiler:
        return [compiler, *SANITIZED]
    pytest.importorskip("ziglang")
    command = [sys.executable, "-P", "-m", "ziglang", "cc"]
    return [*command, "-fsanitize=undefined", "-fsanitize-trap=undefined"]


@pytest.fixture(scope="session")
def sanitized_worker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The worker under the sanitizers."""
    folder = tmp_path_factory.mktemp("sanitized")
    sources = (*WORKER_SOURCES, "libc.c")
    return compiled([*sanitizing(), "-Wconversion"], sources, folder / "worker")


def compiled_library(command: Sequence[str], source: Path, folder: Path) -> None:
    """Compile what stands for c-ares' library."""
    library = ["-shared", "-fPIC", "-Wl,-soname,libcares.so.2"]
    compiled([*command, *library], [str(source)], folder / "libcares.so.2")


@pytest.fixture(scope="session")
def cares_worker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The worker of c-ares under the sanitizers, with a stand-in for the library."""
    folder = tmp_path_factory.mktemp("cares")
    compiled_library(sanitizing(), CARES_STAND_IN, folder)
    # what ASan puts in the place of dlopen looks where the program says, and not its library
    found = ["-ldl", "-Wl,--disable-new-dtags", f"-Wl,-rpath,{folder}"]
    sources = (*WORKER_SOURCES, "cares.c")
    return compiled([*sanitizing(), "-Wconversion", *found], sources, folder / "worker")


@pytest.fixture(params=["bundled", "sanitized", "musl", "cares", "go"])
def worker(request: pytest.FixtureRequest) -> Path:
    if request.param == "bundled":
        return bundled_worker()
    if request.param == "go":
        build: Build = request.getfixturevalue("go_resolver")
        return build.loader
    path = request.getfixturevalue(f"{request.param}_worker")
    assert isinstance(path, Path)
    return path
