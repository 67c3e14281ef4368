"""The worker's protocol, spoken by hand: what it accepts, and what it does with garbage."""

import errno
import os
import random
import signal
import socket
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import IO

import pytest

Frame = tuple[bytes, bytes]
SEEDS = int(os.environ.get("GAI_HARNESS_MUTATED_STREAMS", "60"))


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    return struct.pack("<I", len(payload)) + kind + payload


def text(data: bytes | None) -> bytes:
    return b"\0\0\0" if data is None else struct.pack("<BH", 1, len(data)) + data + b"\0"


def lookup(
    session: int, name: bytes | None = b"127.0.0.1", service: bytes | None = None, ms: int = 5000
) -> bytes:
    fixed = struct.pack("<IIiiii", session, ms, 0, 1, 0, 0)
    return frame(b"L", fixed + text(name) + text(service))


def view(session: int, request: bytes, ms: int = 5000) -> bytes:
    return frame(b"V", struct.pack("<II", session, ms) + request)


def number(value: int) -> bytes:
    return struct.pack("<I", value)


def run(worker: Path, data: bytes) -> tuple[int, list[Frame], bytes]:
    done = subprocess.run(
        [str(worker)], input=data, capture_output=True, timeout=300, check=False, env={}
    )
    frames, at = [], 0
    while at < len(done.stdout):
        (length,) = struct.unpack_from("<I", done.stdout, at)
        end = at + 5 + length
        assert end <= len(done.stdout)
        frames.append((done.stdout[at + 4 : at + 5], done.stdout[at + 5 : end]))
        at = end
    return done.returncode, frames, done.stderr


def kinds(frames: list[Frame]) -> bytes:
    return b"".join(kind for kind, _ in frames)


def test_several_sessions_in_one_write(worker: Path) -> None:
    data = b"".join(
        frame(b"O", number(n)) + lookup(n) * 5 + frame(b"E", number(n)) for n in (1, 2, 7)
    )
    status, frames, stderr = run(worker, data + frame(b"Q"))
    assert (status, stderr) == (0, b"")
    assert kinds(frames) == b"H" + b"SAAAAAD" * 3
    records = [payload for kind, payload in frames if kind == b"A"]
    assert [struct.unpack_from("<I", one)[0] for one in records] == [1] * 5 + [2] * 5 + [7] * 5
    pids = {payload[4:8] for kind, payload in frames if kind == b"S"}
    assert len(pids) == 3


@pytest.mark.parametrize("end", [b"", frame(b"Q")])
def test_ends_of_input(worker: Path, end: bytes) -> None:
    assert run(worker, end)[0] == 0
    status, frames, _ = run(worker, frame(b"O", number(1)) + lookup(1) + end)
    assert (status, kinds(frames)) == (0, b"HSAD")


