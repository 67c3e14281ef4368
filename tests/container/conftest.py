"""The base root of the Containerfile, and its image, made once for all tests."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from tests.conftest import Once, removed_at_the_end
from tests.container.action import BAD, GOOD, Ran, Runner
from tests.container.engine import Engine
from tests.container.kit import ROOT, Builder, Image, Machine, Root, make_base, stages
from tests.e2e.kit import start

_ENOUGH = 5 << 30  # bytes: the base, what the stages put over it, two images and a container
_ME = os.environ.get("PYTEST_XDIST_WORKER", "alone")


@pytest.fixture(scope="session")
def place(once: Once) -> Path:
    """The run's folder for roots, in memory where that has room."""

    def make(_: Path) -> Path:
        memory = Path("/dev/shm")
        roomy = memory.is_dir() and shutil.disk_usage(memory).free > _ENOUGH
        made = Path(tempfile.mkdtemp(prefix="gai-harness-", dir=memory if roomy else None))
        made.chmod(0o755)
        removed_at_the_end(made)
        return made

    return once("container-place", make)


@pytest.fixture(scope="session")
def built(
    place: Path, once: Once, unreachable: Callable[[str], NoReturn], needs: Callable[..., str]
) -> dict[str, Image]:
    """Every stage of the Containerfile, built once for all workers; the last one is named ""."""

    def make(_: Path) -> dict[str, Image]:
        needs("mmdebstrap")
        found = stages((ROOT / "Containerfile").read_text(), {})
        suite = found[0].base.removeprefix("debian:").removesuffix("-slim")
        try:
            base = make_base(suite, place / "base")
        except LookupError as problem:
            unreachable(str(problem))
        machine = Machine.here(place)
        own = Path("~/.cache").expanduser()
        caches = {"/root/.cache": own} if own.is_dir() else {}
        images: dict[str, Image] = {}
        for number, stage in enumerate(found):
            below = images[stage.base].root if stage.base in images else base
            image = Image(Root(place / f"stage{number}", below, machine))
            builder = Builder(image, ROOT, {"GLIBCS": "2.36"}, images, caches)
            images[stage.name] = builder.build(stage)
        return images

    return once("container-images", make)


@pytest.fixture(scope="session")
def images(place: Path, built: dict[str, Image]) -> dict[str, Image]:
    """The images, each in a root of this worker's own over what was built."""
    return {
        name: replace(image, root=image.root.over(place / f"{_ME}-{name}"))
        for name, image in built.items()
    }


@pytest.fixture(scope="session")
def engines(place: Path, built: dict[str, Image], needs: Callable[..., str]) -> dict[bool, Engine]:
    """A real podman as root, and as an ordinary user (True), with the image in its storage."""
    needs("podman")
    image = built[""]
    changes = [f"ENV {name}={value}" for name, value in image.environment.items()]
    changes += [f"USER {image.user}", f"WORKDIR {image.folder}"]
    made = {}
    for rootless in (False, True):
        made[rootless] = Engine(place / f"{_ME}-podman-{rootless}", rootless)
        made[rootless].load(image.root.lower, changes)
    return made


@pytest.fixture(scope="session")
def installed(place: Path, built: dict[str, Image], once: Once) -> tuple[Runner, Ran]:
    """A runner whose machine is the Containerfile's (Debian with Python, no compiler), and the
    action as a workflow uses it there, installed from what its own source was built to.
    """

    def make(_: Path) -> tuple[Runner, Ran]:
        workspace = place / "workspace"
        (workspace / "scenarios").mkdir(parents=True)
        workspace.chmod(0o777)
        (workspace / "scenarios/good.yaml").write_text(GOOD)
        (workspace / "bad.yaml").write_text(BAD)
        root = built["build"].root.over(place / "runner")
        root.run(["install", "-d", "-m", "777", "/tmp/runner", "/tmp/home"])
        runner = Runner(root, ROOT, workspace)
        (wheel,) = root.run(["sh", "-c", "ls /wheels/*.whl"]).stdout.split()
        given = {
            "package": wheel,
            "scenarios": "scenarios\nseed-rule9-dual-stack\n",
            "glibc": "host,2.36",
            "reports": "html=report.html\njunit=report.xml\n",
        }
        return runner, runner.run(given)

    return once("container-action", make)


@pytest.fixture(scope="session")
def runner(installed: tuple[Runner, Ran], place: Path) -> Runner:
    """The runner after that run, in a root and a workspace of this worker's own."""
    first = installed[0]
    workspace = place / f"{_ME}-workspace"
    shutil.copytree(first.workspace, workspace)
    workspace.chmod(0o777)
    return Runner(first.root.over(place / f"{_ME}-runner"), ROOT, workspace)


@pytest.fixture(scope="session")
def tool(unreachable: Callable[[str], NoReturn]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a checker that is installed beside this interpreter."""

    def run(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        program = Path(sys.executable).with_name(name)
        if not program.exists():
            unreachable(f"{name} is not installed")
        return start(program, *arguments)

    return run
