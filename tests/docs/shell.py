"""A bash for the blocks of one page: folder, variables and functions stay, as in a reader's."""

import os
import shlex
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL, STDOUT, Popen, TimeoutExpired
from typing import NamedTuple

SECONDS = 600
# what the next command begins with; bash refuses to set some of its own variables, and says so
LEFT = 'declare -p; declare -f; echo "cd ${PWD@Q}; (exit $ended)"'


class Hung(Exception):
    """A command did not end in time; the text is what it printed."""


class Ran(NamedTuple):
    """What a command printed, on both streams as they came, and its exit status."""

    output: str
    status: int


class Shell:
    """Runs commands one after the other, each with what the one before has left.

    Parameters: ``folder`` where it starts, ``notes`` a folder of its own for what passes
    between the two, ``environment`` the whole environment.
    """

    def __init__(self, folder: Path, notes: Path, environment: Mapping[str, str]) -> None:
        self._script, self._left, self._output = (notes / name for name in ("sh", "left", "out"))
        self._left.write_text(f"cd {shlex.quote(str(folder))}\n", encoding="utf-8")
        self._environment = environment

    def run(self, command: str, *, strict: bool = False) -> Ran:
        """Run a command line or several; ``strict``: the first that fails ends it.

        Raises Hung.
        """
        self._script.write_text("set -e -o pipefail\n" * strict + command, encoding="utf-8")
        keep = f"trap 'ended=$?; {{ {LEFT}; }} >{self._left}' EXIT"
        line = f"{keep}; . {self._left} 2>/dev/null; . {self._script}"
        with (
            self._output.open("wb") as output,
            Popen(
                ["bash", "--noprofile", "--norc", "-c", line], env=self._environment,
                stdin=DEVNULL, stdout=output, stderr=STDOUT, start_new_session=True,
            ) as bash,
        ):  # fmt: skip
            try:
                bash.wait(SECONDS)
            except TimeoutExpired:
                raise Hung(self._printed()) from None
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(bash.pid, signal.SIGKILL)  # with all that it left behind
        return Ran(self._printed(), bash.returncode)

    def _printed(self) -> str:
        return self._output.read_text(encoding="utf-8", errors="replace")
