"""Builds apart: the rows of the dialect table that are named as the reason, and their labels."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.compare.changes import against, architectures, changes
from harness.compare.differences import ArchitectureChange, BuildChange, Side
from harness.compare.evidence import Evidence, LaneSpec
from harness.compare.fuzz.groups import kind_of
from harness.compare.plan import label, lanes_for, load_scenarios, make_jobs, shortened
from harness.compare.results import Result, Verdict
from harness.compare.run import run
from harness.compare.verdict import analyse, judge
from harness.glibcs import Build
from harness.native.record import Answer
from tests.compare.kit import evidence_of, host_lane

FAR, NEAR = "172.31.80.8", "172.18.45.6"


@pytest.fixture(scope="module")
def seen() -> Evidence:
    """A real host without IPv6, and the host's glibc that keeps the far address first."""
    jobs = make_jobs(load_scenarios([Path("seed-rule9-ipv4-only")]), (host_lane(),))
    return evidence_of(jobs)[0]


def elsewhere(seen: Evidence, arch: str, order: Sequence[str], glibc: str = "2.36") -> Evidence:
    """What another architecture is known to answer (facts 2.6 and 2.7)."""
    native = seen.native
    assert isinstance(native, Answer)
    by_address = {one.address: one for one in native.addrinfos}
    infos = tuple(by_address[address] for address in order)
    lane = replace(seen.lane, arch=arch, glibc=glibc)
    return replace(seen, lane=lane, native=replace(native, addrinfos=infos))


@pytest.mark.parametrize(
    "wrong",
    [{"canonname": "far"}, {"flags": 2}, {"addrlen": 28}, {"sa_family": 10}, {"port": 80}],
    ids=str,
)  # fmt: skip
def test_every_part_of_an_entry_is_compared(seen: Evidence, wrong: dict[str, object]) -> None:
    assert not judge(seen).differs
    native = seen.native
    assert isinstance(native, Answer)
    *first, last = native.addrinfos
    changed = replace(last, **wrong)  # type: ignore[arg-type]
    result = judge(replace(seen, native=replace(native, addrinfos=(*first, changed))))
    assert result.differs
    ((name, value),) = wrong.items()
    (line,) = result.differences
    assert f"entry {len(first)}: " in line
    assert name.replace("canonname", "canonical name") + f" {value}, expected" in line


def test_a_canonical_name_that_is_not_there_is_said_so(seen: Evidence) -> None:
    named = replace(seen, lookup=seen.lookup.model_copy(update={"flags": ("AI_CANONNAME",)}))
    result = judge(named)
    assert result.differences[0] == "entry 0: no canonical name, expected web"
    assert kind_of(result) == "canonical name of an entry"


def apart(*evidences: Evidence) -> tuple[ArchitectureChange, ...]:
    return architectures(evidences, [judge(each) for each in evidences])


def test_the_shift_is_named_in_one_line(seen: Evidence) -> None:
    (change,) = apart(
        *(
            elsewhere(seen, arch, order, glibc)
            for glibc in ("2.36", "2.41")
            for archs, order in (("amd64 arm64", (FAR, NEAR)), ("s390x armhf", (NEAR, FAR)))
            for arch in archs.split()
        )
    )
    assert change.between == "2.36, 2.41: amd64, arm64 ≠ s390x, armhf"
    (why,) = change.why
    assert "shift_by_32" in why


def test_alike_unexpected_and_not_trusted(seen: Evidence) -> None:
    own = elsewhere(seen, "amd64", (FAR, NEAR))
    assert not apart(own, elsewhere(seen, "i386", (FAR, NEAR)))
    # what the model does not expect is not explained
    assert [one.why for one in apart(own, elsewhere(seen, "riscv64", (NEAR, FAR)))] == [()]
    foreign = elsewhere(seen, "s390x", (NEAR, FAR))
    doubtful = replace(foreign, lane=replace(foreign.lane, untrusted="sees other addresses"))
    assert not apart(own, doubtful)


def test_versions_are_compared_within_an_architecture(seen: Evidence) -> None:
    evidences = [
        elsewhere(seen, "amd64", (FAR, NEAR), "2.36"),
        elsewhere(seen, "s390x", (NEAR, FAR), "2.36"),
        elsewhere(seen, "amd64", (FAR, NEAR), "2.41"),
        elsewhere(seen, "s390x", (FAR, NEAR), "2.41"),  # a wonder
    ]
    (change,) = changes(evidences, [judge(each) for each in evidences])
    assert (change.between, change.why) == ("2.36 → 2.41 on s390x", ())


