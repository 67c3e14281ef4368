"""What the worker of c-ares makes of its library's answers: a stand-in says what is asked of it."""

import ctypes.util
import struct
import subprocess
from pathlib import Path

import pytest

from harness.compare.predict import SHORT_WAIT
from harness.model.cares import NOSORT
from harness.native.record import Answer, decode
from harness.native.worker_lane import bundled_worker
from tests.csrc.conftest import CARES_STAND_IN, SANITIZED, compiled_library, sanitizing
from tests.csrc.test_worker import frame, kinds, number, run, text

# netdb.h's flags, and ares.h's for each
FLAGS = {
    0x1: 1 << 2, 0x2: 1 << 0, 0x4: 1 << 1, 0x8: 1 << 4, 0x10: 1 << 5, 0x20: 1 << 6, 0x40: 1 << 10,
    0x80: 1 << 13, 0x400: 1 << 3, NOSORT: 1 << 7, SHORT_WAIT: 0, 0x100: 0, 0x800: 0,
}  # fmt: skip
# ares.h's statuses by their numbers
STATUSES = {
    1: "EAI_NODATA", 2: "EAI_FAIL", 3: "EAI_AGAIN", 4: "EAI_NONAME", 5: "EAI_FAMILY",
    6: "EAI_FAIL", 7: "EAI_FAIL", 8: "EAI_NONAME", 9: "EAI_FAIL", 10: "EAI_FAIL", 11: "EAI_AGAIN",
    12: "EAI_AGAIN", 14: "EAI_FAIL", 15: "EAI_MEMORY", 16: "EAI_FAIL", 21: "EAI_FAIL",
    24: "EAI_FAIL", 25: "EAI_SERVICE", 26: "EAI_FAIL",
}  # fmt: skip


def asked(worker: Path, name: str | None, flags: int = 0, hints: bool = True) -> Answer:
    """The answer to one look-up for AF_INET6, SOCK_STREAM and IPPROTO_TCP."""
    fixed = struct.pack("<IIiiii", 1, 5000, 10, 1, 6, flags)
    payload = (
        fixed
        + text(None if name is None else name.encode())
        + text(None)
        + (b"" if hints else b"\0")
    )
    data = frame(b"O", number(1)) + frame(b"L", payload) + frame(b"E", number(1))
    status, frames, said = run(worker, data)
    assert (status, said, kinds(frames)) == (0, b"", b"HSAD")
    assert frames[0][1] == number(1) + b"\x059.8.7"
    return decode(frames[2][1][4:])


def addresses(answer: Answer) -> list[str]:
    return [one.address for one in answer.addrinfos]


@pytest.mark.parametrize(("flag", "theirs"), FLAGS.items())
def test_each_flag_is_c_ares_own(cares_worker: Path, flag: int, theirs: int) -> None:
    (one,) = asked(cares_worker, "shows", flag).addrinfos
    assert (one.address, one.flags, one.socktype, one.protocol) == ("192.0.2.2", theirs, 1, 6)
    assert one.port == (250 if flag == SHORT_WAIT else 0)


def test_without_hints(cares_worker: Path) -> None:
    """NULL is given for them, but where the order is to be left."""
    (one,) = asked(cares_worker, "shows", 0x28, hints=False).addrinfos
    assert (one.address, one.flags, one.socktype, one.protocol) == ("192.0.2.1", 0, 0, 0)
    (one,) = asked(cares_worker, "shows", 0x28 | NOSORT, hints=False).addrinfos
    assert (one.address, one.flags, one.socktype, one.protocol) == ("192.0.2.2", 1 << 7, 0, 0)


@pytest.mark.parametrize(("status", "error"), STATUSES.items())
def test_every_status_is_kept_beside_its_error(cares_worker: Path, status: int, error: str) -> None:
    answer = asked(cares_worker, f"says {status}")
    assert (answer.error, answer.errno, answer.addrinfos) == (error, status, ())


def test_names_and_none(cares_worker: Path) -> None:
    """The end of the CNAME records is the canonical name, where that is asked for."""
    assert asked(cares_worker, None).error == "EAI_NONAME"
    answer = asked(cares_worker, "nothing", 0x2)
    assert (answer.error, answer.errno, answer.addrinfos) == (None, 0, ())
    (one,) = asked(cares_worker, "2001:db8::1", 0x2).addrinfos
    assert (one.address, one.addrlen, one.canonname) == ("2001:db8::1", 28, "its.end")
    assert asked(cares_worker, "2001:db8::1").addrinfos[0].canonname is None


def test_timers_and_sockets(cares_worker: Path) -> None:
    assert addresses(asked(cares_worker, "waits")) == ["192.0.2.1", "192.0.2.2"]
    first, second = asked(cares_worker, "hears", 0x2).addrinfos
    assert (first.address, second.address) == ("192.0.2.1", "192.0.2.2")
    assert (first.canonname, second.canonname) == ("its.end", None)


def started(environment: dict[str, str]) -> tuple[int, bytes, str]:
    worker = bundled_worker(resolver="c-ares")
    done = subprocess.run([worker], input=b"", capture_output=True, check=False, env=environment)
    return done.returncode, done.stdout, done.stderr.decode()


def test_no_library() -> None:
    """Nothing is said on the pipe; the reason stands on standard error."""
    if ctypes.util.find_library("cares"):
        pytest.skip("this machine has a libcares of its own")
    status, out, said = started({})
    assert (status, out) == (4, b"")
    assert said.startswith("libcares.so.2: ")
    assert said.count("\n") == 1


def test_a_library_that_is_too_old(tmp_path: Path) -> None:
    """Before 1.16 there was no ares_getaddrinfo."""
    source = tmp_path / "old.c"
    source.write_text(CARES_STAND_IN.read_text().replace("ares_getaddrinfo(", "ares_older("))
    compiled_library(sanitizing()[: -len(SANITIZED)], source, tmp_path)
    status, out, said = started({"LD_LIBRARY_PATH": str(tmp_path)})
    assert (status, out) == (4, b"")
    assert "undefined symbol: ares_getaddrinfo" in said
