"""Every part of the model matters: with any one of them changed, the library disagrees.

The evidence is real (the host's kernel and glibc); only the model is mutated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Any

import pytest

from harness.compare import evidence as evidence_module
from harness.compare import predict as predict_module
from harness.compare.predict import Model
from harness.compare.verdict import judge
from harness.model import policy as policy_module
from harness.model import table as table_module
from harness.model.addresses import leading_zeros
from harness.model.dialects import Dialect, dialect
from harness.model.host import AddressRow
from harness.model.order import RULES, Compare, Destination, Rule, Values
from harness.model.policy import prefixes

if TYPE_CHECKING:
    from harness.compare.evidence import Evidence

# the package has a function of this name too
order_module = import_module("harness.model.order")


def disagreements(evidence: list[Evidence], model: Model | None = None) -> list[str]:
    """The look-ups that fail, as scenario/lookup."""
    results = [judge(item, model or Model()) for item in evidence]
    return [f"{result.scenario}/{result.lookup}" for result in results if result.failed]


def test_library_agrees_unmutated(library_evidence: list[Evidence]) -> None:
    assert len(library_evidence) >= 40
    assert disagreements(library_evidence) == []


def changed(number: int, values: Callable[[Destination, Destination], Values]) -> tuple[Rule, ...]:
    return tuple(replace(r, values=values) if r.number == number else r for r in RULES)


# Without rule 10 a stable sort gives the same order, so rule 10 is only turned round.
@pytest.mark.parametrize("number", range(1, 10))
def test_rule_dropped(library_evidence: list[Evidence], number: int) -> None:
    assert disagreements(library_evidence, Model(rules=changed(number, lambda *_: (0, 0))))


@pytest.mark.parametrize("number", range(1, 11))
def test_rule_turned_round(library_evidence: list[Evidence], number: int) -> None:
    original = RULES[number - 1].values
    turned = changed(number, lambda a, b: original(b, a))
    assert disagreements(library_evidence, Model(rules=turned))


@pytest.mark.parametrize("number", range(1, 10))
def test_rule_exchanged_with_the_next(library_evidence: list[Evidence], number: int) -> None:
    rules = list(RULES)
    rules[number - 1], rules[number] = rules[number], rules[number - 1]
    assert disagreements(library_evidence, Model(rules=tuple(rules)))


def rule9_across_families(a: Destination, b: Destination) -> Values:
    return a.common_prefix, b.common_prefix


def rule7_unknown_is_native(a: Destination, b: Destination) -> Values:
    return a.native or a.index is None, b.native or b.index is None


@pytest.mark.parametrize(
    ("number", "values"), [(9, rule9_across_families), (7, rule7_unknown_is_native)]
)
def test_rule_read_otherwise(
    library_evidence: list[Evidence],
    number: int,
    values: Callable[[Destination, Destination], Values],
) -> None:
    assert disagreements(library_evidence, Model(rules=changed(number, values)))


def stable_sort(items: Sequence[Destination], compare: Compare) -> list[Destination]:
    """Insertion sort: stable too, but not glibc's."""
    done: list[Destination] = []
    for item in items:
        at = len(done)
        while at and compare(item, done[at - 1]) < 0:
            at -= 1
        done.insert(at, item)
    return done


def test_another_stable_sort(library_evidence: list[Evidence]) -> None:
    assert disagreements(library_evidence, Model(sort=stable_sort))


FLIPPED: dict[str, Any] = {
    "rule9_ipv4_in_subnet_only": False,
    "scopev4_configurable": False,
    "rfc1918_is_global": False,
    "loopback_source_by_127_0_0_1": False,
    "word_bits": 32,
    "shift_by_32": "zero",
}
TOGGLED = ("gaiconf_numbers_checked", "mptcp_known")
# seen on other processors only
ABROAD = ("first_of_pair_keeps_top_bit",)


def test_every_dialect_feature_is_mutated() -> None:
    features = {field for field in Dialect.__dataclass_fields__ if field not in ("glibc", "arch")}
    assert features == {*FLIPPED, *TOGGLED, *ABROAD}


