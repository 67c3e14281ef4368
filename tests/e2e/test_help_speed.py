"""``gai-harness --help`` answers at once, because nothing heavy is imported for it."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from tests.e2e.kit import COMMAND

HEAVY = ("cffi", "_cffi_backend", "dnslib", "jinja2", "pydantic", "pyroute2", "rich", "yaml")
ROUNDS = 15


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def test_help_takes_at_most_five_times_an_empty_program() -> None:
    # by turns, so that a busy machine is busy for both; the best of each is the program itself
    pairs = [
        (seconds([sys.executable, "-P", "-c", "pass"]), seconds([str(COMMAND), "--help"]))
        for _ in range(ROUNDS)
    ]
    empty, helping = (min(column) for column in zip(*pairs, strict=True))
    assert helping <= 5 * empty, f"{helping:.3f} s against {empty:.3f} s"


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["run", "--help"], ["lint", "-h"]]
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    script = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "from harness.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end: assert end.code == 0, end.code\n"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", script, *arguments], capture_output=True, text=True, check=True
    )
    imported = done.stdout.splitlines()[-1].split()
    assert "harness" in imported
    assert not set(HEAVY) & set(imported)
