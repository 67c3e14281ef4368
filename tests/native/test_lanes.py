import os
import platform
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from harness.compare.evidence import LaneSpec
from harness.compare.plan import lanes_for
from harness.glibcs import Build, host
from harness.glibcs.catalog import native_arch
from harness.model.netdb import AI_DEFAULT
from harness.native.cffi_lane import CffiLane
from harness.native.frames import LOOKUP, lookup_payload, session_frame
from harness.native.lanes import Lane, Session
from harness.native.record import (
    AddrInfo,
    Answer,
    Crashed,
    LaneError,
    Outcome,
    Query,
    TimedOut,
    decode,
)
from harness.native.trace import TraceUnavailable, _wait_attached
from harness.native.worker_lane import WorkerLane, bundled_worker
from harness.sandbox import Pool
from tests.native.jobs import QUERIES, WRONG, answers, ends, held, lives, maps, waits
from tests.processes import until

CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")

NUMERIC = Query("192.0.2.7", "53", socktype=socket.SOCK_DGRAM)
CALLS = [
    NUMERIC,
    Query("localhost"),
    Query(None, "80", flags=socket.AI_PASSIVE),
    Query(None, "80", family=socket.AF_INET6, socktype=socket.SOCK_STREAM),
    Query("fe80::1%lo", "1", socktype=socket.SOCK_STREAM),
    Query("2001:db8::1", flags=int(socket.AI_NUMERICHOST | socket.AI_CANONNAME)),
    Query("localhost", flags=int(socket.AI_CANONNAME), socktype=int(socket.SOCK_STREAM)),
    Query(None, None),
    Query("", None),
    Query("x", "nosuchservice", flags=socket.AI_NUMERICSERV),
    Query("ü", flags=socket.AI_NUMERICHOST),
    Query("127.0.0.1", "53", flags=AI_DEFAULT, hints=False),
    *WRONG,
]


@pytest.fixture
def worker() -> Path:
    return bundled_worker()


@pytest.fixture(scope="session")
def loader() -> str:
    return str(host().loader)


def lookup_many(session: Session, queries: Sequence[Query]) -> list[Outcome]:
    """Look-ups that are all sent before the first answer is read."""
    payloads = [lookup_payload(query, 10) for query in queries]
    frames = [session_frame(LOOKUP, session._number, payload) for payload in payloads]
    session._channel.send(b"".join(frames))
    records, end = session.receive(len(queries), 10)
    ends = [] if end is None else [end] * (len(queries) - len(records))
    return [*map(decode, records), *ends]


def held_by_this_process() -> tuple[dict[str, str], list[str]]:
    """Its open descriptors, and its children."""
    open_ones = {}
    for fd in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing's own
            open_ones[fd.name] = str(fd.readlink())
    tasks = Path("/proc/self/task").iterdir()
    return open_ones, [pid for one in tasks for pid in (one / "children").read_text().split()]


GLIBC = "cffi", "worker", "loader"


@pytest.fixture(params=[*GLIBC, "musl", "go"])
def lane(request: pytest.FixtureRequest, worker: Path, loader: str) -> Iterator[Lane]:
    """Every way to the host's glibc, and to others; when it is closed, nothing is left of it."""
    made: Lane = CffiLane()
    if request.param == "go":
        made = WorkerLane([request.getfixturevalue("go_resolver").loader])
    elif request.param == "musl":
        made = WorkerLane([request.getfixturevalue("musl_worker")])
    elif request.param != "cffi":
        made = WorkerLane([worker] if request.param == "worker" else [loader, worker])
    before = held_by_this_process()
    with made:
        yield made
    made.close()
    assert held_by_this_process() == before