@pytest.mark.parametrize("feature", [*FLIPPED, *TOGGLED])
def test_dialect_row_changed(
    library_evidence: list[Evidence], feature: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(glibc: str, arch: str = "amd64") -> Dialect:
        spoken = dialect(glibc, arch)
        if feature in TOGGLED:
            value: Any = not getattr(spoken, feature)
        else:
            value = FLIPPED[feature]
        return replace(spoken, **{feature: value})

    monkeypatch.setattr(evidence_module, "dialect", other)
    assert disagreements(library_evidence)


@pytest.mark.network
@pytest.mark.parametrize("feature", ABROAD)
def test_dialect_row_of_another_processor_changed(
    abroad_evidence: list[Evidence], feature: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert disagreements(abroad_evidence) == []

    def other(glibc: str, arch: str = "amd64") -> Dialect:
        spoken = dialect(glibc, arch)
        changed: dict[str, Any] = {feature: not getattr(spoken, feature)}
        return replace(spoken, **changed)

    monkeypatch.setattr(evidence_module, "dialect", other)
    assert disagreements(abroad_evidence)


def keep_table(rows: Sequence[AddressRow]) -> table_module.AddressTable:
    kept = ORIGINAL_TABLE([*rows, _ANY_IPV6])
    return replace(
        kept, entries=tuple(entry for entry in kept.entries if entry.index != _ANY_IPV6.index)
    )


def by_local(rows: Sequence[AddressRow]) -> table_module.AddressTable:
    return ORIGINAL_TABLE(
        [row if row.local is None else replace(row, address=row.local) for row in rows]
    )


def without_flags(rows: Sequence[AddressRow]) -> table_module.AddressTable:
    return ORIGINAL_TABLE([replace(row, flags=row.flags & ~0x04) for row in rows])


def unsorted(rows: Sequence[AddressRow]) -> table_module.AddressTable:
    made = ORIGINAL_TABLE(rows)
    return replace(made, entries=tuple(reversed(made.entries)))


ORIGINAL_TABLE = table_module.address_table
_ANY_IPV6 = AddressRow(9999, IPv6Address("fe80::1"), None, 64)


@pytest.mark.parametrize("build", [keep_table, by_local, without_flags, unsorted])
def test_address_table_built_otherwise(
    library_evidence: list[Evidence],
    build: Callable[[Sequence[AddressRow]], table_module.AddressTable],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(predict_module, "address_table", build)
    assert disagreements(library_evidence)


def test_rule9_limited_to_the_prefix_length_for_ipv6(
    library_evidence: list[Evidence], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = order_module.common_prefix

    def limited(spoken: Dialect, destination: Any, source: Any, prefixlen: int) -> int:
        bits: int = original(spoken, destination, source, prefixlen)
        return min(bits, prefixlen) if destination.version == 6 else bits

    monkeypatch.setattr(order_module, "common_prefix", limited)
    assert disagreements(library_evidence)


def test_rule9_unlimited_for_ipv4(
    library_evidence: list[Evidence], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unlimited(spoken: Dialect, destination: Any, source: Any, prefixlen: int) -> int:
        if source is None:
            return 0
        width = 32 if destination.version == 4 else 128
        return leading_zeros(int(destination) ^ int(source), width)

    monkeypatch.setattr(order_module, "common_prefix", unlimited)
    assert disagreements(library_evidence)


# An IPv4 destination always has an IPv4 source: their common label cannot show. A source
# ::1 can reach nothing but ::1, so its label cannot show either.
INVISIBLE = {("DEFAULT_LABELS", 0xFFFF << 32, 96), ("DEFAULT_LABELS", 1, 128)}


@pytest.mark.parametrize("table", ["DEFAULT_LABELS", "DEFAULT_PRECEDENCE"])
def test_default_table_without_an_entry(
    library_evidence: list[Evidence], table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = getattr(policy_module, table)
    survivors = []
    for entry in whole:
        if entry.bits and (table, entry.prefix, entry.bits) not in INVISIBLE:
            monkeypatch.setattr(policy_module, table, tuple(e for e in whole if e is not entry))
            if not disagreements(library_evidence):
                survivors.append(f"{entry.prefix:032x}/{entry.bits}")
    assert not survivors, "\n".join(survivors)


def test_one_line_keeps_the_other_defaults(
    library_evidence: list[Evidence], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = policy_module._table

    def merged(lines: Any, default: Any) -> Any:
        kept = default if default[0].width == 128 else ()
        return original((*lines, *kept) if lines else lines, default)

    monkeypatch.setattr(policy_module, "_table", merged)
    assert disagreements(library_evidence)


@pytest.mark.parametrize("missing", [0, 2, 39, 41])
def test_another_value_for_the_missing_default_route_of_a_table(
    library_evidence: list[Evidence], missing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = policy_module._table
    meant = 1 if missing < 10 else 40

    def other(lines: Any, default: Any) -> Any:
        if lines and default[-1].value == meant:
            default = (replace(default[-1], value=missing),)
        return original(lines, default)

    monkeypatch.setattr(policy_module, "_table", other)
    assert disagreements(library_evidence)


def test_prefixes_are_used() -> None:
    assert prefixes(("::/0", 1))[0].bits == 0