BAD = {
    "a view without a session": view(1, b"A"),
    "an unknown type": frame(b"?"),
    "a lookup without a session": lookup(1),
    "an end without a session": frame(b"E", number(1)),
    "an open without a number": frame(b"O"),
    "an open with too much": frame(b"O", number(1) + b"x"),
    "session 0": frame(b"O", number(0)),
    "a number used again": frame(b"O", number(5)) + frame(b"E", number(5)) + frame(b"O", number(5)),
    "a resync out of place": frame(b"R", bytes(16)),
    "a quit with a payload": frame(b"Q", b"x"),
    "too long": struct.pack("<I", 160 * 1024 + 1) + b"O",
    "the longest length": b"\xff\xff\xff\xffL",
    "half a header": b"\x04\0",
    "half a payload": struct.pack("<I", 4) + b"O\1",
    "no payload": struct.pack("<I", 4) + b"O",
}
FIXED = struct.pack("<IIiiii", 1, 5000, 0, 1, 0, 0)
BAD_IN_SESSION = {
    "an open": frame(b"O", number(2)),
    "an unknown type": frame(b"?", number(1)),
    "another session's lookup": lookup(2),
    "another session's end": frame(b"E", number(2)),
    "an end with too much": frame(b"E", number(1) + b"x"),
    "an empty lookup": frame(b"L"),
    "a lookup without texts": frame(b"L", FIXED),
    "one text": frame(b"L", FIXED + text(b"x")),
    "bytes behind the texts": frame(b"L", FIXED + text(b"x") + text(None) + b"x"),
    "a text longer than the frame": frame(b"L", FIXED + b"\1\xff\xffx\0" + text(None)),
    "a text without its NUL": frame(b"L", FIXED + text(None) + b"\1\1\0x"),
    "a NUL inside": frame(b"L", FIXED + text(b"a\0b") + text(None)),
    "a NULL with a length": frame(b"L", FIXED + b"\0\1\0" + text(None)),
    "a strange presence": frame(b"L", FIXED + b"\2\0\0\0" + text(None)),
    "no time": lookup(1, ms=0),
    "a view without time": view(1, b"A", ms=0),
    "a view with too much time": view(1, b"A", ms=86400001),
    "another session's view": view(2, b"A"),
    "an empty view": frame(b"V", struct.pack("<I", 1)),
    "a view of nothing": view(1, b""),
    "a view of something else": view(1, b"X"),
    "an address dump with more": view(1, b"Ax"),
    "a link dump with more": view(1, b"Lx"),
    "sources without a family": view(1, b"S\2\0\0"),
    "a destination of three bytes": view(1, b"S\2\0\0\0\3abc"),
    "a destination cut short": view(1, b"S\2\0\0\0\4\x7f\0\0"),
    "a destination without its scope": view(1, b"S\x0a\0\0\0\x10" + bytes(16)),
    "a good destination and a bad one": view(1, b"S\2\0\0\0\4\x7f\0\0\1\0"),
    "too much time": lookup(1, ms=86400001),
    "too long": struct.pack("<I", 160 * 1024 + 1) + b"L",
    "half a header": b"\x04",
    "half a payload": lookup(1)[:-1],
    "a quit with a payload": frame(b"Q", b"x"),
}


@pytest.mark.parametrize("case", BAD)
def test_garbage_outside_a_session(worker: Path, case: str) -> None:
    status, frames, stderr = run(worker, BAD[case])
    assert (status, stderr, frames[-1][0]) == (2, b"", b"X")
    assert frames[-1][1].isascii()


@pytest.mark.parametrize("case", BAD_IN_SESSION)
def test_garbage_in_a_session(worker: Path, case: str) -> None:
    data = frame(b"O", number(1)) + lookup(1) + BAD_IN_SESSION[case]
    status, frames, stderr = run(worker, data)
    assert (status, stderr, kinds(frames)) == (2, b"", b"HSAX")


@pytest.mark.parametrize("seed", range(SEEDS))
def test_random_bytes(worker: Path, seed: int) -> None:
    chance = random.Random(seed)
    prefix = frame(b"O", number(1)) if seed % 2 else b""
    status, frames, stderr = run(worker, prefix + chance.randbytes(chance.randrange(1, 3000)))
    assert (status, stderr, kinds(frames)) == (2, b"", b"HSX" if seed % 2 else b"HX")


