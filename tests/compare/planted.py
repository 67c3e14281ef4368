"""Bugs to plant into the model, by name: each changes it in the sandbox's process only.

A rule's bug is planted into both forms of the rules, the readable one and the keys.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import IPv6Address
from typing import Any

from harness.compare import predict as predict_module
from harness.compare.fuzz import engine as engine_module
from harness.compare.fuzz import hostwork as hostwork_module
from harness.compare.fuzz import linekinds as linekinds_module
from harness.compare.fuzz import sorter as sorter_module
from harness.compare.fuzz.sorter import RULE_BITS, Key
from harness.compare.predict import Model
from harness.model import gaiconf as gaiconf_module
from harness.model import policy as policy_module
from harness.model import table as table_module
from harness.model.order import RULES, Candidate, Destination, Values

_FIXED = sorter_module.Sorter.fixed
_KEY_OF = sorter_module.Sorter.key_of
_TABLE = table_module.address_table
_CANDIDATES = table_module.candidates


def _rule(number: int, values: Callable[[Destination, Destination], Values]) -> None:
    rules = tuple(replace(r, values=values) if r.number == number else r for r in RULES)
    predict_module.GLIBC = Model(rules=rules)


def _keys(change: Callable[[Key], Key]) -> None:
    def key_of(self: sorter_module.Sorter, fixed: sorter_module.Fixed) -> Key:
        return change(_KEY_OF(self, fixed))

    sorter_module.Sorter.key_of = key_of  # type: ignore[method-assign]


def _rule_dropped(number: int) -> Callable[[], None]:
    def plant() -> None:
        lowest = RULE_BITS[number - 1]
        highest = RULE_BITS[number - 2] if number > 1 else 68
        # bit 0 to 31 above precedence's field are the single bits
        width = 31 if number in (6, 8) else 1
        assert lowest + width <= highest
        mask = ~(((1 << width) - 1) << lowest)
        _keys(lambda key: (key[0] & mask, *key[1:]))
        _rule(number, lambda *_: (0, 0))

    return plant


def _rule9_dropped() -> None:
    _keys(lambda key: (key[0], 0, key[2], 0))
    _rule(9, lambda *_: (0, 0))


def _rule10_turned() -> None:
    def sort(self: sorter_module.Sorter, keys: Sequence[Key]) -> list[int]:
        last = len(keys) - 1
        return [last - position for position in original(self, keys[::-1])]

    original = sorter_module.Sorter.sort
    sorter_module.Sorter.sort = sort  # type: ignore[method-assign]
    _rule(10, lambda a, b: (b.position, a.position))


def _stable_sort() -> None:
    sorter_module._families_tie = lambda keys: keys is None


def _tables(change: Callable[[Sequence[Any]], Any]) -> None:
    for module in (hostwork_module, predict_module, table_module):
        module.address_table = change  # type: ignore[attr-defined]


def _table_kept() -> None:
    def kept(rows: Sequence[Any]) -> Any:
        table = _TABLE(rows)
        if not table.dropped:
            return table
        six = replace(rows[0], index=9999, address=IPv6Address("fe80::1"))
        return replace(
            _TABLE([*rows, six]),
            entries=tuple(e for e in _TABLE([*rows, six]).entries if e.index != 9999),
            seen_ipv6=table.seen_ipv6,
        )

    _tables(kept)


def _peer_found() -> None:
    _tables(
        lambda rows: _TABLE([r if r.local is None else replace(r, address=r.local) for r in rows])
    )


def _optimistic_unnoticed() -> None:
    _tables(lambda rows: _TABLE([replace(r, flags=r.flags & ~0x04) for r in rows]))


def _last_of_duplicates() -> None:
    def turned(rows: Sequence[Any]) -> Any:
        return _TABLE(tuple(reversed(rows)))

    _tables(turned)


def _loopback_by_itself() -> None:
    def other(targets: Any, view: Any, spoken: Any, table: Any = None) -> Any:
        return _CANDIDATES(
            targets, view, replace(spoken, loopback_source_by_127_0_0_1=False), table
        )

    for module in (hostwork_module, predict_module):
        module.candidates = other  # type: ignore[attr-defined]


def _defaults_stay() -> None:
    original = policy_module._table

    def merged(lines: Any, default: Any) -> Any:
        kept = default if default[0].width == 128 else ()
        return original((*lines, *kept) if lines else lines, default)

    policy_module._table = merged


def _last_line_wins() -> None:
    original = policy_module._table

    def last(lines: Any, default: Any) -> Any:
        return original(lines[::-1] if default[0].width == 128 else lines, default)

    policy_module._table = last


def _rfc6724_ula() -> None:
    policy_module.DEFAULT_PRECEDENCE = (
        *policy_module.DEFAULT_PRECEDENCE[:-1],
        *policy_module.prefixes(("fc00::/7", 3), ("::/0", 40)),
    )


def _wrap_around_refused() -> None:
    original = gaiconf_module._number

    def number(text: str, spoken: Any, what: str, *causes: Any) -> int:
        if text.lstrip(" ").startswith("-"):
            raise gaiconf_module._Dropped(causes[1], "signs are not taken")
        return original(text, spoken, what, *causes)

    gaiconf_module._number = number  # type: ignore[assignment]


def _nul_unnoticed() -> None:
    original = gaiconf_module.line_words

    def words(raw: bytes) -> list[str]:
        return original(raw.replace(b"\0", b""))

    for module in (gaiconf_module, linekinds_module):
        module.line_words = words  # type: ignore[attr-defined]


def _ipv6_limited() -> None:
    def fixed(self: sorter_module.Sorter, candidate: Candidate) -> sorter_module.Fixed:
        value, source, bits, far, version, more = _FIXED(self, candidate)
        if version == 6 and source is not None:
            far = max(far, 128 - candidate.prefixlen)
        return value, source, bits, far, version, more

    sorter_module.Sorter.fixed = fixed  # type: ignore[method-assign]


PLANTED: dict[str, Callable[[], None]] = {
    **{f"rule{number}_dropped": _rule_dropped(number) for number in range(1, 9)},
    "rule9_dropped": _rule9_dropped,
    "rule10_turned": _rule10_turned,
    "stable_sort": _stable_sort,
    "table_kept": _table_kept,
    "peer_found": _peer_found,
    "optimistic_unnoticed": _optimistic_unnoticed,
    "last_of_duplicates": _last_of_duplicates,
    "loopback_by_itself": _loopback_by_itself,
    "defaults_stay": _defaults_stay,
    "last_line_wins": _last_line_wins,
    "rfc6724_ula": _rfc6724_ula,
    "wrap_around_refused": _wrap_around_refused,
    "nul_unnoticed": _nul_unnoticed,
    "ipv6_limited": _ipv6_limited,
}


def __getattr__(name: str) -> Callable[[], None]:
    """A bug as a function of this module, as `harness.compare.fuzz.driver.mutate` looks it up."""
    if name in PLANTED:
        return PLANTED[name]
    raise AttributeError(name)


assert vars(engine_module)["Sorter"] is sorter_module.Sorter
