"""Bugs to plant into the model, by name; a rule's bug into both forms of the rules.

A bug is a function that is given `setattr`, or pytest's, which takes it back: tests plant it in
their own process, the fuzzer in the sandbox's alone.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from ipaddress import IPv6Address
from typing import Any

from harness.compare import evidence as evidence_module
from harness.compare import predict as predict_module
from harness.compare.causes import insertion_sort
from harness.compare.fuzz import found as found_module
from harness.compare.fuzz import hostwork as hostwork_module
from harness.compare.fuzz import sorter as sorter_module
from harness.compare.fuzz import tally as tally_module
from harness.compare.fuzz.sorter import FAR, MORE, RULE_BITS, RULES_AT, Fixed, Key, Sorter
from harness.compare.predict import ModelParts
from harness.model import address_table as table_module
from harness.model import dns as dns_module
from harness.model import gaiconf as gaiconf_module
from harness.model import policy as policy_module
from harness.model import services as services_module
from harness.model.addresses import leading_zeros
from harness.model.dialects import ROWS, Dialect, dialect, turned
from harness.model.host import AddressRow, HostView
from harness.model.order import RULES, Candidate, Destination, Values
from harness.model.reload import Reading
from harness.sandbox import Pool, PoolOutcome
from harness.sandbox.box import Box
from harness.sandbox.pool import Job

Put = Callable[[Any, str, Any], None]
Bug = Callable[[Put], None]

# the package has a function of this name too
order_module = import_module("harness.model.order")
address_table = table_module.address_table
_ANY_IPV6 = AddressRow(9999, IPv6Address("fe80::1"), None, 64)


def _rule(put: Put, number: int, values: Callable[[Destination, Destination], Values]) -> None:
    rules = tuple(replace(r, values=values) if r.number == number else r for r in RULES)
    put(predict_module, "GLIBC", ModelParts(rules=rules))


def rule_dropped(number: int, put: Put) -> None:
    """Rules 1 to 8: their bits of the key are cleared."""
    # bit 0 to 31 above precedence's field are the single bits
    width = 31 if number in (6, 8) else 1
    mask = ~(((1 << width) - 1) << RULE_BITS[number - 1] << RULES_AT)
    original = Sorter.verdict
    put(Sorter, "verdict", lambda self, one, value: original(self, one, value) & mask)
    _rule(put, number, lambda *_: (0, 0))


def _keys(put: Put, change: Callable[[Candidate, Key], Key]) -> None:
    """Other keys; ``change`` is given the candidate and the usual one, or its low part alone."""

    def fixed(self: Sorter, candidates: Sequence[Candidate]) -> Fixed:
        groups, rows = of_many(self, candidates)
        changed = [(value, at, change(one, low), one) for value, at, low, one in rows]
        return Fixed(groups, changed)

    of_many, of_one = Sorter.fixed, Sorter.key
    put(Sorter, "fixed", fixed)
    put(Sorter, "key", lambda self, one: change(one, of_one(self, one)))


def _rule9_dropped(put: Put) -> None:
    _keys(put, lambda _, key: key & ~(FAR | MORE))
    _rule(put, 9, lambda *_: (0, 0))


def _rule10_turned(put: Put) -> None:
    def sort(self: Sorter, keys: Sequence[Key]) -> list[int]:
        last = len(keys) - 1
        return [last - position for position in original(self, keys[::-1])]

    original = Sorter.sort
    put(Sorter, "sort", sort)
    rule_turned(10, put)


def rule_turned(number: int, put: Put) -> None:
    original = RULES[number - 1].values
    _rule(put, number, lambda a, b: original(b, a))


def rules_exchanged(number: int, put: Put) -> None:
    """A rule and the next one."""
    rules = list(RULES)
    rules[number - 1], rules[number] = rules[number], rules[number - 1]
    put(predict_module, "GLIBC", ModelParts(rules=tuple(rules)))


def _rule7_unknown_is_native(put: Put) -> None:
    _rule(put, 7, lambda a, b: (a.native or a.index is None, b.native or b.index is None))


def _rule9_across_families(put: Put) -> None:
    _rule(put, 9, lambda a, b: (a.common_prefix, b.common_prefix))


def _stable_sort(put: Put) -> None:
    """Insertion sort: stable too, but not glibc's."""

    put(sorter_module, "_families_tie", lambda keys: keys is None)
    put(predict_module, "GLIBC", ModelParts(sort=insertion_sort))


