"""A format holds few look-ups at a time: what a run found waits in a file until it is written."""

from __future__ import annotations

import gc
import io
import resource
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from harness.compare.results import DestinationRow, LookupReport, PairReason, Result, Verdict
from harness.report.formats import FORMATS, writer
from harness.sandbox.spool import ROOM, Spool

REPORTS = 24
WHY = "rule 10: {} was given before {}, and nothing else decides between the two of them"


def report(number: int) -> LookupReport:
    """A look-up of 1024 addresses on which native and model disagree: about 200 KiB as pickled."""
    order = tuple(f"10.{number}.{n >> 8}.{n & 255}" for n in range(1024))
    result = Result(
        "s", "web", "default", "2.36", "amd64", "cffi", "host", Verdict.DISAGREE,
        order, order[::-1], first_difference=0, label="host",
        decisions=tuple(PairReason(a, b, 10, WHY.format(a, b)) for a, b in pairwise(order)),
        destinations=tuple(
            DestinationRow(a, n, "10.0.0.1", 8, True, None, 14, 14, 4, 4, 10, "eth0", True, 8, ())
            for n, a in enumerate(order)
        ),
    )  # fmt: skip
    return LookupReport("s", "web", "default", (result,), line=number)


class Watching(io.StringIO):
    """Drops what is written, and looks now and then how many results are in memory."""

    most = writes = 0

    def write(self, text: str) -> int:
        if self.writes % 2000 == 0:
            self.most = max(self.most, sum(type(each) is Result for each in gc.get_objects()))
        self.writes += 1
        return len(text)


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_keeps_few_look_ups_in_memory(name: str) -> None:
    before = Watching()
    before.write("")
    stream = Watching()
    made = writer(name, stream, "t")
    for number in range(REPORTS):
        made.add(report(number))
    stream.writes = 0
    stream.write("")
    assert made.finish().disagree == REPORTS
    assert stream.most - before.most < REPORTS / 2


PROGRAM = """
import os, sys
sys.path.append(sys.argv[1])
from tests.report.test_memory import report, writer
with open(os.devnull, "w") as stream:
    made = writer("json", stream, "t")
    for number in range(60):
        made.add(report(number))
    print(made.finish().disagree)
"""


def test_a_long_run_as_json_fits_in_little_memory() -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (200 << 20, 200 << 20))  # 340 MiB before

    done = subprocess.run(
        [sys.executable, "-I", "-c", PROGRAM, str(Path(__file__).parents[2])],
        capture_output=True, text=True, preexec_fn=limited, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "60\n"), done.stderr[-2000:]


def test_a_spool_is_the_sequence_that_was_put_in() -> None:
    spool: Spool[bytes] = Spool()
    values = [bytes([n]) * (ROOM // 3) for n in range(9)]
    for value in values:
        spool.append(value)
    assert spool == values
    assert (spool[0], spool[-1], spool[2:7:2]) == (values[0], values[-1], values[2:7:2])
    with pytest.raises(IndexError):
        spool[9]
