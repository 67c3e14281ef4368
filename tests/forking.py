"""Commands in processes of their own, forked from one that has imported what they all do.

For tests that are not about the start of a program, which costs more than most commands do.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.processes import Program
from tests.sandbox import ordinary_user

ROOT = Path(__file__).resolve().parents[1]
# A command for each line of input. A line of output has what subprocess gives of one.
_SERVER = """
import importlib, json, os, resource, select, sys, traceback
import elftools.elf.elffile, platformdirs
import harness
from harness.cli import explain, glibc, kubelet, lint, run, snapshot
from harness.cli.main import main
from harness.glibcs import emulators, fetching
from harness.kernel import rules
from harness.native import _core, trace
from harness.report import doctor, terminal
from harness.sandbox import forkserver, userns_diagnosis
from tests.sandbox import denied_places, ordinary_user

harness.pristine = True

def command(words, env, user, limits, places):
    status = -1
    try:
        os.environ.clear()
        os.environ.update(env)
        if user is not None:
            ordinary_user.become(**user)
        for name, most in limits.items():
            resource.setrlimit(getattr(resource, f"RLIMIT_{name.upper()}"), (most, most))
        for place in places:
            denied_places.enter(place)
        importlib.reload(userns_diagnosis)  # it looks at its process as it begins
        status = main(words)
    except SystemExit as end:
        status = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)

for line in sys.stdin:
    given = json.loads(line)
    pipes = os.pipe(), os.pipe()
    if not (child := os.fork()):
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, (_, end) in enumerate(pipes, 1):
            os.dup2(end, number)
        os.closerange(3, 256)
        command(*given)
    for _, end in pipes:
        os.close(end)
    said = {end: b"" for end, _ in pipes}
    open_ends = set(said)
    while open_ends:  # both at once: the other one must not fill up
        for end in select.select(open_ends, [], [])[0]:
            more = os.read(end, 65536)
            said[end] += more
            if not more:
                os.close(end)
                open_ends.remove(end)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    texts = [text.decode(errors="surrogateescape") for text in said.values()]
    print(json.dumps((given[0], status, *texts)), flush=True)
"""


class Forked:
    """Call it with the words of a command, and where, with which limits and as whom it is run."""

    def __init__(self, into: IO[str], out: IO[str]) -> None:
        self._into = into
        self._out = out

    def __call__(
        self,
        words: Sequence[str | Path],
        *places: str,
        limits: Mapping[str, int] | None = None,
        env: Mapping[str, str] | None = None,
        ordinary: bool = False,
        tun: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """``places`` as `denied_places` names them; ``limits`` as prlimit(1) does."""
        user = {"tun": tun} if ordinary else None
        variables = ordinary_user.variables(env) if ordinary else {**os.environ, **(env or {})}
        given = [*map(str, words)], variables, user, limits or {}, places
        self._into.write(json.dumps(given) + "\n")
        self._into.flush()
        return subprocess.CompletedProcess(*json.loads(self._out.readline()))


@contextmanager
def forking() -> Iterator[Forked]:
    """A process that forks, until the end of the with block."""
    code = f"import sys; sys.path.append({str(ROOT)!r})\n{_SERVER}"
    with Program(sys.executable, "-P", "-c", code, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                 stderr=None) as program:  # fmt: skip
        assert program.stdin
        assert program.stdout
        yield Forked(program.stdin, program.stdout)
