"""A bash that stays open for the blocks of one page, as a reader's does."""

import os
import select
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

SECONDS = 600


class Hung(Exception):
    """A command did not end in time, or took the shell with it; the text is what it printed."""


class Ran(NamedTuple):
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
        self._count = self._last = 0
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], cwd=folder, env=environment, bufsize=0,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._stdin, self._statuses = self._bash.stdin, self._bash.stdout
        # a command that ends the shell leaves its status too
        self._stdin.write(b"exec 3>&1 >/dev/null; trap 'echo $? >&3' EXIT\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._bash.pid, signal.SIGKILL)  # with all that commands left behind
        self._bash.communicate()

    def run(self, command: str, *, strict: bool = False) -> Ran:
        """Run a command line or several; ``strict``: the first that fails ends it.

        Raises Hung.
        """
        self._count += 1
        script, output = (self._notes / f"{self._count}.{kind}" for kind in ("sh", "out"))
        text = f"set -e -o pipefail\n{command}\nset +e +o pipefail\n" if strict else command
        script.write_text(text + "\n", encoding="utf-8")
        line = f"(exit {self._last}); . {script} >{output} 2>&1 </dev/null; echo $? >&3\n"
        try:
            self._stdin.write(line.encode())
        except BrokenPipeError:
            raise Hung("the shell had ended") from None
        ready, _, _ = select.select([self._statuses], [], [], SECONDS)
        word = self._statuses.readline() if ready else b""
        printed = output.read_text(encoding="utf-8", errors="replace") if output.exists() else ""
        if not word:
            raise Hung(printed)
        self._last = int(word)
        return Ran(printed, self._last)