@pytest.mark.parametrize("lane", GLIBC, indirect=True)
def test_answers(lane: Lane) -> None:
    with lane.open() as session:
        wrong = Query(None), Query("x", family=99), Query("not", flags=socket.AI_NUMERICHOST)
        canonical = Query("127.0.0.1", socktype=1, flags=socket.AI_CANONNAME)
        answer, scoped, named, *failed = (
            session.lookup(query) for query in (NUMERIC, Query("fe80::1%lo"), canonical, *wrong)
        )
    assert isinstance(answer, Answer)
    dgram = int(socket.SOCK_DGRAM), int(socket.IPPROTO_UDP)
    assert answer.addrinfos == (AddrInfo(2, *dgram, "192.0.2.7", 53, 0, 0, 16, 2),)
    assert (answer.error, answer.glibc) == (None, platform.libc_ver()[1])
    assert 0 < answer.elapsed_ns < 10**9
    assert isinstance(scoped, Answer)
    assert {one.scope_id for one in scoped.addrinfos} == {socket.if_nametoindex("lo")}
    assert isinstance(named, Answer)
    assert [(one.canonname, one.flags) for one in named.addrinfos] == [("127.0.0.1", 2)]
    errors = [one.error for one in failed if isinstance(one, Answer)]
    assert errors == ["EAI_NONAME", "EAI_FAMILY", "EAI_NONAME"]


@pytest.mark.parametrize("lane", ["musl"], indirect=True)
def test_answers_of_musl(lane: Lane, musls: list[Build]) -> None:
    """No flags, a canonical name whether asked for or not, and the version that it is told."""
    with lane.open() as session:
        one, scoped, *failed = (
            session.lookup(query)
            for query in (
                Query("192.0.2.7", "53", socktype=2, flags=socket.AI_NUMERICHOST),
                Query("fe80::1%lo", socktype=1), Query("192.0.2.7", family=socket.AF_INET6),
                Query("x", flags=0x40), Query(None), Query("x", "http", socktype=3),
            )
        )  # fmt: skip
    assert isinstance(one, Answer)
    assert (one.glibc, one.errno) == (musls[-1].version, 0)
    entry = AddrInfo(2, 2, 17, "192.0.2.7", 53, 0, 0, 16, 2, "192.0.2.7")
    assert one.addrinfos == (entry,)
    assert isinstance(scoped, Answer)
    assert [each.scope_id for each in scoped.addrinfos] == [socket.if_nametoindex("lo")]
    assert [each.error for each in failed if isinstance(each, Answer)] == [
        "EAI_NODATA", "EAI_BADFLAGS", "EAI_NONAME", "EAI_SERVICE",
    ]  # fmt: skip


@pytest.mark.parametrize("lane", ["go"], indirect=True)
def test_answers_of_go(lane: Lane, go_resolver: Build) -> None:
    """An entry for each address, of no socket type, and its version; what it has no word for."""
    right = [
        Query("192.0.2.7", socktype=1), Query("::ffff:192.0.2.7%lo"),
        Query("192.0.2.7", flags=AI_DEFAULT, hints=False), Query("fe80::1%lo"),
    ]  # fmt: skip
    wrong = [
        Query("192.0.2.7", family=socket.AF_INET6), NUMERIC, Query("x", family=99),
        Query("x", flags=socket.AI_NUMERICHOST), Query("x", protocol=6), Query(None),
    ]  # fmt: skip
    with lane.open() as session:
        found = [session.lookup(query) for query in (*right, *wrong)]
    answers = [one for one in found if isinstance(one, Answer)]
    assert len(answers) == len(found)
    assert {one.glibc for one in answers} == {go_resolver.version}
    assert all(0 < one.elapsed_ns < 10**9 for one in answers)
    four = AddrInfo(2, 0, 0, "192.0.2.7", 0, 0, 0, 16, 2)
    six = AddrInfo(10, 0, 0, "fe80::1", 0, socket.if_nametoindex("lo"), 0, 28, 10)
    assert [one.addrinfos for one in answers] == [(four,)] * 3 + [(six,)] + [()] * len(wrong)
    assert [one.error for one in answers[len(right) :]] == [
        "EAI_ADDRFAMILY", "EAI_SERVICE", "EAI_FAMILY", "EAI_BADFLAGS", "EAI_SOCKTYPE", "EAI_NONAME",
    ]  # fmt: skip


