from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.native.worker_lane import bundled_worker

CSRC = Path(__file__).resolve().parents[2] / "csrc"
SOURCES = [str(CSRC / name) for name in ("worker.c", "dispatch.c", "serve.c", "view.c", "core.c")]
STRICT = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-g", "-O1"]


def _compile(command: list[str], output: Path) -> Path:
    done = subprocess.run(
        [*command, *STRICT, *SOURCES, "-o", str(output)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return output


@pytest.fixture(scope="session")
def sanitized_worker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The worker under ASan and UBSan; under UBSan alone where only zig can compile."""
    folder = tmp_path_factory.mktemp("sanitized")
    compiler = os.environ.get("GAI_HARNESS_SANITIZE") or shutil.which("gcc")
    if compiler:
        checks = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
        return _compile([compiler, *checks], folder / "worker")
    pytest.importorskip("ziglang")
    checks = ["-fsanitize=undefined", "-fsanitize-trap=undefined"]
    return _compile([sys.executable, "-P", "-m", "ziglang", "cc", *checks], folder / "worker")


@pytest.fixture(params=["bundled", "sanitized"])
def worker(request: pytest.FixtureRequest) -> Path:
    if request.param == "bundled":
        return bundled_worker()
    path = request.getfixturevalue("sanitized_worker")
    assert isinstance(path, Path)
    return path
