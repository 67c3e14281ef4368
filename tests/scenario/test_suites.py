"""The built-in suites: complete, valid, the same every time, and right without the model."""

from collections import Counter
from collections.abc import Iterable
from ipaddress import ip_address
from itertools import groupby

import pytest

from harness.compare.predict import lookup_title
from harness.model.address_table import address_table
from harness.model.dialects import dialect
from harness.model.host import AddressRow
from harness.scenario import LoadedScenario, Scenario
from harness.scenario.suites import FAMILIES, suites

NAMES = ("rule9", "smoke", "findings")


@pytest.fixture(scope="module")
def made() -> dict[str, list[LoadedScenario]]:
    return {name: make() for name, make in suites().items()}


@pytest.fixture(scope="module")
def rule9(made: dict[str, list[LoadedScenario]]) -> dict[str, Scenario]:
    return {loaded.scenario.name: loaded.scenario for loaded in made["rule9"]}


def test_the_suites_and_their_sizes(made: dict[str, list[LoadedScenario]]) -> None:
    assert tuple(made) == NAMES
    assert len(made["smoke"]) <= 10
    assert len(made["rule9"]) <= 220
    assert sum(len(loaded.scenario.lookups) for loaded in made["rule9"]) >= 5500


@pytest.mark.parametrize("name", NAMES)
def test_the_same_every_time(name: str, made: dict[str, list[LoadedScenario]]) -> None:
    assert suites()[name]() == made[name]


@pytest.mark.parametrize("name", NAMES)
def test_scenarios_are_as_of_a_file(name: str, made: dict[str, list[LoadedScenario]]) -> None:
    assert not repeated(loaded.scenario.name for loaded in made[name])
    for loaded in made[name]:
        scenario = loaded.scenario
        document = scenario.model_dump(by_alias=True, exclude_unset=True)
        assert Scenario.model_validate(document) == scenario
        assert str(loaded.path) == f"suite:{name}"
        inline = scenario.gai_conf
        assert loaded.gai_conf == (None if inline is None else str(inline).encode())
        assert loaded.gai_conf_name == ("default" if inline is None else "inline")
        assert scenario.name.startswith(f"{name}-")
        assert scenario.description
        assert not repeated(lookup_title(lookup) for lookup in scenario.lookups)
        assert {lookup.name for lookup in scenario.lookups} == set(scenario.names)


def repeated(items: Iterable[str]) -> list[str]:
    return [item for item, count in Counter(items).items() if count > 1]


def test_every_family_is_there_under_its_name(rule9: dict[str, Scenario]) -> None:
    def family(name: str) -> str:
        known = [key for key in FAMILIES if name.startswith(f"rule9-{key}")]
        return max(known, key=len)

    assert [key for key, _ in groupby(rule9, family)] == list(FAMILIES)


def test_every_prefix_length_and_size_is_there(rule9: dict[str, Scenario]) -> None:
    for length in range(33):
        for kind in ("dual", "linklocal", "v4only"):
            assert f"rule9-v4-p{length}-{kind}" in rule9
    for length in (48, 64, 127, 128):
        prefix = f"rule9-v6-p{length}-common"
        names = {name for key, one in rule9.items() if key.startswith(prefix) for name in one.names}
        for common in range(128):
            assert f"common-{common}-then-common-{common + 1}" in names
            assert f"common-{common + 1}-then-common-{common}" in names
    for mixture in ("v4", "v6", "mixed", "mixed-tied"):
        lists = rule9[f"rule9-sizes-{mixture}"].names.values()
        assert set(map(len, lists)) == {2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64}
        assert not any(repeated(found) for found in lists)


def test_hints_resolvers_and_deciding_rules_vary(rule9: dict[str, Scenario]) -> None:
    lookups = [(one, lookup) for one in rule9.values() for lookup in one.lookups]
    assert {"any", "stream"} <= {lookup.socktype for _, lookup in lookups}
    replies = {one.dns.first_reply for one in rule9.values() if one.resolver == "dns"}
    assert replies == {"A", "AAAA"}
    expected = [(one, lookup) for one, lookup in lookups if lookup.expect]
    assert len(expected) > 0.8 * len(lookups)
    rules = Counter(given.decided_by for _, lookup in expected for given in lookup.expect)
    assert {1, 5, 6, 7, 9, 10} <= set(rules)
    assert rules[9] > 2000
    for one, lookup in expected:
        for given in lookup.expect:
            assert sorted(given.order or ()) == sorted(one.names[lookup.name or ""])


@pytest.mark.parametrize("copies", ["p16-p24", "p16-p32-p24"])
def test_the_binary_search_hits_every_copy(rule9: dict[str, Scenario], copies: str) -> None:
    twice = f"rule9-v4-twice-{copies}-below"
    found = {length_found(one) for name, one in rule9.items() if name.startswith(twice)}
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
