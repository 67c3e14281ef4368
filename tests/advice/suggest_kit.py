"""Trying every gai.conf that can make a difference, to hold the search to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING

from harness.advice.suggest import answered_order
from harness.advice.suggest.goal import known_facts
from harness.advice.suggest.lines import NewLine, with_new_lines
from harness.model.addresses import as_ipv6_int, parse
from harness.model.policy import Policy

if TYPE_CHECKING:
    from harness.advice.suggest import LookupCase
    from harness.model.host import Target

_SCOPES = (2, 5, 14)


def some_gai_conf_does_it(
    cases: Sequence[LookupCase], gai_conf: bytes | None, wanted: Sequence[Target]
) -> bytes | None:
    """The first file, of all that give every address a line of its own, that yields the wish.

    Every partition of the addresses into labels, every weak order of precedences and three
    scopes for every IPv4 address are tried; assignments that glibc cannot tell apart for
    these destinations are tried once.
    """
    known = known_facts(cases[0], Policy.default(cases[0].dialect.glibc))
    ends = [
        as_ipv6_int(address)
        for item in known.values()
        for address in (item.target.address, item.source)
        if address is not None
    ]
    keys = list(dict.fromkeys(ends))
    four = [key & 0xFFFFFFFF for key in keys if key >> 32 == 0xFFFF]
    destinations = list(dict.fromkeys(as_ipv6_int(item.target.address) for item in known.values()))
    labels = _different(cases[0], "label", keys, 128, _growing(len(keys)))
    scopes = _different(cases[0], "scopev4", four, 32, product(_SCOPES, repeat=len(four)))
    orders = [
        _lines("precedence", destinations, 128, values)
        for values in product(range(len(destinations)), repeat=len(destinations))
    ]
    for lines in product(labels, scopes, orders):
        data = with_new_lines(gai_conf or b"", [line for some in lines for line in some])
        if all(
            answered_order(case, Policy.build(data, case.dialect))[: len(wanted)] == tuple(wanted)
            for case in cases
        ):
            return data
    return None


def _growing(number: int) -> Iterator[tuple[int, ...]]:
    """Every partition of ``number`` things, as the number of each one's part."""

    def grow(begun: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if len(begun) == number:
            yield begun
            return
        for value in range(max(begun, default=-1) + 2):
            yield from grow((*begun, value))

    return grow(())


def _lines(keyword: str, keys: Sequence[int], bits: int, values: Sequence[int]) -> list[NewLine]:
    return [NewLine(keyword, key, bits, value) for key, value in zip(keys, values, strict=True)]


def _different(
    case: LookupCase, keyword: str, keys: Sequence[int], bits: int,
    assignments: Iterator[tuple[int, ...]],
) -> list[list[NewLine]]:  # fmt: skip
    """One of all assignments that look alike to rules 2, 5 and 8."""
    found: dict[object, list[NewLine]] = {}
    for values in assignments:
        lines = _lines(keyword, keys, bits, values)
        policy = Policy.build(with_new_lines(b"", lines), case.dialect)
        seen: list[object] = []
        for candidate in case.candidates:
            destination = parse(candidate.destination)
            source = None if candidate.source is None else parse(candidate.source)
            if keyword == "label":
                seen.append(
                    source is not None and policy.label(destination) == policy.label(source)
                )
            else:
                matches = source is not None and policy.scope(destination) == policy.scope(source)
                seen.append((matches, policy.scope(destination)))
        found.setdefault(tuple(seen), lines)
    return list(found.values())