@pytest.mark.parametrize("seed", range(SEEDS))
def test_valid_input_with_a_byte_changed_or_cut(worker: Path, seed: int) -> None:
    chance = random.Random(seed)
    data = bytearray()
    for n in (1, 2, 3):
        data += frame(b"O", number(n)) + lookup(n, b"192.0.2.1", b"80")
        data += lookup(n, None, b"http") + frame(b"E", number(n))
    if seed % 3 == 0:
        del data[chance.randrange(1, len(data)) :]
    else:
        for _ in range(chance.randrange(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
    status, frames, stderr = run(worker, bytes(data))
    assert status in (0, 2)
    assert stderr == b""
    assert (status == 2) == (frames[-1][0] == b"X")


def test_every_cut_of_a_session(sanitized_worker: Path) -> None:
    good = frame(b"O", number(1)) + lookup(1, b"::1", b"80") + frame(b"E", number(1))
    for cut in range(len(good) + 1):
        status, _, stderr = run(sanitized_worker, good[:cut])
        assert stderr == b""
        assert status in (0, 2)


def test_lookups_of_every_kind(worker: Path) -> None:
    names = [None, b"", b"localhost", b"::1", b"fe80::1%lo", b"a" * 65535, bytes(range(1, 256))]
    services = [None, b"", b"80", b"http", b"99999", b"x" * 65535]
    asked = [
        struct.pack("<IIiiii", 1, 5000, family, 0, 0, flags | 4) + text(name) + text(service)
        for name, service, family, flags in product(
            names, services, (0, 2, 10, 99), (0, 1, 2, 4, 0x28, -1)
        )
    ]
    lookups = b"".join(frame(b"L", each) for each in asked)
    status, frames, stderr = run(worker, frame(b"O", number(1)) + lookups)
    assert (status, stderr, kinds(frames)) == (0, b"", b"HS" + b"A" * len(asked) + b"D")


@contextmanager
def speaking(worker: Path) -> Iterator[tuple[IO[bytes], Callable[[], Frame]]]:
    """What a running worker reads, and a function that waits for its next frame."""
    with subprocess.Popen(
        [str(worker)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={}, bufsize=0
    ) as process:
        reading, writing = process.stdout, process.stdin
        assert reading is not None
        assert writing is not None

        def reply() -> Frame:
            head = reading.read(5)
            (length,) = struct.unpack("<I", head[:4])
            return head[4:], reading.read(length) if length else b""

        assert reply()[0] == b"H"
        yield writing, reply
        assert process.wait(5) == 0


def opened(writing: IO[bytes], reply: Callable[[], Frame]) -> int:
    """Open session 1; its pid."""
    writing.write(frame(b"O", number(1)))
    kind, payload = reply()
    assert kind == b"S"
    return int.from_bytes(payload[4:], "little")


def test_a_time_out_is_told(worker: Path) -> None:
    """A process that is stopped just before its alarm: the alarm waits until it goes on."""
    with speaking(worker) as (writing, reply):
        # Requests behind the death, the last of them cut, are dropped up to the cookie's frame.
        os.kill(opened(writing, reply), signal.SIGALRM)
        kind, payload = reply()
        assert (kind, *struct.unpack_from("<IBi", payload)) == (b"D", 1, 2, 14)
        cookie = payload[9:]
        wrong = bytes([cookie[0] ^ 1]) + cookie[1:]
        junk = lookup(1) * 50 + lookup(1)[:7] + frame(b"R", wrong) + frame(b"R", cookie)[:20]
        writing.write(junk + frame(b"R", cookie) + frame(b"O", number(2)) + lookup(2))
        assert reply()[0] + reply()[0] == b"SA"
        writing.write(frame(b"Q"))
        assert reply()[0] == b"D"


def test_input_that_ends_before_the_resync(worker: Path) -> None:
    with speaking(worker) as (writing, reply):
        os.kill(opened(writing, reply), signal.SIGSEGV)
        writing.write(lookup(1)[:9])
        writing.close()


def test_views_show_the_loopback_interface(worker: Path) -> None:
    """The host's own: whatever else it has, lo is there under its name and its type."""
    to_loopback = b"S\2\0\0\0" + b"\4\x7f\0\0\1" * 3
    data = frame(b"O", number(1)) + view(1, b"A") + view(1, b"L") + view(1, to_loopback)
    status, frames, stderr = run(worker, data + lookup(1) + frame(b"E", number(1)))
    assert (status, stderr, kinds(frames)) == (0, b"", b"HSVVVAD")
    addresses, links, sources = (payload[4:] for kind, payload in frames if kind == b"V")
    for one in (addresses, links, sources):
        assert struct.unpack_from("<I", one)[0] == 0
    index = socket.if_nametoindex("lo")
    # family, prefix length, flags, scope, index, flags, then both addresses
    lo = struct.pack("<BBBBII", 2, 8, 128, 254, index, 128) + b"\4\x7f\0\0\1" * 2
    assert lo in addresses
    assert struct.pack("<IH", index, 772) in links
    assert links.count(b"\2lo") == 2
    assert sources[4:] == number(3) + (struct.pack("<III", 0, 2, 0) + b"\4\x7f\0\0\1") * 3


def test_a_view_of_sources_that_cannot_be_had(worker: Path) -> None:
    no_family = view(1, b"S\x63\0\0\0\4\x7f\0\0\1")
    # a link-local destination needs a scope id
    address = socket.inet_pton(socket.AF_INET6, "fe80::1")
    no_scope = view(1, b"S\x0a\0\0\0\x10" + address + bytes(4))
    status, frames, _ = run(worker, frame(b"O", number(1)) + no_family + no_scope)
    assert (status, kinds(frames)) == (0, b"HSVVD")
    whole, one = (payload[4:] for kind, payload in frames if kind == b"V")
    assert whole == number(errno.EAFNOSUPPORT) + number(0)
    assert one == number(0) + number(1) + struct.pack("<III", errno.EINVAL, 0, 0) + b"\0"