def _ipv6_limited(put: Put) -> None:
    """Rule 9 compares no more bits of IPv6 addresses than the prefix has."""

    def change(one: Candidate, key: Key) -> Key:
        of_ipv6 = isinstance(one.destination, IPv6Address) and one.source is not None
        return key & ~FAR | max(key & FAR, 128 - one.prefixlen << 6) if of_ipv6 else key

    def limited(own: Dialect, destination: Any, source: Any, prefixlen: int, *more: int) -> int:
        bits: int = common(own, destination, source, prefixlen, *more)
        return min(bits, prefixlen) if destination.version == 6 else bits

    common = order_module.common_prefix
    _keys(put, change)
    put(order_module, "common_prefix", limited)


def _ipv4_unlimited(put: Put) -> None:
    def unlimited(_: Dialect, destination: Any, source: Any, prefixlen: int, *more: int) -> int:
        if source is None:
            return 0
        return leading_zeros(int(destination) ^ int(source), destination.max_prefixlen)

    put(order_module, "common_prefix", unlimited)


def table_built(change: Callable[[Sequence[AddressRow]], Any], put: Put) -> None:
    def built(rows: Sequence[AddressRow] | None) -> Any:
        return address_table(rows) if rows is None else change(rows)  # None: nothing was dumped

    for module in (hostwork_module, predict_module, table_module):
        put(module, "address_table", built)


def _kept(rows: Sequence[AddressRow]) -> table_module.AddressTable:
    """The table of a host without IPv6 addresses is not dropped."""
    table = address_table(rows)
    more = address_table([*rows, _ANY_IPV6])
    entries = tuple(entry for entry in more.entries if entry.index != _ANY_IPV6.index)
    return replace(table, entries=entries)


def _by_local(rows: Sequence[AddressRow]) -> table_module.AddressTable:
    return address_table([r if r.local is None else replace(r, address=r.local) for r in rows])


def _loopback_by_itself(put: Put) -> None:
    def other(targets: Any, view: Any, own: Dialect, table: Any = None) -> Any:
        own = replace(own, loopback_source_by_127_0_0_1=False)
        return table_module.candidates(targets, view, own, table)

    def reached(target: Any, inet_socket: Any, view: Any, own: Dialect, *more: Any) -> Any:
        own = replace(own, loopback_source_by_127_0_0_1=False)
        return table_module.reached(target, inet_socket, view, own, *more)

    put(predict_module, "candidates", other)
    put(hostwork_module, "reached", reached)


def lines_read(change: Callable[[Any, Any], Any], put: Put) -> None:
    """A table of prefixes made of other lines; ``change`` gets them and the usual ones."""
    original = policy_module._table

    def table(lines: Any, default: Any) -> Any:
        return original(change(lines, default) if default[0].width == 128 else lines, default)

    put(policy_module, "_table", table)


def missing_value(value: int, put: Put) -> None:
    """Another value for the default route that a table lacks."""
    original, meant = policy_module._table, 1 if value < 10 else 40

    def table(lines: Any, default: Any) -> Any:
        if lines and default[-1].value == meant:
            default = (default[-1]._replace(value=value),)
        return original(lines, default)

    put(policy_module, "_table", table)


def _rfc6724_ula(put: Put) -> None:
    more = policy_module.prefixes(("fc00::/7", 3), ("::/0", 40))
    put(policy_module, "DEFAULT_PRECEDENCE", (*policy_module.DEFAULT_PRECEDENCE[:-1], *more))


def _wrap_around_refused(put: Put) -> None:
    original = gaiconf_module._number

    def number(text: str, own: Any, what: str, *causes: Any) -> int:
        if text.lstrip(" ").startswith("-"):
            raise gaiconf_module._Dropped(causes[1], "signs are not taken")
        return original(text, own, what, *causes)

    put(gaiconf_module, "_number", number)


def _nul_unnoticed(put: Put) -> None:
    original = gaiconf_module.line_words
    for module in (gaiconf_module, tally_module):
        put(module, "line_words", lambda raw: original(raw.replace(b"\0", b"")))


def reread(change: Callable[[Reading, bytes | None, int], tuple[Reading, int]], put: Put) -> None:
    """gai.conf is read again on other conditions; ``change`` gets what is noted, and the file."""
    original = Reading.sort

    def sort(self: Reading, data: bytes | None, mtime: int, own: Dialect) -> Reading:
        noted, mtime = change(self, data, mtime)
        return original(noted, data, mtime, own)

    put(Reading, "sort", sort)


