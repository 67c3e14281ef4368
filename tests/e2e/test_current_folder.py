"""Nothing of the current folder is executed, whatever lies in it and whatever is started there."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import distributions
from pathlib import Path

import pytest

from tests.e2e import kit
from tests.e2e.kit import COMMAND, ROOT

SEED = "seed-rule9-dual-stack"
PROGRAMS = (
    "apt-config", "apt-get", "bash", "cc", "dpkg-deb", "gcc", "ip", "ld", "ldconfig", "python",
    "python3", "qemu-arm-static", "sh", "strace", "tar", "true", "uname",
)  # fmt: skip
ITEM = "name: a\nhost: {}\nnames: {web: [192.0.2.1]}\nlookups: [{name: web}]\n"
OWN = """
import sys

def test_a_host(gai_host):
    box = gai_host("seed-rule9-dual-stack")
    assert box.run(lambda: __import__("socket").gethostname())
    assert box.command([sys.executable, "-P", "-c", "import json"]).returncode == 0
"""

# what a planted module does; it may import nothing
SAYS = """
with open(MARKER, "a") as marker, open("/proc/self/cmdline") as command:
    marker.write(f"{NAME} in {command.read()!r}\\n")
"""
# what is started, and the statuses it may end with; bench is in tests/cli/test_bench_command.py
COMMANDS: list[tuple[list[str], set[int]]] = [
    (["doctor", "--network"], {0}),
    (["run", SEED, "--lane", "both", "--glibc", "host,local-copy"], {0}),
    (["fuzz", "--cases", "5", "-j", "1", "--glibc", "local-copy", "--scheduler", "local"], {0}),
    (["fuzz", "--cases", "5", "--scheduler", "tcp://127.0.0.1:1"], {3}),
    (["explain", SEED, "--trace"], {0, 3}),
    (["explain", "localhost"], {0}),
    (["explain", SEED, "--glibc", "local-copy:armhf"], {2, 3}),
    (["whatif", "--scenario", SEED, "--gai-conf", "none"], {0}),
    (["watch", SEED, "--", "true"], {0, 3}),
    (["suggest", SEED, "--lookup", "web", "--want", "172.31.80.8"], {0, 1, 2}),
    (["snapshot", "localhost"], {0}),
    (["kubelet", "--scenario", SEED], {0}),
    (["lint", "gai.conf"], {0, 1}),
    (["glibc", "list"], {0}),
    (["glibc", "fetch", "1.0"], {2, 3}),
    (["schema", "--of", "results"], {0}),
    (["completion", "bash"], {0}),
    (["--help"], {0}),
    (["--version"], {0}),
    (["nonsense"], {2}),
]


def planted(folder: Path, marker: Path) -> None:
    """Modules of every name that may be imported, and programs, that all say they were run."""
    names = {
        re.sub(r"\W", "_", top)
        for one in distributions()
        for top in (one.read_text("top_level.txt") or one.name).split()
    }
    names |= sys.stdlib_module_names | {"sitecustomize", "usercustomize", "yaml", "harness"}
    names -= {"conftest", "encodings"} - sys.stdlib_module_names
    said = f"MARKER, NAME = {str(marker)!r}, __name__\n" + SAYS
    for name in sorted(names):
        if name == "harness":
            (folder / name).mkdir()
            (folder / name / "__init__.py").write_text(said)
        (folder / f"{name}.py").write_text(said)
    for name in PROGRAMS:
        program = folder / name
        program.write_text(f"#!/bin/sh\necho program {name} >>'{marker}'\nexit 1\n")
        program.chmod(0o755)
    (folder / "gai.conf").write_text("precedence ::ffff:0:0/96 100\n")


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Path]:
    """The working folder; what is run of it leaves a marker beside it."""
    folder = tmp_path / "work"
    folder.mkdir()
    marker = tmp_path / "marker"
    planted(folder, marker)
    yield folder
    assert not marker.exists(), marker.read_text()


def start(folder: Path, *command: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the folder, with empty and relative entries on the PATH."""
    env = {name: None for name in os.environ if name.startswith(("PYTHON", "PYTEST_"))}
    given = {"PATH": f":.:{os.environ['PATH']}:", "GAI_HARNESS_CACHE": f"{folder.parent}/cache"}
    return kit.start(*command, cwd=folder, env=env | given | more)


def test_no_command_runs_what_lies_there(hostile: Path) -> None:
    adding = "glibc", "add", "/", "--name", "local-copy", "--no-probe"
    added = start(hostile, COMMAND, *adding)
    assert added.returncode == 0, added.stderr
    with ThreadPoolExecutor(2) as threads:
        jobs = [
            (words, statuses, threads.submit(start, hostile, COMMAND, *words))
            for words, statuses in COMMANDS
        ]
        module = [sys.executable, "-P", "-m", "harness"]
        jobs.append((module, {0}, threads.submit(start, hostile, *module, "run", SEED)))
        for words, statuses, job in jobs:
            done = job.result()
            assert done.returncode in statuses, (words, done.stdout[-500:], done.stderr)
    removed = start(hostile, COMMAND, "glibc", "remove", "local-copy")
    assert removed.returncode == 0, removed.stderr


@pytest.mark.parametrize("line", ["gai-harness run --gai-conf ./", "gai-harness glibc remove "])
def test_completion_runs_nothing_of_it(line: str, hostile: Path) -> None:
    done = start(
        hostile, "/bin/sh", "-c", f"exec {COMMAND} 8>&1 9>&2", _ARGCOMPLETE="1",
        _ARGCOMPLETE_IFS="\n", COMP_LINE=line, COMP_POINT=str(len(line)), COMP_TYPE="9",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_plugin_runs_nothing_of_it(hostile: Path) -> None:
    """pytest itself imports what its own rules say; the tests lie in a folder of their own."""
    tests = hostile / "tests"
    tests.mkdir()
    (tests / "a.gai.yaml").write_text(ITEM)
    (tests / "test_own.py").write_text(OWN)
    words = "-q", "-p", "no:cacheprovider", "--rootdir", "tests", "tests"
    done = start(hostile, COMMAND.with_name("pytest"), *words)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_python_is_started_with_the_current_folder_on_its_path() -> None:
    """``-c`` and ``-m`` put it first, unless -P or -I stands before them."""
    for place in ("harness", "tests", "csrc", "docs", "tools"):
        for path in (ROOT / place).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            assert not re.findall(r"""sys\.executable\)?,\s*["']-[cm]""", text), path
    for name in ("action.yml", ".ci/run", "Containerfile", "tox.ini"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert not re.findall(r'python[0-9.]*"? (?:-[cm] |- ).*', text), name
