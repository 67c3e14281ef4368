import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.glibcs import Build
from harness.native.worker_lane import bundled_worker
from tests.e2e.kit import start

CSRC = Path(__file__).resolve().parents[2] / "csrc"
_STRICT = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-g", "-O1")
SANITIZED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def compiled(command: Sequence[str], sources: Sequence[str], output: Path) -> Path:
    """Compile ``sources``, by their names in csrc or by their paths, without a warning."""
    words = [*command, *_STRICT, *(str(CSRC / name) for name in sources), "-o", str(output)]
    done = start(*words)
    assert done.returncode == 0, done.stderr
    return output


@pytest.fixture(scope="session")
def sanitized_worker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The worker under ASan and UBSan; under UBSan alone where only zig can compile."""
    compiler = os.environ.get("GAI_HARNESS_SANITIZE") or shutil.which("gcc")
    command = [compiler or "", *SANITIZED]
    if not compiler:
        pytest.importorskip("ziglang")
        command = [sys.executable, "-P", "-m", "ziglang", "cc"]
        command += ["-fsanitize=undefined", "-fsanitize-trap=undefined"]
    sources = ("worker.c", "dispatch.c", "serve.c", "view.c", "core.c", "libc.c")
    folder = tmp_path_factory.mktemp("sanitized")
    return compiled([*command, "-Wconversion"], sources, folder / "worker")


@pytest.fixture(params=["bundled", "sanitized", "musl", "go"])
def worker(request: pytest.FixtureRequest) -> Path:
    if request.param == "bundled":
        return bundled_worker()
    if request.param == "go":
        build: Build = request.getfixturevalue("go_resolver")
        return build.loader
    path = request.getfixturevalue(f"{request.param}_worker")
    assert isinstance(path, Path)
    return path
