from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
CSRC = HERE.parents[1] / "csrc"
EAI_MEMORY = -10


def test_no_memory_is_an_error_and_nothing_leaks(tmp_path: Path, needs: Callable[..., str]) -> None:
    compiler = os.environ.get("GAI_HARNESS_SANITIZE") or needs("gcc", "gcc libc6-dev")
    program = tmp_path / "memory"
    command = [
        *(compiler, "-std=c11", "-Wall", "-Wextra", "-Werror", "-g", "-O1"),
        *("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-Wl,--wrap=realloc"),
        *(f"-I{CSRC}", str(HERE / "memory.c"), str(CSRC / "core.c"), "-o", str(program)),
    ]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    done = subprocess.run([str(program)], capture_output=True, text=True, check=False, env={})
    assert (done.returncode, done.stderr) == (0, "")
    *lines, appended = done.stdout.splitlines()
    assert appended.startswith("appended ")
    results = {}
    for line in lines:
        query, allowed, result, eai, length = map(int, line.split())
        results[query, allowed] = (result, eai, length)
    # Without any allocation there is no record; with one, always a whole one.
    assert {results[query, 0] for query in range(6)} == {(-1, 0, 0)}
    assert all(results[query, 3][0] == 0 for query in range(6))
    assert results[0, 3][1] == 0
    # The long canonical name needs a second allocation, and its failure is EAI_MEMORY.
    assert results[1, 1][:2] == (0, EAI_MEMORY)
    assert results[1, 3][1] == 0