def _multi_always_off(put: Put) -> None:
    original = services_module._LookUp.asked
    asked = lambda own, service, family: original(own, replace(service, multi=False), family)  # noqa: E731
    put(services_module._LookUp, "asked", asked)


def _first_server_alone(put: Put) -> None:
    def send(self: Any, *asked: Any) -> Any:
        self.servers = self.servers[:1]
        return original(self, *asked)

    original = dns_module.Stub.send
    put(dns_module.Stub, "send", send)


def row_changed(feature: str, put: Put) -> None:
    """A row of the dialect table with another value."""
    put(evidence_module, "dialect", lambda glibc, arch: turned(dialect(glibc, arch))[feature])


PLANTED: dict[str, Bug] = {
    **{f"rule{number}_dropped": partial(rule_dropped, number) for number in range(1, 9)},
    "rule9_dropped": _rule9_dropped,
    "rule10_turned": _rule10_turned,
    "stable_sort": _stable_sort,
    "table_kept": partial(table_built, _kept),
    "peer_found": partial(table_built, _by_local),
    "optimistic_unnoticed": partial(
        table_built, lambda rows: address_table([replace(r, flags=r.flags & ~0x04) for r in rows])
    ),
    "last_of_duplicates": partial(table_built, lambda rows: address_table(rows[::-1])),
    "loopback_by_itself": _loopback_by_itself,
    "defaults_stay": partial(lines_read, lambda lines, usual: (*lines, *usual) if lines else lines),
    "last_line_wins": partial(lines_read, lambda lines, _: lines[::-1]),
    "rfc6724_ula": _rfc6724_ula,
    "wrap_around_refused": _wrap_around_refused,
    "nul_unnoticed": _nul_unnoticed,
    "ipv6_limited": _ipv6_limited,
    "reload_unasked": partial(reread, lambda old, _, mtime: (replace(old, reload=True), mtime)),
    "reload_by_seconds": partial(reread, lambda old, _, mtime: (old, mtime // 1_000_000_000)),
    "reload_newer_only": partial(reread, lambda old, _, mtime: (old, max(mtime, old.mtime or 0))),
    "reload_forgets_time": partial(
        reread, lambda old, data, mtime: (old if data else replace(old, mtime=None), mtime)
    ),
    "multi_always_off": _multi_always_off,
    "actions_unnoticed": lambda put: put(
        services_module.Service,
        "action",
        lambda _, status: "return" if status == "SUCCESS" else "continue",
    ),
    "search_unnoticed": lambda put: put(dns_module.Resolver, "domains", lambda *_: ()),
    "first_server_alone": _first_server_alone,
}
"""What the fuzzer has to find."""

READ_OTHERWISE: dict[str, Bug] = {
    **{f"rule{number}_turned": partial(rule_turned, number) for number in range(1, 10)},
    **{f"rule{number}_after_the_next": partial(rules_exchanged, number) for number in range(1, 10)},
    **{f"missing_is_{value}": partial(missing_value, value) for value in (0, 2, 39, 41)},
    **{row.feature: partial(row_changed, row.feature) for row in ROWS},
    "rule7_unknown_is_native": _rule7_unknown_is_native,
    "rule9_across_families": _rule9_across_families,
    "ipv4_unlimited": _ipv4_unlimited,
    "unlisted_is_native": lambda put: put(
        table_module,
        "native_links",
        lambda view: {one.index: one.type not in table_module.NOT_NATIVE for one in view.links},
    ),
    "netlink_allowed": lambda put: put(HostView, "dumped", property(lambda view: view.addresses)),
    "table_unsorted": partial(
        table_built, lambda r: replace(address_table(r), entries=address_table(r).entries[::-1])
    ),
}
"""Further ones, in the readable form alone."""


class PlantedPool(Pool):
    """A pool in whose sandboxes the model has a bug."""

    def __init__(self, jobs: int, bug: str) -> None:
        super().__init__(jobs)
        self.bug = bug

    def outcomes(
        self,
        function: Job,
        specs: Iterable[Any],
        *,
        kept: bool = False,  # noqa: ARG002
    ) -> Iterator[PoolOutcome]:
        return super().outcomes(_with_bug, ((self.bug, function, spec) for spec in specs))


def _with_bug(box: Box, asked: tuple[str, Job, Any]) -> Iterator[Any]:
    bug, function, spec = asked
    PLANTED[bug](setattr)
    # the changes that are tried are of the model as it is: with the bug in it all explain it
    found_module.explanations = lambda *_: ()  # type: ignore[attr-defined]
    yield from function(box, spec)
