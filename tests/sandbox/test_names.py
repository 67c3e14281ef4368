from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from socket import AF_INET, AF_INET6, AF_UNSPEC
from typing import Any

import pytest
from dnslib import QTYPE, RCODE, DNSRecord  # type: ignore[import-untyped]

from harness.model.dns_servers import Record, Server
from harness.model.host import Target
from harness.native.record import LaneError
from harness.native.worker_lane import bundled_module
from harness.sandbox import Pool, SandboxError
from harness.sandbox.dns import DnsQuestion, Ordering, check_sizes, reply_to
from harness.scenario.schema import Host
from tests.sandbox import jobs
from tests.sandbox.kit import host

# addresses for AI_ADDRCONFIG, but no way to the names' addresses: with equal precedences
# (the job's gai.conf) no rule then tells them apart, and the order of arrival stays
HOST = Host.model_validate(host({"eth0": "10.0.0.1/24 2001:db8:ffff::1/64"}))
FOUR, SIX = ["192.0.2.1", "192.0.2.2"], ["2001:db8::1", "2001:db8::2"]
NAMES = {"web": [FOUR[0], SIX[0], FOUR[1], SIX[1]], "four.example": FOUR, "six": SIX}


def answers(
    pool: Pool, steps: jobs.Steps, questions: list[str], options: str = ""
) -> list[tuple[int, list[str]]]:
    """The status and the answer of getent for each question, after each step."""
    return list(pool.run(jobs.resolved, (HOST, steps, questions, options)))


# told so, glibc asks the second question of a pair after the first one's reply, and may pause
@pytest.mark.parametrize(
    "options", ["", pytest.param("options single-request\n", marks=pytest.mark.bare)]
)
@pytest.mark.parametrize(("first", "order"), [("A", FOUR + SIX), ("AAAA", SIX + FOUR)])
def test_dns_answers_one_family_first(
    pool: Pool, first: str, order: list[str], options: str
) -> None:
    steps: jobs.Steps = [(NAMES, "dns", first)] * 10
    assert answers(pool, steps, ["ahosts WEB"], options) == [(0, order)] * 10


def test_names_move_between_files_and_dns_and_services_are_the_private_ones(pool: Pool) -> None:
    steps: jobs.Steps = [(NAMES, "dns", "AAAA"), ({"web": FOUR}, "files", "A")]
    steps += [({"web": SIX}, "dns", "A")]
    assert answers(pool, steps, ["ahosts web"]) == [(0, SIX + FOUR), (0, FOUR), (0, SIX)]
    questions = ["services https/udp", "services x11/tcp", "protocols udp"]
    found = answers(pool, [({}, "files", "A")], questions)
    assert [names for _, names in found] == [["https", "443/udp"], [], ["udp", "17"]]


LINKED = Host.model_validate(
    host({"eth0": "10.0.0.1/24 2001:db8::1/64 fe80::1/64", "eth1": "fe80::2/64"})
)
ZONED = {"web": ["192.0.2.1", "fe80::5%eth1", "fe80::5%eth0", "fe80::5%77", "192.0.2.1"]}


def test_zones_become_numbers_and_the_file_goes_away_again(pool: Pool) -> None:
    steps = [(ZONED, "nss"), ({"web": ["192.0.2.1"]}, "files"), (ZONED, "nss")]
    links, first, second, third = pool.run(jobs.module_files, (LINKED, steps))
    assert first["gaiharness.names"] == (
        f"192.0.2.1 web\nfe80::5%{links['eth1']} web\nfe80::5%{links['eth0']} web\n"
        "fe80::5%77 web\n192.0.2.1 web\n"
    )
    assert first["hosts"] == ""
    assert first["nsswitch.conf"].startswith("hosts: gaiharness\n")
    assert second["gaiharness.names"] is None
    assert second["hosts"] == "192.0.2.1 web\n"
    assert third == first
    steps = [({"web": ["fe80::5%eth9"]}, "nss")]
    with pytest.raises(SandboxError, match=r"names: fe80::5%eth9: no interface eth9"):
        list(pool.run(jobs.module_files, (LINKED, steps)))