def test_every_lane_gives_the_same_records(worker: Path, loader: str) -> None:
    seen = []
    for made in (CffiLane(), WorkerLane([worker]), WorkerLane([loader, worker])):
        with made, made.open() as session:
            seen.append([session.lookup(query) for query in CALLS])
    assert all(isinstance(one, Answer) for one in seen[0])
    assert seen == [seen[0]] * 3


def test_many_lookups_do_not_block_on_full_pipes(lane: Lane) -> None:
    queries = [Query("a" * 3000, flags=socket.AI_NUMERICHOST), NUMERIC] * 3000
    with lane.open() as session:
        found = lookup_many(session, queries)
    assert len(found) == len(queries)
    assert found[:2] * 3000 == found


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_a_session_is_killed_and_the_next_works(lane: Lane, number: signal.Signals) -> None:
    for _ in range(5):
        with lane.open() as session:
            assert isinstance(session.lookup(NUMERIC), Answer)
            os.kill(session.pid, number)
            died = session.lookup(NUMERIC)
            while isinstance(died, Answer):  # Go hears of a signal in a thread of its own
                died = session.lookup(NUMERIC)
            assert died == Crashed(number)
            assert session.lookup(NUMERIC) == Crashed(number)
    with lane.open() as session:
        assert isinstance(session.lookup(NUMERIC), Answer)


def test_last_words_are_part_of_a_death(lane: Lane) -> None:
    """As an assertion writes them; each death has its own."""
    for said in ("Fatal glibc error: x:1 (\x1b[2J): assertion failed: y", "", "z" * 9000):
        with lane.open() as session:
            assert isinstance(session.lookup(NUMERIC), Answer)
            with Path(f"/proc/{session.pid_here()}/fd/2").open("r+") as complaints:
                complaints.write(f"before\n{said}\n" * bool(said))
            os.kill(session.pid_here(), signal.SIGABRT)
            died = session.lookup(NUMERIC)
            while isinstance(died, Answer):
                died = session.lookup(NUMERIC)
            assert isinstance(died, Crashed)
            assert died.said == said.replace("\x1b", "\\x1b")[:500]


def test_a_death_with_requests_in_the_pipe(lane: Lane) -> None:
    """The requests behind the death are cut anywhere, and the next session is not confused."""
    queries = [Query("a" * n, flags=socket.AI_NUMERICHOST) for n in range(1, 4000)]
    for delay in (0, 0.001, 0.003):
        with lane.open() as session:
            killer = subprocess.Popen(
                ["sh", "-c", f"sleep {delay}; kill -SEGV {session.pid}"], stderr=subprocess.DEVNULL
            )
            found = lookup_many(session, queries)
            killer.wait()
            found.append(session.lookup(NUMERIC))
        assert len(found) == 4000
        assert found[-1] == Crashed(signal.SIGSEGV)
        crashes = [isinstance(one, Crashed) for one in found]
        assert crashes == sorted(crashes)
    with lane.open() as session:
        assert isinstance(session.lookup(NUMERIC), Answer)


def test_a_stopped_session_times_out(lane: Lane) -> None:
    with lane.open() as session:
        os.kill(session.pid, signal.SIGSTOP)
        before = time.monotonic()
        assert session.lookup(NUMERIC, timeout=0.2) == TimedOut(0.2)
        assert time.monotonic() - before < 5
        assert session.lookup(NUMERIC) == TimedOut(0.2)
    with lane.open() as session:
        assert isinstance(session.lookup(NUMERIC), Answer)


@pytest.mark.parametrize("kind", ["cffi", "worker", "musl", "go"])
def test_a_lookup_that_hangs_times_out(
    kind: str, pool: Pool, request: pytest.FixtureRequest
) -> None:
    if kind == "musl":
        request.getfixturevalue("musls")
        spec, *_ = lanes_for("host", "auto", resolver="musl")
    elif kind == "go":
        request.getfixturevalue("go_resolver")
        (spec,) = lanes_for("host", "auto", resolver="go")
    else:
        (spec,) = lanes_for("host", kind)
    waited, after = pool.run(waits, spec)
    assert waited == [TimedOut(0.5)] * 3
    assert isinstance(after, Answer)


