"""A format holds few look-ups at a time: what a run found waits in a file until it is written."""

import gc
import io
import sys
import tempfile

import pytest

from harness.compare.results import Result
from harness.report.formats import FORMATS, writer
from harness.sandbox import spool
from harness.sandbox.spool import ROOM, Spool
from tests.report.html import kit

REPORTS = 60


def is_result(each: object) -> bool:
    """Whether it is a result, or one ready to be written as JSON."""
    return type(each) is Result or (type(each) is dict and "expectation_failures" in each)


class Watching(io.StringIO):
    """Drops what is written, and looks now and then how many results are in memory."""

    most = writes = longest = total = 0

    def write(self, text: str) -> int:
        if self.writes % 100 == 0:
            self.most = max(self.most, sum(map(is_result, gc.get_objects())))
        self.writes += 1
        self.longest = max(self.longest, len(text))
        self.total += len(text)
        return len(text)


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_keeps_few_look_ups_in_memory(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "ROOM", 1 << 14)
    before, stream = Watching(), Watching()
    before.write("")
    made = writer(name, stream, "t")
    for number in range(REPORTS):
        made.add(kit.lookup(f"s{number}", kit.DISAGREEING.results))
    stream.writes = 0
    stream.write("")
    made.finish()
    assert made.summary.disagree == REPORTS
    assert stream.most - before.most < REPORTS * len(kit.DISAGREEING.results) / 2
    assert stream.longest < stream.total / 2


def test_a_spool_is_the_sequence_that_was_put_in() -> None:
    made: Spool[bytes] = Spool()
    values = [bytes([n]) * (ROOM // 3) for n in range(9)]
    for value in values:
        made.append(value)
    assert [*made] == values
    assert (made[0], made[-1], made[2:7:2]) == (values[0], values[-1], values[2:7:2])
    with pytest.raises(IndexError):
        made[9]


def test_a_spool_on_a_full_disk_goes_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be written is told by whoever appends; its end has nothing to add."""
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: open("/dev/full", "r+b"))  # noqa: PTH123, SIM115
    ended: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", ended.append)
    values: Spool[bytes] = Spool()
    values.append(bytes(ROOM - 100))
    values.append(bytes(200))
    del values
    gc.collect()
    assert not ended