def test_glibc_gets_what_is_listed_and_reads_the_file_each_time(pool: Pool) -> None:
    try:
        bundled_module()
    except LaneError as problem:
        pytest.skip(str(problem))
    other = {"web": ["fe80::6%eth0"]}
    questions = [("web", AF_UNSPEC), ("WEB", AF_INET6), ("web", AF_INET), ("x", AF_UNSPEC)]
    *found, descriptors = pool.run(jobs.module_asked, (LINKED, [ZONED, other], questions))
    links = found[0][0]
    answers = [answer for _, answer in found]
    # unreachable without a scope id or in zone 77, hence last; IPv4 has no route
    zones = links["eth1"], links["eth0"], 77
    four = [("192.0.2.1", 0)] * 2
    assert sorted(answers[0]) == sorted([*four, *(("fe80::5", zone) for zone in zones)])
    assert answers[1:4] == [[("fe80::5", 0)] * 3, four, "EAI_NONAME"]
    named, unnamed = [("fe80::6", links["eth0"])], [("fe80::6", 0)]
    assert answers[4:] == [named, unnamed, "EAI_NODATA", "EAI_NONAME"]
    assert descriptors == ["0", "1", "2"]


def test_gai_conf_changes_its_time_at_every_version(pool: Pool) -> None:
    versions = [b"a\n", b"b\n", b"b\n", None, b"c\n", b"\0\xff", None, None]
    found = list(pool.run(jobs.gai_conf_versions, versions))
    assert [entry and entry[0] for entry in found] == versions
    times = [entry[1] for entry in found if entry]
    assert times[:3] == sorted(set(times[:3]))
    assert times[4] > times[3]


def test_a_private_root_shows_its_parts_and_the_private_etc(pool: Pool, tmp_path: Path) -> None:
    for name in ("etc", "lib", "python", "closed/folder"):
        (tmp_path / name).mkdir(parents=True)
    listed = {"closed/program": "program", "closed/folder/module": "module"}
    for name, text in listed.items():
        (tmp_path / name).write_text(text)
    parts = (("bin/program", tmp_path / "closed/program"), ("lib", tmp_path / "closed/folder"))
    ((files, refused),) = pool.run(jobs.rooted, (tmp_path, parts))
    of_names = "host.conf hosts networks nsswitch.conf protocols resolv.conf services"
    assert files.pop("etc/gai.conf") == "# changed later\n"
    for name in of_names.split():
        files.pop(f"etc/{name}")
    shown = {"python/bin/program": "program", "python/lib/module": "module"}
    assert (files, refused) == (listed | shown, {"EROFS"})
    assert not [*(tmp_path / "etc").iterdir(), *(tmp_path / "python").iterdir()]
    with pytest.raises(SandboxError, match="no folder etc"):
        list(pool.run(jobs.rooted, (tmp_path / "lib", ())))


def targets(texts: list[str]) -> tuple[Target, ...]:
    return tuple(Target(ip_address(text)) for text in texts)


SERVER = Server(
    {"web": targets(FOUR), "end.example": targets(SIX)},
    aliases={"www": "Mid.example", "mid.example": "End.Example", "gone": "nowhere.example"},
    replies={
        "bad": {"A": "servfail", "AAAA": "unrelated"}, "lost": {"A": "lame", "AAAA": "short"},
        "end.example": {"A": "nodata"},
    },
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "record", "code", "answers"),
    [
        ("web", "A", "NOERROR", [f"web. A {text}" for text in FOUR]),
        ("web", "AAAA", "NOERROR", []),
        ("nowhere", "A", "NXDOMAIN", []),
        ("WWW", "AAAA", "NOERROR", [
            "WWW. CNAME Mid.example.", "Mid.example. CNAME End.Example.",
            *(f"End.Example. AAAA {text}" for text in SIX),
        ]),
        ("www", "A", "NOERROR", ["www. CNAME Mid.example.", "Mid.example. CNAME End.Example."]),
        ("gone", "A", "NXDOMAIN", ["gone. CNAME nowhere.example."]),
        ("bad", "A", "SERVFAIL", []),
        ("bad", "AAAA", "NOERROR", ['bad. TXT "no address"']),
        ("lost", "A", "NOERROR", []),
        ("lost", "AAAA", "REFUSED", []),
    ],
)  # fmt: skip
def test_what_a_server_says(name: str, record: Record, code: str, answers: list[str]) -> None:
    packet = SERVER.packet(name, record)
    data = reply_to(DNSRecord.question(name, record), packet)
    assert not packet.addresses or len(data) <= packet.size
    reply = DNSRecord.parse(data)
    assert reply.header.rcode == getattr(RCODE, code)
    shown = [f"{rr.rname} {QTYPE.get(rr.rtype)} {rr.rdata}" for rr in reply.rr]
    assert shown == answers
    negative = not packet.addresses and name not in ("bad", "lost")
    assert [record.rtype for record in reply.auth] == [QTYPE.SOA] * negative  # RFC 2308
    assert bool(reply.header.aa or reply.header.ra) == (packet.word != "lame")
    assert len(reply.questions) == (packet.word != "short")


