"""Every part of the model matters: with any one of them changed, the library disagrees.

The evidence is real (the host's kernel and glibc); only the model is changed. The rule 9 suite is
as sharp for what it is about.
"""

from dataclasses import replace

import pytest

from harness.compare import predict
from harness.compare.evidence import Evidence
from harness.compare.plan import load_suite, make_jobs
from harness.compare.sharing import Shared
from harness.compare.verdict import judge
from harness.model import policy
from harness.model.dialects import ROWS, Dialect
from tests.compare.kit import any_of, evidence_of, host_lane
from tests.compare.planted import PLANTED, READ_OTHERWISE
from tests.conftest import Patch

pytestmark = pytest.mark.no_cover  # the same evidence judged again, dozens of times
ABROAD = "first_of_pair_keeps_top_bit"  # seen on other processors only
FETCHED = "systemd"  # seen on builds with that module only: test_myhostname.py has its versions
BUGS = PLANTED | READ_OTHERWISE
# between them these show every bug: they are asked first, in this order
SHARP = """
    rule7-three-sources dns-any-address nss-by-family gaiconf-scopev4-mapped dns-no-aaaa-errors
    process-no-netlink-ipv4-only fact-1.3-binary-search case-rfc3484-10.2-home
    fact-2.2-each-default-entry dns-closed fact-1.7-bindv6only case-wgcf-51-after
    files-unreachable-kinds fact-2.9-intransitive dns-single-request-strict arch-strtoul-range
    files-absent-alone services-continue dns-aliases services-no-line dns-search-failure-last
    dns-failures-once fact-3.3-empty-length presort-numeric-zone fact-3.2-first-of-duplicates
    services-merge-multi-off fact-5-mptcp-hint gaiconf-nul presort-numeric-junk
    fact-1.6-optimistic dns-misnamed reload-mtime reload-removed-same-time reload-absent-at-first
    rules-in-order rule7-native-tunnel6 rule7-unknown-is-noted fact-2.3-loopback-scope
    dns-short-error arch-top-bit-of-the-first rule7-unlisted-link case-rfc3484-10.2-longest-match
    case-docker-ipv6nat-78-default
"""


def disagrees(one: Evidence) -> bool:
    return judge(one, predict.GLIBC).failed


@pytest.fixture(scope="module")
def evidence(library_evidence: list[Evidence]) -> list[Evidence]:
    """A list of these tests' own, which they put into another order."""
    place = {name: number for number, name in enumerate(SHARP.split())}
    assert {*place} <= {one.scenario.name for one in library_evidence}
    return sorted(library_evidence, key=lambda one: place.get(one.scenario.name, len(place)))


@pytest.fixture(scope="module")
def rule9_evidence() -> list[Evidence]:
    """Every seventh host of the suite, and all of the cycles."""
    suite = load_suite("rule9")
    chosen = suite[::7] + [s for s in suite if s.scenario.name.startswith("rule9-cycles")]
    return evidence_of(make_jobs(chosen, (host_lane(),)), 2)


def test_the_model_agrees(evidence: list[Evidence], rule9_evidence: list[Evidence]) -> None:
    assert len(evidence) >= 40
    assert len(rule9_evidence) > 1000
    wrong = [one for one in (*evidence, *rule9_evidence) if disagrees(one)]
    assert [(one.scenario.name, one.lookup.name) for one in wrong] == []


def test_expectations_say_for_which_versions_they_are(evidence: list[Evidence]) -> None:
    """From 2.17 on, where glibc runs, the model of every version meets those stated for it."""
    unmet = []
    for one in (one for one in evidence if one.lookup.expect):
        known = Shared()  # test_sharing.py: each gets what it would have for itself
        for minor in (*range(17, 37), 40, 41, 42, 44):
            lane = replace(one.lane, glibc=f"2.{minor}", label=f"2.{minor}")
            judged = judge(replace(one, lane=lane), known=known)
            unmet += [(judged.scenario, judged.lookup, minor, text) for text in judged.unmet]
    assert [found for found in unmet if found[-1].startswith("model: ")] == []


def test_every_dialect_feature_is_changed() -> None:
    assert {row.feature for row in ROWS} == {*Dialect.__dataclass_fields__} - {"glibc", "arch"}


@pytest.mark.parametrize("bug", sorted({*BUGS} - {ABROAD, FETCHED}))
def test_the_library_shows(bug: str, evidence: list[Evidence], monkeypatch: Patch) -> None:
    BUGS[bug](monkeypatch.setattr)
    assert any_of(evidence, disagrees)


@pytest.mark.parametrize(
    "bug", ["ipv4_unlimited", "ipv6_limited", "table_kept", "peer_found", "stable_sort"]
)
def test_the_suite_shows_it(bug: str, rule9_evidence: list[Evidence], monkeypatch: Patch) -> None:
    BUGS[bug](monkeypatch.setattr)
    assert any_of(rule9_evidence, disagrees)


@pytest.mark.network
def test_another_processor_shows_it(abroad_evidence: list[Evidence], monkeypatch: Patch) -> None:
    assert not any_of(abroad_evidence, disagrees)
    BUGS[ABROAD](monkeypatch.setattr)
    assert any_of(abroad_evidence, disagrees)


# An IPv4 destination always has an IPv4 source: their common label cannot show. A source
# ::1 can reach nothing but ::1, so its label cannot show either.
INVISIBLE = {("DEFAULT_LABELS", 0xFFFF << 32, 96), ("DEFAULT_LABELS", 1, 128)}


@pytest.mark.parametrize("table", ["DEFAULT_LABELS", "DEFAULT_PRECEDENCE"])
def test_default_table_without_an_entry(
    evidence: list[Evidence], table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = getattr(policy, table)
    survivors = []
    for entry in whole:
        if entry.bits and (table, entry.prefix, entry.bits) not in INVISIBLE:
            monkeypatch.setattr(policy, table, tuple(e for e in whole if e is not entry))
            if not any_of(evidence, disagrees):
                survivors.append(f"{entry.prefix:032x}/{entry.bits}")
    assert not survivors, "\n".join(survivors)
