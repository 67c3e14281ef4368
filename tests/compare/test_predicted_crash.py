"""A crash that the model foresees: rule 7 up to 2.18, with an unknown interface."""

import signal

import pytest

from harness.compare.evidence import Evidence, LaneSpec, NamedGaiConf
from harness.compare.results import Verdict
from harness.compare.verdict import judge
from harness.model.lookup import NameService
from harness.native.record import Answer, Crashed, Outcome
from harness.report.words import headline
from harness.scenario.schema import Lookup, Scenario
from tests.model.kit import view
from tests.model.test_transport import ETH0, ETH1, PPP, ROWS, SOURCES

DIED = Crashed(signal.SIGABRT)


@pytest.mark.parametrize(
    ("glibc", "native", "verdict", "predicted", "met"),
    [
        ("2.18", DIED, Verdict.CRASHED, True, True),
        ("2.18", Crashed(signal.SIGSEGV), Verdict.CRASHED, False, False),
        ("2.18", Answer("EAI_NONAME", 0, 0, (), "2.18"), Verdict.DISAGREE, False, False),
        ("2.19", DIED, Verdict.CRASHED, False, True),
    ],
)
def test_only_that_signal_where_the_model_says_so(
    glibc: str, native: Outcome, verdict: Verdict, predicted: bool, met: bool
) -> None:
    targets, host = view(ROWS, {name: SOURCES[name] for name in (ETH1, PPP, ETH0)})
    lookup = Lookup.model_validate(
        {"name": "web", "expect": [{"error": "SIGABRT", "glibc": "<2.19"}]}
    )
    scenario = Scenario.model_validate(
        {"name": "x", "description": "x", "host": {"interfaces": {}}, "lookups": [lookup]}
    )
    lane = LaneSpec(glibc, "amd64", "worker", "directory /x")
    held = NameService({"web": tuple(targets)})
    result = judge(
        Evidence(scenario, lookup, NamedGaiConf("default", None), host, held, lane, native)
    )
    assert (result.verdict, result.predicted, not result.unmet) == (verdict, predicted, met)
    assert (result.model_error == "SIGABRT") is (glibc == "2.18")
    assert result.agreed is predicted
    if predicted:
        assert headline(result) == "died of SIGABRT, as the model says"
