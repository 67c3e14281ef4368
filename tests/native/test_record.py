from __future__ import annotations

import contextlib
import socket
import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.native.record import EAI_NAMES, AddrInfo, Answer, Query, RecordError, decode

i32 = st.integers(-(2**31), 2**31 - 1)
u32 = st.integers(0, 2**32 - 1)
canonname = st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)


@st.composite
def addrinfos(draw: st.DrawFn) -> AddrInfo:
    family = draw(st.sampled_from([socket.AF_INET, socket.AF_INET6, 77]))
    size = {int(socket.AF_INET): 4, int(socket.AF_INET6): 16}.get(family, 0)
    raw = draw(st.binary(min_size=size, max_size=size))
    address = socket.inet_ntop(family, raw) if size else ""
    port = draw(st.integers(0, 65535))
    return AddrInfo(int(family), draw(i32), draw(i32), address, port, draw(u32), draw(canonname))


def encode(answer: Answer) -> bytes:
    """An independent writer of PROTOCOL.md's record."""
    codes = {name: number for number, name in EAI_NAMES.items()}
    eai = 0 if answer.error is None else codes[answer.error]
    glibc = answer.glibc.encode()
    data = struct.pack("<BiiQB", 1, eai, answer.errno, answer.elapsed_ns, len(glibc)) + glibc
    data += struct.pack("<I", len(answer.addrinfos))
    for one in answer.addrinfos:
        raw = socket.inet_pton(one.family, one.address) if one.address else b""
        data += struct.pack(
            "<iiiHIB", one.family, one.socktype, one.protocol, one.port, one.scope_id, len(raw)
        )
        data += raw
        if one.canonname is None:
            data += struct.pack("<I", 0xFFFFFFFF)
        else:
            text = one.canonname.encode("utf-8", "surrogateescape")
            data += struct.pack("<I", len(text)) + text
    return data


answers = st.builds(
    Answer,
    error=st.none() | st.sampled_from(sorted(EAI_NAMES.values())),
    errno=i32,
    elapsed_ns=st.integers(0, 2**64 - 1),
    addrinfos=st.lists(addrinfos(), max_size=6).map(tuple),
    glibc=st.from_regex(r"\A2\.[0-9]{1,3}\Z"),
)


@given(answers, st.data())
def test_round_trip_and_a_cut_or_longer_record(answer: Answer, data: st.DataObject) -> None:
    record = encode(answer)
    back = decode(record)
    assert (back, back.elapsed_ns) == (answer, answer.elapsed_ns)
    assert answer == replace(answer, elapsed_ns=1)  # the time is not compared
    cut = data.draw(st.integers(0, len(record) - 1))
    for bad in (record[:cut], record + b"\0"):
        with pytest.raises(RecordError):
            decode(bad)


@given(st.binary(max_size=200))
def test_garbage_is_refused_or_decoded_but_never_another_error(data: bytes) -> None:
    with contextlib.suppress(RecordError):
        decode(data)


@pytest.mark.parametrize(
    "bad",
    [{"name": "a\0b"}, {"name": "a", "service": "\0"}, {"name": "x" * 65536},
     {"name": "é" * 40000}, {"name": "a", "family": 2**31}, {"name": "a", "flags": -(2**31) - 1}],
)  # fmt: skip
def test_bad_queries(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"NUL|longer|C int"):
        Query(**bad)  # type: ignore[arg-type]
