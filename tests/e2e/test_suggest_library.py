"""Every order that any look-up of the library can be given, confirmed by real glibc."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import permutations
from zlib import crc32

import pytest

from harness.advice.suggest import Impossible, LookupCase, Suggestion
from harness.compare.plan import lanes_for, load_scenarios, make_jobs
from harness.compare.suggest import Answered, Wish, case_of, fulfil
from harness.model.host import Target
from harness.sandbox import Pool
from harness.scenario import library
from tests.advice.suggest_kit import some_gai_conf_does_it
from tests.compare.kit import host_lane
from tests.e2e.kit import gather
from tests.processes import called, warm_pools

pytestmark = [pytest.mark.network, pytest.mark.xdist_group("matrix")]
_ALL_ORDERS_UP_TO = 3
_SOME, _EVERY = 16, 1
"""Of how many scenarios one is asked: of all, real glibc has to give some ten thousand answers."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One wish with what came of it, and the look-up's candidates."""

    answered: Answered
    case: LookupCase
    gai_conf: bytes | None

    @property
    def name(self) -> str:
        of = self.answered
        return f"{of.scenario} {of.lookup} {', '.join(of.wanted)}"


@pytest.fixture(scope="module", params=[_SOME, pytest.param(_EVERY, marks=pytest.mark.slow)])
def asked(request: pytest.FixtureRequest, versions: list[str]) -> list[Asked]:
    """Every wished order (or first address) of every look-up, on every version."""
    scenarios = [
        one
        # the same ones however the library grows
        for one in load_scenarios(
            [path for path in library() if crc32(path.stem.encode()) % request.param == 0]
        )
        # which addresses several services, or one for each family, give depends on the version
        if one.scenario.name_service is None and one.scenario.resolver != "nss_by_family"
    ]  # fmt: skip
    jobs = make_jobs(scenarios, lanes_for(",".join(versions), "worker"))
    seen = make_jobs(scenarios, (host_lane(),))
    with Pool(2) as pool:
        known = [
            [
                (Wish(number, want), case)
                for number, (evidence,) in enumerate(evidences)
                if (case := case_of(evidence)) is not None
                for want in _wanted(case)
            ]
            for evidences in pool.map(gather, seen)
        ]
    with warm_pools():
        return [
            Asked(answered, case, job.gai_confs[0].data)
            for job, each in zip(jobs, known, strict=True)
            for answered, (_, case) in zip(
                fulfil(job, [wish for wish, _ in each]), each, strict=True
            )
        ]


def _wanted(case: LookupCase) -> Sequence[tuple[str, ...]]:
    every = dict.fromkeys(str(Target(ip_address(str(c.destination)), c.scope_id))
                          for c in case.candidates)  # fmt: skip
    if len(every) < 2:
        return ()
    if len(every) <= _ALL_ORDERS_UP_TO:
        return list(permutations(every))
    return [(one,) for one in every]


def test_suggestions_are_confirmed_on_every_version(
    asked: list[Asked], versions: list[str]
) -> None:
    """Most are one line; labels and scopes are the exception."""
    assert len(asked) > 100
    own: Counter[int] = Counter()
    keywords: Counter[str] = Counter()
    for one in asked:
        if one.answered.possible:
            assert one.answered.verified, one.name
            assert {result.glibc for result in one.answered.after} >= set(versions), one.name
        if isinstance(one.answered.outcome, Suggestion):
            shortest = one.answered.outcome.shorter or one.answered.outcome
            lines = [line for line in shortest.lines if not line.restored]
            own[len(lines)] += 1
            keywords.update({line.keyword for line in lines})
            assert shortest.smallest, one.name
            # the second answer is dropped where a glibc does not give it
            assert (one.answered.shorter is None) == (one.answered.outcome.shorter is None), (
                one.name
            )
            if one.gai_conf is None:  # no finding that the old one had not
                codes = {finding.code for finding in one.answered.findings}
                # GAI019: a scope that matches no source is how rule 2 is turned, and meant here
                assert codes <= {"GAI014", "GAI009", "GAI019"}, one.name
    assert own[1] > 5 * own[2]
    assert max(own) <= 2
    assert keywords["precedence"] > 5 * (keywords["label"] + keywords["scopev4"])


def test_what_is_impossible_is_proved_and_trying_everything_finds_nothing(
    asked: list[Asked],
) -> None:
    impossible = [one for one in asked if isinstance(one.answered.outcome, Impossible)]
    assert 0 < len(impossible) < len(asked) / 10
    for one in impossible:
        outcome = one.answered.outcome
        assert isinstance(outcome, Impossible)
        assert outcome.proved, one.name
        for obstacle in outcome.obstacles:
            twins = obstacle.first.partition("%")[0] == obstacle.second.partition("%")[0]
            assert obstacle.rule in (1, 2, 3, 4, *((7, 9, 10) if twins else ())), one.name
        assert all(obstacle.remedies for obstacle in outcome.obstacles)
        assert len(one.case.candidates) <= 9  # three addresses, three socket types
        assert not some_gai_conf_does_it(one.case, one.gai_conf, outcome.wanted), one.name


def test_this_host_can_be_asked_too() -> None:
    done = called("suggest", "localhost", "--want", "127.0.0.1", "--json")
    if done.status == 2:  # one address only: there is nothing to order
        assert "two or more addresses" in done.err
        return
    assert done.status in (0, 1)
    assert json.loads(done.out)["suggestions"][0]["lookup"] == "localhost"
