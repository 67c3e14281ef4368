"""The built-in suites: complete, valid, the same every time, and right without the model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from ipaddress import ip_address
from itertools import combinations

import pytest

from harness.compare.predict import lookup_title
from harness.model.dialects import dialect
from harness.model.host import AddressRow
from harness.model.table import address_table
from harness.scenario import LoadedScenario, Scenario
from harness.scenario.suites import FAMILIES, suites
from harness.scenario.suites.cases import Cases
from harness.scenario.suites.reasoning import bits, expectation, flip, in_subnet, shared


@pytest.fixture(scope="module")
def rule9() -> list[LoadedScenario]:
    return suites()["rule9"]()


def test_names_of_suites() -> None:
    assert list(suites()) == ["rule9", "smoke", "findings"]


@pytest.mark.parametrize("name", ["rule9", "smoke", "findings"])
def test_the_same_every_time(name: str) -> None:
    assert suites()[name]() == suites()[name]()


@pytest.mark.parametrize("name", ["rule9", "smoke", "findings"])
def test_scenarios_are_what_a_file_would_give(name: str) -> None:
    for loaded in suites()[name]():
        document = loaded.scenario.model_dump(by_alias=True, exclude_unset=True)
        assert Scenario.model_validate(document) == loaded.scenario
        assert str(loaded.path) == f"suite:{name}"
        inline = loaded.scenario.gai_conf
        assert loaded.gai_conf == (None if inline is None else str(inline).encode())
        assert loaded.gai_conf_name == ("default" if inline is None else "inline")


@pytest.mark.parametrize("name", ["rule9", "smoke", "findings"])
def test_names_are_unique(name: str) -> None:
    scenarios = [loaded.scenario for loaded in suites()[name]()]
    assert not repeated(scenario.name for scenario in scenarios)
    for scenario in scenarios:
        assert scenario.name.startswith(f"{name}-")
        assert scenario.description
        assert not repeated(lookup_title(lookup) for lookup in scenario.lookups)
        assert {lookup.name for lookup in scenario.lookups} == set(scenario.names)


def repeated(items: Iterable[str]) -> list[str]:
    return [item for item, count in Counter(items).items() if count > 1]


def test_rule9_is_large_on_few_hosts(rule9: list[LoadedScenario]) -> None:
    lookups = sum(len(loaded.scenario.lookups) for loaded in rule9)
    assert lookups >= 5500
    assert len(rule9) <= 220


def test_smoke_is_small() -> None:
    assert len(suites()["smoke"]()) <= 10


def test_every_family_is_there(rule9: list[LoadedScenario]) -> None:
    names = [loaded.scenario.name for loaded in rule9]
    for family, cases in FAMILIES.items():
        made = [case.name for case in cases()]
        assert made
        assert all(name.startswith(f"rule9-{family}") for name in made)
        assert set(made) <= set(names)
    assert len(names) == sum(len(list(cases())) for cases in FAMILIES.values())


def test_every_ipv4_prefix_length_on_every_kind_of_host(rule9: list[LoadedScenario]) -> None:
    names = {loaded.scenario.name for loaded in rule9}
    for length in range(33):
        for kind in ("dual", "linklocal", "v4only"):
            assert f"rule9-v4-p{length}-{kind}" in names


def test_every_ipv6_common_prefix_length_meets_its_neighbour(rule9: list[LoadedScenario]) -> None:
    for length in (48, 64, 127, 128):
        of_length = [
            loaded.scenario
            for loaded in rule9
            if loaded.scenario.name.startswith(f"rule9-v6-p{length}-common")
        ]
        names = {name for scenario in of_length for name in scenario.names}
        for common in range(128):
            assert f"common-{common}-then-common-{common + 1}" in names
            assert f"common-{common + 1}-then-common-{common}" in names


def test_every_size_in_every_mixture(rule9: list[LoadedScenario]) -> None:
    for mixture in ("v4", "v6", "mixed", "mixed-tied"):
        scenario = by_name(rule9, f"rule9-sizes-{mixture}")
        sizes = {len(addresses) for addresses in scenario.names.values()}
        assert sizes == {2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64}
        assert all(len(set(found)) == len(found) for found in scenario.names.values())


def test_hints_and_resolvers_vary(rule9: list[LoadedScenario]) -> None:
    scenarios = [loaded.scenario for loaded in rule9]
    assert {"any", "stream"} <= {look.socktype for one in scenarios for look in one.lookups}
    replies = {one.dns.first_reply for one in scenarios if one.resolver == "dns"}
    assert replies == {"A", "AAAA"}


def test_most_lookups_have_an_expectation(rule9: list[LoadedScenario]) -> None:
    lookups = [lookup for loaded in rule9 for lookup in loaded.scenario.lookups]
    expected = [lookup for lookup in lookups if lookup.expect]
    assert len(expected) > 0.8 * len(lookups)
    rules = Counter(given.decided_by for lookup in expected for given in lookup.expect)
    assert {1, 5, 6, 7, 9, 10} <= set(rules)
    assert rules[9] > 2000


def test_an_expectation_reorders_what_it_was_given(rule9: list[LoadedScenario]) -> None:
    for loaded in rule9:
        for lookup in loaded.scenario.lookups:
            for given in lookup.expect:
                names = loaded.scenario.names[lookup.name or ""]
                assert sorted(given.order or ()) == sorted(names)


@pytest.mark.parametrize("copies", ["p16-p24", "p16-p32-p24"])
def test_the_binary_search_hits_every_copy(rule9: list[LoadedScenario], copies: str) -> None:
    found = {
        length_found(loaded.scenario)
        for loaded in rule9
        if loaded.scenario.name.startswith(f"rule9-v4-twice-{copies}-below")
    }
    assert found == {int(word[1:]) for word in copies.split("-")}


def length_found(scenario: Scenario) -> int:
    """The prefix length the model takes for 172.18.45.2."""
    loopback = (ip_address("127.0.0.1"), ip_address("::1"))
    rows = [AddressRow(1, ip, ip, ip.max_prefixlen, 0) for ip in loopback]
    for index, interface in enumerate(scenario.host.interfaces.values(), 2):
        rows += [AddressRow(index, at.ip, at.ip, at.prefixlen, 0) for at in interface.addresses]
    entry = address_table(rows).find(ip_address("172.18.45.2"), True, dialect("2.36"))
    assert entry is not None
    return entry.prefixlen


def by_name(scenarios: list[LoadedScenario], name: str) -> Scenario:
    return next(one.scenario for one in scenarios if one.scenario.name == name)


def test_seed_is_reasoned_rightly() -> None:
    near, far, source = "172.18.45.6", "172.31.80.8", "172.18.45.2"
    assert in_subnet(near, source, 24) == 29
    assert in_subnet(far, source, 24) == 0
    assert in_subnet(far, source, 0) == shared(far, source) == 12
    ranking = [(9, lambda to: -in_subnet(to, source, 24))]
    assert expectation([far, near], ranking) == {
        "order": [near, far], "decided_by": 9, "glibc": ">=2.17",
    }  # fmt: skip
    assert expectation([far, near], [])["decided_by"] == 10


def test_bits() -> None:
    assert bits("128.0.0.1") == "1" + "0" * 30 + "1"
    assert len(bits("::")) == 128
    assert flip("10.0.0.0", 0, 31) == "138.0.0.1"
    assert shared("2001:db8::", "2001:db8::") == 128
    for one, other in combinations(range(0, 128, 9), 2):
        assert shared(flip("2001:db8::", one), flip("2001:db8::", other)) == one


def test_a_name_is_given_once() -> None:
    cases = Cases("once", "", {"eth0": ["10.0.0.1/8"]})
    cases.add("web", ["10.0.0.2"])
    with pytest.raises(ValueError, match="web twice"):
        cases.add("web", ["10.0.0.3"])