def test_a_question_for_other_records_gets_none() -> None:
    reply = DNSRecord.parse(reply_to(DNSRecord.question("web", "MX"), None))
    assert (reply.header.rcode, reply.rr) == (0, [])
    assert [record.rtype for record in reply.auth] == [QTYPE.SOA]


def test_too_many_records_for_one_answer_are_refused() -> None:
    with pytest.raises(SandboxError, match=r"^names\.web: 4096 AAAA records do not fit"):
        check_sizes(Server({"web": targets([f"2001:db8::{n:x}" for n in range(4096)])}))


A, AAAA = 1, 28
PEER = ("127.0.0.1", 40000)
OTHER = ("127.0.0.1", 2)


def asked(kind: int, peer: tuple[str, int] | int = PEER) -> DnsQuestion:
    cut = None if isinstance(peer, int) else b"cut"
    return DnsQuestion(peer, b"web", kind, {A: b"4", AAAA: b"6"}.get(kind, b"other"), cut)


KINDS = {"A": A, "AAAA": AAAA, None: None}


# whose reply is first; then what comes in at each of several reads, and what goes out
ORDERS: dict[str, tuple[str | None, list[tuple[list[DnsQuestion], list[Any]]]]] = {
    **{f"{first} first, over {name}": (first, [
        ([asked(one, peer), asked(other, peer)],
         [(peer, b"4"), (peer, b"6")][:: 1 if first == "A" else -1])
        for one, other in ((A, AAAA), (AAAA, A))
    ]) for first in ("A", "AAAA") for name, peer in (("UDP", PEER), ("TCP", 7))},
    "the second reply is never given before the first": ("AAAA", [
        ([asked(A), asked(AAAA, OTHER)], [(OTHER, b"6"), (PEER, b"cut")]),
        ([asked(AAAA)], [(PEER, b"6")]),
        ([asked(A, 7)], [(7, b"4")]),  # over TCP the question is known to be alone
    ]),
    "the second reply goes at once after the first, which stands for one partner only": ("A", [
        ([asked(A)], [(PEER, b"4")]),
        ([asked(AAAA)], [(PEER, b"6")]),
        ([asked(AAAA)], [(PEER, b"cut")]),
    ]),
    "a question for one family is no part of a later pair": ("AAAA", [
        ([asked(AAAA)], [(PEER, b"6")]),
        ([asked(A)], [(PEER, b"cut")]),
    ]),
    "other questions do not wait": ("A", [([asked(12)], [(PEER, b"other")])]),
    "a pair with an error is answered as it is asked": (None, [
        ([asked(A)], [(PEER, b"4")]), ([asked(AAAA)], [(PEER, b"6")]),
        ([asked(AAAA), asked(A)], [(PEER, b"6"), (PEER, b"4")]),
    ]),
}  # fmt: skip


@pytest.mark.parametrize("case", ORDERS)
def test_the_order_of_replies(case: str) -> None:
    first, steps = ORDERS[case]
    ordering = Ordering()
    for questions, replies in steps:
        own = [replace(one, first=KINDS[first]) for one in questions]
        assert ordering.order(own) == replies
