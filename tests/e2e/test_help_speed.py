"""``gai-harness --help`` answers at once, because nothing heavy is imported for it."""

import os
import subprocess
import sys
import time

import pytest

from tests.e2e.kit import COMMAND, start

HEAVY = {"cffi", "_cffi_backend", "dnslib", "jinja2", "pydantic", "pyroute2", "rich", "yaml"}
ROUNDS = 15


def seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def test_help_takes_at_most_five_times_an_empty_program() -> None:
    # by turns, so that a busy machine is busy for both; the best of each is the program itself
    pairs = [
        (seconds([sys.executable, "-P", "-c", "pass"]), seconds([str(COMMAND), "--help"]))
        for _ in range(ROUNDS)
    ]
    empty, helping = (min(column) for column in zip(*pairs, strict=True))
    assert helping <= 5 * empty, f"{helping:.3f} s against {empty:.3f} s"


@pytest.mark.parametrize("words", ["--help", "--version", "run --help", "lint -h", "completion"])
def test_nothing_heavy_is_imported(words: str) -> None:
    completing = {
        "_ARGCOMPLETE": "1", "COMP_LINE": "gai-harness ru", "COMP_POINT": "14",
        "_ARGCOMPLETE_STDOUT_FILENAME": os.devnull,
    } if words == "completion" else {}  # fmt: skip
    done = start(sys.executable, "-P", "-X", "importtime", COMMAND, *words.split(), env=completing)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "argcomplete" in imported if completing else "harness.cli" in imported
    assert not HEAVY & imported