def test_no_zombie_and_no_descriptor_after_a_hundred_sessions(lane: Lane) -> None:
    with lane.open() as session:
        session.lookup(NUMERIC)
    before = held_by_this_process()
    for number in range(100):
        session = lane.open()
        if number % 10 == 5:
            os.kill(session.pid, signal.SIGSEGV)
            assert session.lookup(NUMERIC) == Crashed(signal.SIGSEGV)
        elif number % 7 == 0:
            session.lookup(NUMERIC)
        session.close()
        session.close()
    assert held_by_this_process() == before


def test_a_session_is_fresh(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RES_OPTIONS", "ndots:3")
    with Path("/dev/null").open("rb"), lane.open() as session:
        process = Path("/proc", str(session.pid))
        open_files = {int(one.name) for one in (process / "fd").iterdir()}
        signals = dict(line.split(":\t") for line in (process / "status").read_text().splitlines())
        session.lookup(NUMERIC)
    assert open_files == {0, 1, 2}
    for field in ("SigBlk", "SigIgn", "SigCgt"):
        assert int(signals[field], 16) & 0x7FFFFFFF == 0


def test_a_client_that_is_killed_leaves_nothing(worker: Path) -> None:
    script = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        from harness.native.cffi_lane import CffiLane
        from harness.native.worker_lane import WorkerLane, bundled_worker
        lanes = CffiLane(), WorkerLane([bundled_worker()])
        sessions = [lane.open() for lane in lanes]
        pids = [one.pid for one in sessions] + [one._worker._process.pid for one in lanes]
        print(*pids, flush=True)
        time.sleep(60)
    """)
    with subprocess.Popen([sys.executable, "-P", "-c", script], stdout=subprocess.PIPE) as client:
        assert client.stdout is not None
        pids = [int(word) for word in client.stdout.readline().split()]
        assert len(pids) == 4
        client.kill()
    assert until(lambda: not any(map(lives, pids)), 5)


def test_a_worker_that_was_killed_is_an_error_and_started_again(worker: Path) -> None:
    with WorkerLane([worker]) as lane:
        session = lane.open()
        assert lane._worker is not None
        os.kill(lane._worker._process.pid, signal.SIGKILL)
        lane._worker._process.wait()
        assert until(lambda: not lives(session.pid))  # until then it may still answer
        for _ in range(2):
            with pytest.raises(LaneError, match="status -9"):
                session.lookup(NUMERIC)
        with lane.open() as again:
            assert isinstance(again.lookup(NUMERIC), Answer)


@pytest.mark.parametrize(("argv", "clue"), [
    (["/no/such/library/loader"], "No such file"),
    (["/bin/sh", "-c", "echo some clue >&2; exit 3"], r"status 3\): some clue"),
    (["/bin/sh", "-c", "echo hello there, this is no worker"], "frame"),
    ([], "cannot open shared object"),  # as the loader says it
])  # fmt: skip
def test_a_worker_that_does_not_start(loader: str, argv: list[str], clue: str) -> None:
    before = held_by_this_process()
    argv = argv or [loader, "/no/such/library"]
    with WorkerLane(argv) as lane, pytest.raises(LaneError, match=clue):
        lane.open()
    assert held_by_this_process() == before


def test_wrong_use_of_a_session(lane: Lane) -> None:
    """Two at once, a time out of range, one that is closed."""
    with lane.open() as session:
        with pytest.raises(LaneError, match="close the open session"):
            lane.open()
        for timeout in (0, -1, 1e9, float("nan")):
            with pytest.raises(ValueError, match="timeout"):
                session.lookup(NUMERIC, timeout)
        assert isinstance(session.lookup(NUMERIC), Answer)
    with pytest.raises(ValueError, match="closed"):
        session.lookup(NUMERIC)


def test_a_worker_in_a_root(worker: Path, loader: str, tmp_path: Path, pool: Pool) -> None:
    files = (worker, "worker"), (Path(loader), "ld.so"), (host().libc, "libc.so.6")
    for source, target in files:
        (tmp_path / target).write_bytes(source.read_bytes())
        (tmp_path / target).chmod(0o755)
    (tmp_path / "etc").mkdir()
    tmp_path.chmod(0o755)
    argv = ["/ld.so", "--inhibit-cache", "--library-path", "/", "/worker"]
    (seen,) = pool.run(held, (argv, tmp_path))
    assert {one.address for one in seen["answer"].addrinfos} == {"192.0.2.55"}
    mapped = {line.split()[-1] for line in seen["maps"].splitlines()}
    assert {path for path in mapped if path.startswith("/")} == {"/worker", "/ld.so", "/libc.so.6"}
    assert (seen["environment"], seen["descriptors"]) == ("", ["0", "1", "2"])
    for status in seen["statuses"]:
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert all(int(fields[name], 16) == 0 for name in CAPABILITIES), status
        assert fields["NoNewPrivs"] == "1"
        if os.geteuid() == 0:
            nobody = "\t".join(["65534"] * 4)
            assert (fields["Uid"], fields["Gid"]) == (nobody, nobody)
            assert fields["Groups"].split() == []
    assert seen["shared"] == set()


# --- a worker of another architecture, through qemu-user

FOREIGN = [pytest.mark.network, pytest.mark.xdist_group("foreign")]
# big-endian and 64 bits; little-endian and 32 bits
ARCHES = [arch for arch in ("s390x", "armhf") if arch != native_arch()]


@pytest.fixture(scope="module", params=[pytest.param(one, marks=FOREIGN) for one in ARCHES])
def foreign(request: pytest.FixtureRequest, fetch_glibcs: Callable[..., str]) -> LaneSpec:
    fetch_glibcs(f"2.36:{request.param}")
    (spec,) = lanes_for(f"2.36:{request.param}", "worker")
    return spec


def test_its_answers_are_those_of_the_hosts_architecture(pool: Pool, foreign: LaneSpec) -> None:
    """The same bytes of a record mean the same, whatever the byte order and word size."""
    glibc, first, second, own = pool.run(answers, foreign)
    assert glibc == "2.36"
    assert all(isinstance(one, Answer) and one.glibc == "2.36" for one in first)
    assert first == second
    for query, one, other in zip(QUERIES, first, own, strict=True):
        assert isinstance(other, Answer)
        assert (one.error, one.addrinfos) == (other.error, other.addrinfos), query


def test_deaths_in_the_guest_and_of_its_worker(pool: Pool, foreign: LaneSpec) -> None:
    *deaths, after, before_kill, after_kill = pool.run(ends, foreign)
    assert [outcome for _, outcome in deaths] == [Crashed(int(number)) for number, _ in deaths]
    assert int(signal.SIGSEGV) in [outcome.signal for _, outcome in deaths]
    assert isinstance(after, Answer)
    assert (before_kill, after_kill) == (True, False)


def test_a_lookup_that_does_not_return_is_ended(pool: Pool, foreign: LaneSpec) -> None:
    waited, after = pool.run(waits, foreign)
    assert waited == [TimedOut(0.5)] * 3
    assert isinstance(after, Answer)


def test_a_process_that_has_ended_is_not_traced() -> None:
    """A foreign one may end whenever it likes, before strace has said so too."""
    with subprocess.Popen(["true"]) as ended:
        pass
    words = ["sleep", "0.2"]
    with (
        subprocess.Popen(words, stderr=subprocess.PIPE) as tracer,
        pytest.raises(TraceUnavailable, match="strace cannot attach: no reason given"),
    ):
        _wait_attached(ended.pid, tracer)


def test_it_maps_no_file_of_the_hosts(pool: Pool, foreign: LaneSpec) -> None:
    ((_, strange),) = pool.run(maps, (foreign, "files"))
    assert [path for path in strange if not path.startswith("/dev/zero")] == []
