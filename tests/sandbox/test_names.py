from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from dnslib import QTYPE, DNSRecord  # type: ignore[import-untyped]

from harness.sandbox import Pool, SandboxError
from harness.sandbox.dns import Ordering, Question, Zone, reply_to
from harness.scenario.schema import Host
from tests.sandbox import jobs
from tests.sandbox.kit import host

if TYPE_CHECKING:
    from pathlib import Path

# addresses for AI_ADDRCONFIG, but no way to the names' addresses: with equal precedences
# (the job's gai.conf) no rule then tells them apart, and the order of arrival stays
HOST = Host.model_validate(host({"eth0": "10.0.0.1/24 2001:db8:ffff::1/64"}))
FOUR, SIX = ["192.0.2.1", "192.0.2.2"], ["2001:db8::1", "2001:db8::2"]
NAMES = {"web": [FOUR[0], SIX[0], FOUR[1], SIX[1]], "four.example": FOUR, "six": SIX}


def test_files_give_the_order_of_the_lines(pool: Pool) -> None:
    steps = [(NAMES, "files", "A"), ({"web": ["192.0.2.9"]}, "files", "A")]
    found = list(pool.run(jobs.resolved, (HOST, steps, ["ahosts web", "ahosts other"])))
    expected = [(0, NAMES["web"]), (2, []), (0, ["192.0.2.9"]), (2, [])]
    assert [(code, names) for code, names, _ in found] == expected


@pytest.mark.parametrize(("first", "order"), [("A", FOUR + SIX), ("AAAA", SIX + FOUR)])
def test_dns_answers_the_wanted_family_first(pool: Pool, first: str, order: list[str]) -> None:
    steps = [(NAMES, "dns", first)] * 10
    found = list(pool.run(jobs.resolved, (HOST, steps, ["ahosts WEB"])))
    assert [(code, names) for code, names, _ in found] == [(0, order)] * 10
    assert max(elapsed for _, _, elapsed in found) < 2


def test_dns_knows_one_family_both_and_neither(pool: Pool) -> None:
    steps = [(NAMES, "dns", "A"), (NAMES, "dns", "AAAA")]
    questions = ["ahosts four.example", "ahosts six.", "ahosts other"]
    questions += ["ahostsv4 web", "ahostsv6 web", "ahostsv6 four.example"]
    found = list(pool.run(jobs.resolved, (HOST, steps, questions)))
    mapped = [f"::ffff:{address}" for address in FOUR]
    expected = [(0, FOUR), (0, SIX), (2, []), (0, FOUR), (0, SIX), (0, mapped)]
    assert [(code, names) for code, names, _ in found] == expected * 2
    assert max(elapsed for _, _, elapsed in found) < 2


@pytest.mark.parametrize("first", ["A", "AAAA"])
def test_dns_over_tcp_keeps_the_order_too(pool: Pool, first: str) -> None:
    four = [f"192.0.2.{n}" for n in range(1, 101)]
    six = [f"2001:db8::{n:x}" for n in range(1, 101)]
    steps = [({"many": [*six, *four]}, "dns", first)]
    ((code, names, elapsed),) = pool.run(jobs.resolved, (HOST, steps, ["ahosts many"]))
    assert (code, names) == (0, four + six if first == "A" else six + four)
    assert elapsed < 2


def test_names_move_between_files_and_dns(pool: Pool) -> None:
    steps = [(NAMES, "dns", "AAAA"), ({"web": FOUR}, "files", "A"), ({"web": SIX}, "dns", "A")]
    found = list(pool.run(jobs.resolved, (HOST, steps, ["ahosts web"])))
    assert [names for _, names, _ in found] == [SIX + FOUR, FOUR, SIX]


def test_services_are_the_private_ones(pool: Pool) -> None:
    steps: jobs.Steps = [({}, "files", "A")]
    questions = ["services https/udp", "services x11/tcp", "protocols udp"]
    found = list(pool.run(jobs.resolved, (HOST, steps, questions)))
    assert [names for _, names, _ in found] == [["https", "443/udp"], [], ["udp", "17"]]


def test_gai_conf_changes_its_time_at_every_version(pool: Pool) -> None:
    versions = [b"a\n", b"b\n", b"b\n", None, b"c\n", b"\0\xff", None, None]
    found = list(pool.run(jobs.gai_conf_versions, versions))
    assert [entry and entry[0] for entry in found] == versions
    times = [entry[1] for entry in found if entry]
    assert times[:3] == sorted(set(times[:3]))
    assert times[4] > times[3]


def test_a_private_root_shows_the_skeleton_and_the_private_etc(pool: Pool, tmp_path: Path) -> None:
    for name in ("etc", "lib"):
        (tmp_path / name).mkdir()
    (seen,) = pool.run(jobs.rooted, tmp_path)
    of_names = "gai.conf host.conf hosts networks nsswitch.conf protocols resolv.conf services"
    assert seen.split() == ["etc", "lib", *of_names.split(), "EROFS", "#", "changed", "later"]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["etc", "lib"]
    assert not list((tmp_path / "etc").iterdir())