def test_other_addresses_found_are_no_order_that_the_model_does_not_explain() -> None:
    jobs = make_jobs(load_scenarios([Path("dns-strict-error")]), (host_lane(),))
    old = next(one for one in evidence_of(jobs) if one.lookup.name == "half")
    old = replace(old, lane=replace(old.lane, glibc="2.36"))
    new = replace(old, lane=replace(old.lane, glibc="2.41", label="newer"))

    def said(evidence: Evidence, *addresses: str) -> Result:
        return replace(
            judge(evidence), verdict=Verdict.AGREE, native=addresses, model=addresses,
            differences=(), first_difference=None, error=None,
        )  # fmt: skip

    analyses = {one.case: analyse(one) for one in (old, new)}
    # what the scenario expects, whatever this host has
    answers = [said(new, "2001:db8:9::9", "172.31.80.9"), said(old, "172.31.80.8")]
    (change,) = against([new, old], answers, analyses, 0)
    assert change.rules == "other addresses found"
    assert (change.old.why, change.new.why) == ("", "")
    assert "strict_error_known" in change.because


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (Side("mine", (FAR, NEAR), None, None, "", agreed=False),
         "rule 9 → unexplained by the model"),
        (Side("mine", (FAR, NEAR), None, None, ""), "rule 9 → the order found"),
        (Side("mine", (FAR, NEAR), None, 10, ""), "rule 9 → rule 10"),
        (Side("mine", (FAR,), None, None, ""), "other addresses found"),
        (Side("mine", (FAR,), None, None, "", agreed=False),
         "other addresses found, unexplained by the model"),
        (Side("mine", (), "EAI_AGAIN", None, ""), "an order → EAI_AGAIN"),
    ],
)  # fmt: skip
def test_what_a_change_is_called(new: Side, words: str) -> None:
    assert BuildChange(Side("host", (NEAR, FAR), None, 9, ""), new).rules == words


def labels(*lanes: LaneSpec) -> list[str]:
    return [spec.label for spec in shortened(lanes)]


def lane(text: str, build: str = "", arch: str = "amd64") -> LaneSpec:
    return LaneSpec("2.36", arch, "worker", build or f"directory {text}", label=text)


@pytest.mark.parametrize(
    ("origin", "name", "expected"),
    [
        ("host", None, "host"),
        ("debian bookworm 2.36-9+deb12u10", None, "bookworm"),
        ("directory /opt/my glibc", None, "/opt/my glibc"),
        ("directory /opt/glibc", "mine", "mine"),
    ],
)
def test_where_a_build_comes_from_in_a_word(origin: str, name: str | None, expected: str) -> None:
    assert label(Build("2.36", "amd64", origin, "id", (), name)) == expected


@pytest.mark.parametrize(
    ("folders", "short"),
    [
        ("/opt/glibc", "glibc"), ("/opt/glibc /opt/glibc", "glibc glibc"), ("/", "/"),
        ("/a/x/lib /b/x/lib /c", "a/x/lib b/x/lib c"), ("/lib /usr/lib", "/lib usr/lib"),
    ],
)  # fmt: skip
def test_of_a_folder_as_much_as_it_takes(folders: str, short: str) -> None:
    assert labels(*map(lane, folders.split())) == short.split()


def test_builds_of_one_version_never_share_a_label() -> None:
    suite = lane("bookworm", "debian bookworm 2.36-9")
    assert len({*labels(suite, lane("bookworm", "directory /x"), lane("/srv/bookworm"))}) == 3
    # of another architecture they may
    foreign = lane("bookworm", "debian bookworm 2.36-9+b1", arch="armhf")
    assert labels(suite, foreign) == ["bookworm", "bookworm"]


def test_chance_tells_no_two_builds_apart() -> None:
    """With rotate each process may ask another DNS server first."""
    lanes = lanes_for("host", "both")
    (job,) = make_jobs(load_scenarios([Path("dns-rotate")]), lanes, reference=0)
    outcomes = list(run([job] * 6, 2))
    assert [one.error for one in outcomes] == [None] * 6
    reports = [report for one in outcomes for report in one.reports]
    assert len({result.order for each in reports for result in each.results}) > 1, "by chance"
    assert not any(each.differences or each.failed for each in reports)
