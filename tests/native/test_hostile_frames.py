"""Records as PROTOCOL.md has them, and what a hostile worker may send instead.

Every frame is read, or refused with a LaneError.
"""

import os
import random
import struct
from dataclasses import replace
from ipaddress import ip_address
from types import SimpleNamespace
from typing import Any

import pytest

from harness.model.host import Target
from harness.native.frames import ANSWER, BY_EXIT, BY_SIGNAL, DIED, STARTED, Channel, session_frame
from harness.native.kernel_view import ADDRESSES, LINKS, decode_view, sources_request
from harness.native.lanes import Burst
from harness.native.record import AddrInfo, Answer, Crashed, LaneError, Query, RecordError, decode
from tests.damage import mutated

FRAMES = int(os.environ.get("GAI_HARNESS_MUTATED_FRAMES", "20000"))
SOURCES = sources_request(2, [Target(ip_address("192.0.2.1"))])
RECORD = (
    struct.pack("<BiiQB", 2, 0, -5, 1234, 4) + b"2.36" + struct.pack("<I", 3)
    + struct.pack("<iiiiIHHIB", 2, 1, 6, -2, 16, 3, 80, 0, 4) + b"\xc0\0\2\1"
    + struct.pack("<iiiiIHHIB", 10, -1, 2**31 - 1, 2, 28, 10, 65535, 2**32 - 1, 16)
    + bytes(15) + b"\1" + struct.pack("<iiiiIHHIB", 77, 1, 6, 2, 2**32 - 1, 0, 0, 0, 0)
    + struct.pack("<III", 1, 1, 4) + "wéb".encode()
)  # fmt: skip
ANSWER_OF_IT = Answer(
    None, -5, 1234, glibc="2.36",
    addrinfos=(
        AddrInfo(2, 1, 6, "192.0.2.1", 80, 0, -2, 16, 3),
        AddrInfo(10, -1, 2**31 - 1, "::1", 65535, 2**32 - 1, 2, 28, 10, "wéb"),
        AddrInfo(77, 1, 6, "", 0, 0, 2, 2**32 - 1, 0),
    ),
)  # fmt: skip
VIEWS = {
    ADDRESSES: struct.pack("<II", 0, 1) + struct.pack("<BBBBII", 2, 24, 128, 0, 2, 128)
    + b"\4\xc0\0\2\1\4\xc0\0\2\1",
    LINKS: struct.pack("<II", 0, 1) + struct.pack("<IHII", 2, 1, 67, 2) + b"\4eth0\4eth0",
    SOURCES: struct.pack("<II", 0, 1) + struct.pack("<III", 0, 2, 0) + b"\4\xc0\0\2\1",
}  # fmt: skip


def test_a_record_is_read_as_it_is_written_and_refused_cut_or_longer() -> None:
    answer = decode(RECORD)
    assert (answer, answer.elapsed_ns) == (ANSWER_OF_IT, 1234)
    assert answer == replace(answer, elapsed_ns=1)  # the time is not compared
    for bad in (*(RECORD[:cut] for cut in range(len(RECORD))), RECORD + b"\0"):
        with pytest.raises(RecordError):
            decode(bad)
    failed = struct.pack("<BiiQB", 2, -2, 0, 1, 4) + b"2.36" + bytes(4)
    assert decode(failed) == Answer("EAI_NONAME", 0, 1, (), "2.36")
    assert all(len(decode_view(request, data).entries) == 1 for request, data in VIEWS.items())


def test_a_mutated_record_or_view_is_read_or_refused() -> None:
    chance = random.Random(2026)
    refused = 0
    told: set[str] = set()
    for number in range(FRAMES):
        try:
            if number % 2:
                answer = decode(mutated(chance, RECORD))
                assert answer.glibc.replace(".", "").isdecimal(), (
                    f"frame {number}: {answer.glibc!r}"
                )
            else:
                request, data = chance.choice(list(VIEWS.items()))
                decode_view(request, mutated(chance, data))
        except RecordError as error:
            refused += 1
            told.add(str(error)[:500])
    assert FRAMES / 4 < refused < FRAMES
    assert all(text.isprintable() and len(text) < 200 for text in told)


@pytest.mark.parametrize("glibc", [b"2.36\n::error::", b"\x1b[31m", b"", b"2", b"2.36 evil"])
def test_a_version_that_is_none_is_refused(glibc: bytes) -> None:
    data = struct.pack("<BiiQB", 2, 0, 0, 1, len(glibc)) + glibc + struct.pack("<I", 0)
    with pytest.raises(RecordError, match="glibc version"):
        decode(data)


def test_mutated_streams_end_or_are_refused() -> None:
    chance = random.Random(2026)
    told: set[str] = set()
    good = b"".join(struct.pack("<Ic", len(RECORD) + 4, b"A") + bytes(4) + RECORD for _ in range(4))
    for number in range(FRAMES // 40):
        read_in, write_in = os.pipe()
        read_out, write_out = os.pipe()
        channel = Channel(read_in, write_out)
        try:
            os.write(write_in, mutated(chance, good))
            os.close(write_in)
            for _ in range(100):
                if channel.receive(5) is None:
                    break
            else:
                pytest.fail(f"stream {number}: frames without an end")
        except LaneError as error:
            told.add(str(error))
        finally:
            channel.close()
            os.close(read_out)
    assert told
    assert all(text.isprintable() for text in told)


BEGUN = session_frame(STARTED, 7, struct.pack("<I", 42))
KILLED = session_frame(DIED, 7, struct.pack("<Bi16s", BY_SIGNAL, 11, bytes(16)))
LEFT = session_frame(DIED, 7, struct.pack("<Bi16s", BY_EXIT, 0, bytes(16)))


@pytest.mark.parametrize(("told", "found"), [
    (BEGUN + session_frame(ANSWER, 7, RECORD) + LEFT, ([RECORD], None)),
    (BEGUN + KILLED, ([], Crashed(11))), (KILLED, ([], Crashed(11))),
    (BEGUN + session_frame(ANSWER, 7, b"\1") + LEFT, "a record cut short"),
    (session_frame(ANSWER, 7, RECORD), "an answer before the session started"),
    (BEGUN + 2 * session_frame(ANSWER, 7, RECORD), "more than 1 answers"),
    (2 * session_frame(STARTED, 7, bytes(4)), "unexpected frame b'S'"),  # no process is number 0
])  # fmt: skip
def test_a_burst_is_answers_an_early_end_or_refused(told: bytes, found: object) -> None:
    (ours, theirs), (unread, asked) = os.pipe(), os.pipe()
    channel = Channel(ours, asked)
    worker: Any = SimpleNamespace(channel=channel, kill=lambda: None, said=str, alive=False)
    os.write(theirs, told)
    try:
        burst = Burst(worker, 7, [b""], 1.0)
        if isinstance(found, str):
            with pytest.raises(RecordError, match=found):
                burst.finish()
        else:
            assert burst.finish() == found
    finally:
        channel.close()
        os.close(theirs)
        os.close(unread)


@pytest.mark.parametrize(
    "bad",
    [{"name": "a\0b"}, {"name": "a", "service": "\0"}, {"name": "x" * 65536},
     {"name": "é" * 40000}, {"name": "a", "family": 2**31}, {"name": "a", "flags": -(2**31) - 1}],
)  # fmt: skip
def test_bad_queries(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"NUL|longer|C int"):
        Query(**bad)  # type: ignore[arg-type]
