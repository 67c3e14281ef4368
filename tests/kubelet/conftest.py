"""Real Go and real etcd for these tests; where they are missing the tests skip, but not in CI."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from harness.sandbox import Pool
from tests.kubelet.kit import Programs

SOURCE = Path(__file__).parents[1] / "go/lookup.go"
Unreachable = Callable[[str], NoReturn]


@pytest.fixture(scope="session")
def pool() -> Iterator[Pool]:
    with Pool(2) as made:
        yield made


@pytest.fixture(scope="session")
def programs(needs: Callable[..., str]) -> Iterator[Programs]:
    """The Go program, built twice, where sandboxes and ordinary users can see it."""
    go = needs("go", "golang-go")
    needs("gcc", "gcc libc6-dev")
    folder = Path(tempfile.mkdtemp(prefix="gai-harness-go-"))
    folder.chmod(0o755)
    built = Programs(folder / "cgo", folder / "pure")
    for program, cgo in ((built.cgo, "1"), (built.pure, "0")):
        environment = {
            **os.environ, "CGO_ENABLED": cgo, "GOFLAGS": "", "GO111MODULE": "off",
            "GOCACHE": str(folder / "cache"),
        }  # fmt: skip
        subprocess.run(
            [go, "build", "-o", str(program), str(SOURCE)], env=environment, check=True, cwd=folder
        )
    yield built
    shutil.rmtree(folder, ignore_errors=True)
