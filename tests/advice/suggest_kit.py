"""Trying every gai.conf that can make a difference, to hold the search to it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import product

from harness.advice.suggest import LookupCase, answered_order
from harness.advice.suggest.goal import known_facts
from harness.advice.suggest.lines import NewLine, with_new_lines
from harness.model.addresses import as_ipv6_int, parse
from harness.model.host import Target
from harness.model.policy import Policy


def some_gai_conf_does_it(
    case: LookupCase, gai_conf: bytes | None, wanted: Sequence[Target]
) -> bool:
    """Whether any file that gives every address a line of its own yields the wish.

    Every partition of the addresses into labels, every weak order of precedences and three
    scopes for every IPv4 address are tried; assignments that glibc cannot tell apart for
    these destinations are tried once.
    """
    known = known_facts(case, Policy.default(case.dialect.glibc))
    destinations = list(dict.fromkeys(as_ipv6_int(target.address) for target in known))
    sources = [as_ipv6_int(item.source) for item in known.values() if item.source is not None]
    keys = list(dict.fromkeys([*destinations, *sources]))
    four = [key for key in keys if key >> 32 == 0xFFFF]

    def policies(
        keyword: str, keys: Sequence[int], assignments: Iterable[Sequence[int]]
    ) -> Iterator[Policy]:
        for values in assignments:
            rows = zip(keys, values, strict=True)
            lines = [NewLine(keyword, (key, 128), value) for key, value in rows]
            yield Policy.build(with_new_lines(gai_conf or b"", lines), case.dialect)

    labels = policies("label", keys, _partitions(len(keys)))
    scopes = policies("scopev4", four, product((2, 5, 14), repeat=len(four)))
    places = range(len(destinations))
    ranked = product(places, repeat=len(places))
    weak_orders = [ranks for ranks in ranked if {*ranks} == {*range(len({*ranks}))}]
    orders = policies("precedence", destinations, weak_orders)
    tables = (
        {_seen(case, policy)[0]: policy for policy in labels}.values(),
        {_seen(case, policy)[1]: policy for policy in scopes}.values(),
        list(orders),
    )
    return any(
        answered_order(case, replace(label, scopes=scope.scopes, precedence=order.precedence))[
            : len(wanted)
        ] == tuple(wanted)
        for label, scope, order in product(*tables)
    )  # fmt: skip


def _partitions(number: int, begun: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """Every partition of ``number`` things, as the number of each one's part."""
    if len(begun) == number:
        yield begun
    else:
        for value in range(max(begun, default=-1) + 2):
            yield from _partitions(number, (*begun, value))


def _seen(case: LookupCase, policy: Policy) -> tuple[object, object]:
    """What rule 5 sees of the labels, and what rules 2 and 8 see of the scopes."""
    labels, scopes = [], []
    for candidate in case.candidates:
        to = parse(candidate.destination)
        source = None if candidate.source is None else parse(candidate.source)
        labels.append(source is not None and policy.label(to) == policy.label(source))
        same = source is not None and policy.scope(to) == policy.scope(source)
        scopes.append((same, policy.scope(to)))
    return tuple(labels), tuple(scopes)
