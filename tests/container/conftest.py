"""The base root of the Containerfile, and its image, made once for all tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.container.action import BAD, GOOD, Ran, Runner
from tests.container.containerfile import stages
from tests.container.kit import ROOT, Builder, Image, Machine, Root, make_base

_ENOUGH = 3 << 30  # bytes: the base and what the stages put over it, with room to spare


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """A folder for roots, in memory where that has room: packages are installed three times."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > _ENOUGH
    made = Path(tempfile.mkdtemp(prefix="gai-harness-", dir=memory if roomy else None))
    made.chmod(0o755)
    yield made
    # an ordinary user's roots have files of the users in them
    remove = ["rm", "-rf", str(made)]
    if os.geteuid() != 0:
        remove = ["unshare", "--user", "--map-auto", "--map-root-user", *remove]
    subprocess.run(remove, check=False)


@pytest.fixture(scope="session")
def machine(place: Path) -> Machine:
    return Machine.here(place)


@pytest.fixture(scope="session")
def base(place: Path, unreachable: Callable[[str], NoReturn], needs: Callable[..., str]) -> Path:
    needs("mmdebstrap")
    (first, *_) = stages((ROOT / "Containerfile").read_text(), {})
    suite = first.base.removeprefix("debian:").removesuffix("-slim")
    try:
        return make_base(suite, place / "base")
    except LookupError as problem:
        unreachable(str(problem))


@pytest.fixture(scope="session")
def images(place: Path, base: Path, machine: Machine) -> dict[str, Image]:
    """Every stage of the Containerfile, built; the last one is named ""."""
    own = Path("~/.cache").expanduser()
    caches = {"/root/.cache": own} if own.is_dir() else {}
    built: dict[str, Image] = {}
    for number, stage in enumerate(stages((ROOT / "Containerfile").read_text(), {})):
        below = built[stage.base].root if stage.base in built else base
        image = Image(Root(place / f"stage{number}", below, machine))
        arguments = {"GLIBCS": "2.36"}
        built[stage.name] = Builder(image, ROOT, arguments, built, caches).build(stage)
    return built


@pytest.fixture(scope="session")
def runner(images: dict[str, Image], place: Path) -> Runner:
    """A runner whose machine is the Containerfile's: Debian with Python, no compiler."""
    workspace = place / "workspace"
    (workspace / "scenarios").mkdir(parents=True)
    workspace.chmod(0o777)
    (workspace / "scenarios/good.yaml").write_text(GOOD)
    (workspace / "bad.yaml").write_text(BAD)
    root = images["build"].root
    root.run(["install", "-d", "-m", "777", "/tmp/runner", "/tmp/home"])
    return Runner(root, ROOT, workspace)


@pytest.fixture(scope="session")
def agreed(runner: Runner) -> Ran:
    """The action as a workflow uses it, installed from what its own source was built to."""
    (wheel,) = runner.root.run(["sh", "-c", "ls /wheels/*.whl"]).stdout.split()
    return runner.run(
        {
            "package": wheel,
            "scenarios": "scenarios\nseed-rule9-dual-stack\n",
            "glibc": "host,2.36",
            "reports": "html=report.html\njunit=report.xml\n",
        }
    )


@pytest.fixture(scope="session")
def tool(
    unreachable: Callable[[str], NoReturn],
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a checker that is installed beside this interpreter."""

    def run(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        program = Path(sys.executable).with_name(name)
        if not program.exists():
            unreachable(f"{name} is not installed")
        return subprocess.run(
            [program, *arguments], capture_output=True, text=True, check=False, timeout=120
        )

    return run
