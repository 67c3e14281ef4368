"""The rule 9 suite is sharp: each of these changes in the model makes it fail."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from harness.compare import predict as predict_module
from harness.compare.plan import host_lane, load_suite, make_jobs
from harness.compare.predict import Model
from harness.model.addresses import leading_zeros
from harness.sandbox import Pool
from tests.compare.kit import gather
from tests.compare.test_mutations import by_local, disagreements, keep_table, stable_sort

if TYPE_CHECKING:
    from harness.compare.evidence import Evidence
    from harness.model.dialects import Dialect

# the package has a function of this name too
order_module = import_module("harness.model.order")


@pytest.fixture(scope="module")
def evidence() -> list[Evidence]:
    """Every seventh host of the suite, and all of the cycles."""
    suite = load_suite("rule9")
    chosen = suite[::7] + [s for s in suite if s.scenario.name.startswith("rule9-cycles")]
    with Pool(2) as pool:
        found = pool.map(gather, make_jobs(chosen, (host_lane(),)))
        return [item for items in found for item in items]


def test_it_agrees(evidence: list[Evidence]) -> None:
    assert len(evidence) > 1000
    assert disagreements(evidence) == []


def test_ipv4_without_the_subnet_limit(
    evidence: list[Evidence], monkeypatch: pytest.MonkeyPatch
) -> None:
    def plain(spoken: Dialect, destination: Any, source: Any, prefixlen: int) -> int:
        if source is None:
            return 0
        width = 32 if destination.version == 4 else 128
        return leading_zeros(int(destination) ^ int(source), width)

    monkeypatch.setattr(order_module, "common_prefix", plain)
    assert disagreements(evidence)


def test_ipv6_with_the_limit(evidence: list[Evidence], monkeypatch: pytest.MonkeyPatch) -> None:
    original = order_module.common_prefix

    def limited(spoken: Dialect, destination: Any, source: Any, prefixlen: int) -> int:
        bits: int = original(spoken, destination, source, prefixlen)
        return min(bits, prefixlen) if destination.version == 6 else bits

    monkeypatch.setattr(order_module, "common_prefix", limited)
    assert disagreements(evidence)


def test_table_kept_on_ipv4_only_hosts(
    evidence: list[Evidence], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predict_module, "address_table", keep_table)
    assert disagreements(evidence)


def test_peers_looked_up_by_the_local_address(
    evidence: list[Evidence], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predict_module, "address_table", by_local)
    assert disagreements(evidence)


def test_a_stable_sort_that_is_not_the_merge_sort(evidence: list[Evidence]) -> None:
    assert disagreements(evidence, Model(sort=stable_sort))