def test_a_private_root_shows_files_and_folders_read_only(pool: Pool, tmp_path: Path) -> None:
    for name in ("etc", "python", "closed/folder"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "closed/program").write_text("program")
    (tmp_path / "closed/folder/module").write_text("module")
    parts = (
        ("bin/program", tmp_path / "closed/program"),
        ("lib/folder", tmp_path / "closed/folder"),
    )
    (seen,) = pool.run(jobs.parts_of_a_root, (tmp_path, parts))
    assert seen == ({"bin/program": "program", "lib/folder/module": "module"}, ["EROFS"] * 4)
    assert not list((tmp_path / "python").iterdir())


def test_a_private_root_needs_a_folder_etc(pool: Pool, tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="no folder etc"):
        list(pool.run(jobs.rooted, tmp_path))


def reply(zone: Zone, name: str, kind: str, limit: int = 512) -> DNSRecord:
    return DNSRecord.parse(reply_to(zone, DNSRecord.question(name, kind), limit))


def test_a_negative_answer_carries_a_soa() -> None:
    zone = Zone.of({"web": FOUR}, "A")
    for name, kind, code in (("web", "AAAA", 0), ("web", "MX", 0), ("nowhere", "A", 3)):
        answer = reply(zone, name, kind)
        assert (answer.header.rcode, answer.rr) == (code, [])
        assert [record.rtype for record in answer.auth] == [QTYPE.SOA]


def test_names_are_compared_without_case_or_final_dot() -> None:
    zone = Zone.of({"Web.Example.": FOUR}, "A")
    assert [str(record.rdata) for record in reply(zone, "wEB.exAMPLE.", "A").rr] == FOUR


def test_a_long_answer_is_cut_with_tc() -> None:
    zone = Zone.of({"web": [f"10.0.0.{n}" for n in range(60)]}, "A")
    cut = reply(zone, "web", "A")
    assert (cut.header.tc, cut.rr) == (1, [])
    assert str(cut.q.qname) == "web."
    assert len(reply(zone, "web", "A", 4096).rr) == 60


def test_too_many_records_for_one_answer_are_refused() -> None:
    with pytest.raises(SandboxError, match=r"^names\.web: 4096 AAAA records do not fit"):
        Zone.of({"web": [f"2001:db8::{n:x}" for n in range(4096)]}, "A")


A, AAAA = 1, 28
PEER = ("127.0.0.1", 40000)
OTHER = ("127.0.0.1", 2)


def asked(kind: int, peer: tuple[str, int] | int = PEER) -> Question:
    cut = None if isinstance(peer, int) else b"cut"
    return Question(peer, b"web", kind, {A: b"4", AAAA: b"6"}.get(kind, b"other"), cut)


@pytest.mark.parametrize("kinds", [(A, AAAA), (AAAA, A)])
@pytest.mark.parametrize("peer", [PEER, 7], ids=["UDP", "TCP"])
def test_a_pair_is_answered_in_the_wanted_order(
    kinds: tuple[int, int], peer: tuple[str, int] | int
) -> None:
    pair = [asked(kind, peer) for kind in kinds]
    assert Ordering("A").order(pair) == [(peer, b"4"), (peer, b"6")]
    assert Ordering("AAAA").order(pair) == [(peer, b"6"), (peer, b"4")]


def test_the_second_reply_is_never_given_before_the_first() -> None:
    ordering = Ordering("AAAA")
    assert ordering.order([asked(A), asked(AAAA, OTHER)]) == [(OTHER, b"6"), (PEER, b"cut")]
    assert ordering.order([asked(AAAA)]) == [(PEER, b"6")]
    # over TCP the question is known to be alone
    assert ordering.order([asked(A, 7)]) == [(7, b"4")]


def test_the_second_reply_goes_at_once_after_the_first() -> None:
    ordering = Ordering("A")
    assert ordering.order([asked(A)]) == [(PEER, b"4")]
    assert ordering.order([asked(AAAA)]) == [(PEER, b"6")]
    # the first reply stands for one partner only
    assert ordering.order([asked(AAAA)]) == [(PEER, b"cut")]


def test_a_question_for_one_family_is_no_part_of_a_later_pair() -> None:
    ordering = Ordering("AAAA")
    assert ordering.order([asked(AAAA)]) == [(PEER, b"6")]
    assert ordering.order([asked(A)]) == [(PEER, b"cut")]


def test_other_questions_do_not_wait() -> None:
    assert Ordering("A").order([asked(12)]) == [(PEER, b"other")]


@pytest.mark.bare
@pytest.mark.parametrize(("first", "order"), [("A", FOUR + SIX), ("AAAA", SIX + FOUR)])
def test_glibc_may_pause_between_the_questions_of_a_pair(
    pool: Pool, first: str, order: list[str]
) -> None:
    """As long as it takes: it is told to ask the second one after the first one's reply."""
    steps = [(NAMES, "dns", first)] * 3
    spec = (HOST, steps, ["ahosts web"], "options single-request\n")
    assert [names for _, names, _ in pool.run(jobs.resolved, spec)] == [order] * 3
