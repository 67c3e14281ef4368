"""A bash that stays open for the blocks of one page, as a reader's does."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self


class Hung(Exception):
    """A command did not end in time, or took the shell with it; the text is what it printed."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command printed, on both streams as they came, and its exit status."""

    output: str
    status: int


class Shell:
    """Runs commands one after the other; folder, variables and functions stay.

    Parameters: ``folder`` where it starts, ``notes`` a folder of its own for what passes
    between the two, ``environment`` the whole environment.
    """

    def __init__(self, folder: Path, notes: Path, environment: Mapping[str, str]) -> None:
        self._notes = notes
        self._count = 0
        self._last = 0
        reading, writing = os.pipe()
        self._statuses = reading
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            cwd=folder, env=dict(environment), pass_fds=(writing,),
            start_new_session=True, text=True,
        )  # fmt: skip
        os.close(writing)
        assert self._bash.stdin is not None
        # a command that ends the shell leaves its status too
        self._bash.stdin.write(f"trap 'echo $? >&{writing}' EXIT\n")
        self._writing = writing

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._bash.pid, signal.SIGKILL)  # with all that commands left behind
        self._bash.communicate()
        os.close(self._statuses)

    def run(self, command: str, seconds: float = 600, *, strict: bool = False) -> Ran:
        """Run a command line or several; ``strict``: the first that fails ends it.

        Raises Hung.
        """
        self._count += 1
        script = self._notes / f"{self._count}.sh"
        output = self._notes / f"{self._count}.out"
        text = f"set -e -o pipefail\n{command}\nset +e +o pipefail\n" if strict else command
        script.write_text(text + "\n", encoding="utf-8")
        assert self._bash.stdin is not None
        try:
            self._bash.stdin.write(
                f"(exit {self._last}); . {script} >{output} 2>&1 </dev/null;"
                f" echo $? >&{self._writing}\n"
            )
            self._bash.stdin.flush()
        except BrokenPipeError:
            raise Hung("the shell had ended") from None
        word = self._status(seconds)
        printed = output.read_text(encoding="utf-8", errors="replace") if output.exists() else ""
        if not word:
            raise Hung(printed)
        self._last = int(word)
        return Ran(printed, self._last)

    def _status(self, seconds: float) -> str:
        end = time.monotonic() + seconds
        word = b""
        while not word.endswith(b"\n"):
            ready, _, _ = select.select([self._statuses], [], [], max(0, end - time.monotonic()))
            piece = os.read(self._statuses, 64) if ready else b""
            if not piece:
                return ""
            word += piece
        return word.decode().strip()
