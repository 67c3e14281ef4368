"""The routing rules and the address labels of this network namespace, in a scenario's words.

Source: linux/fib_rules.h, net/ipv6/addrlabel.c of the kernel.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from harness.kernel.rows import (
    FIB_RULE_INVERT,
    FR_ACT_GOTO,
    KERNEL_RULES,
    NO_LIMIT,
    RULE_TYPES,
    RULE_WORDS,
    is_kernels_rule,
)
from harness.live.said import Data, Link, Said

if TYPE_CHECKING:
    from harness.kernel.rows import KernelLabel

_TYPES = {number: name for name, number in RULE_TYPES.items()}
_KNOWN = frozenset(
    {
        *RULE_WORDS.values(), "FRA_DST", "FRA_SRC", "FRA_FWMARK", "FRA_FWMASK", "FRA_FLOW",
        "FRA_TUN_ID", "FRA_SUPPRESS_IFGROUP", "FRA_TABLE", "FRA_PAD", "FRA_L3MDEV",
        "FRA_UID_RANGE", "FRA_PROTOCOL", "FRA_SPORT_RANGE", "FRA_DPORT_RANGE",
    }
)  # fmt: skip
# what the kernel's table holds from the beginning
_KERNEL_LABELS = {
    (ip_network(prefix), label)
    for prefix, label in (
        ("::/0", 1), ("fc00::/7", 5), ("fec0::/10", 11), ("2002::/16", 2), ("3ffe::/16", 12),
        ("2001::/32", 6), ("2001:10::/28", 7), ("::ffff:0:0/96", 4), ("::/96", 3), ("::1/128", 0),
    )
}  # fmt: skip


def rules(
    by_version: Mapping[int, Sequence[Any]], names: Collection[str], left_out: list[Said]
) -> tuple[list[Data], bool]:
    """The scenario's rules, and whether the kernel's own are all there.

    ``by_version`` are the rule dumps of 4 and 6, as pyroute2 decodes them, ``names`` the
    interfaces there are; ``left_out`` takes what is left out.
    """
    complete = all(
        sum(is_kernels_rule(each, version) for each in messages) == len(KERNEL_RULES[version])
        for version, messages in by_version.items()
        if messages
    )
    found = [
        _rule(message, version, names, left_out)
        for version, messages in by_version.items()
        for message in messages
        if not complete or not is_kernels_rule(message, version)
    ]
    return [data for data in found if data is not None], complete


def _rule(message: Any, version: int, names: Collection[str], left_out: list[Said]) -> Data | None:
    if message.get_attr("FRA_L3MDEV"):
        return None  # comes with the first vrf and does nothing without one
    priority, action = message.get_attr("FRA_PRIORITY") or 0, message["action"]
    called = Said("the IPv{} rule of priority {}", version, priority)
    unknown = {name for name, _ in message["attrs"]} - _KNOWN or message["res1"] or message["res2"]
    inverted = bool(message["flags"] & FIB_RULE_INVERT)
    never = _never(message, names)
    refusal = None
    if message.get_attr("FRA_SUPPRESS_IFGROUP") not in (None, NO_LIMIT):
        refusal = Said("{}: suppress_ifgroup", called)
    elif unknown and not never:
        refusal = Said("{}: it has a selector this program does not know", called)
    elif never and not inverted:
        refusal = Said("{}: it never holds for a look-up ({})", called, never)
    elif action != FR_ACT_GOTO and action not in _TYPES:
        refusal = Said("{}: its action {} is unknown", called, action)
    if refusal is not None:
        left_out.append(refusal)
        return None
    data: Data = {"priority": priority, "type": _TYPES.get(action, "unicast")}
    if never:
        said = "the selectors of {}: {}, so with 'not' it always holds"
        left_out.append(Said(said, called, never))
    else:
        data |= _selectors(message) | {"not": inverted}
        if message.get_attr("FRA_UID_RANGE") is not None:
            said = "the users of {}: it is written for all, as it holds for this"
            left_out.append(Said(said, called))
    if not {"from", "to"} & data.keys():
        data["family"] = "inet" if version == 4 else "inet6"
    if action == FR_ACT_GOTO:
        data["goto"] = message.get_attr("FRA_GOTO")
    elif action == RULE_TYPES["unicast"]:
        data["table"] = message.get_attr("FRA_TABLE")
        limit = message.get_attr("FRA_SUPPRESS_PREFIXLEN")
        data["suppress_prefixlength"] = None if limit == NO_LIMIT else limit
    return data


def _never(message: Any, names: Collection[str]) -> Said:
    """Why the selectors cannot hold for an ordinary look-up of this user, or ""."""
    if message["tos"]:
        return Said("it asks for a TOS")
    for name, words in (("FRA_SPORT_RANGE", "source"), ("FRA_DPORT_RANGE", "destination")):
        ports = _range(message.get_attr(name))
        if ports is not None and ports[0] > 0:
            return Said(f"it asks for {words} ports, and look-ups have none")
    if message.get_attr("FRA_TUN_ID"):
        return Said("it asks for a tunnel")
    users = _range(message.get_attr("FRA_UID_RANGE"))
    if users is not None and not users[0] <= os.getuid() <= users[1]:
        return Said("it is for other users")
    for name in ("FRA_IIFNAME", "FRA_OIFNAME"):
        dev = message.get_attr(name)
        if dev is not None and dev != "lo" and dev not in names:
            return Said("there is no interface {}", Link(dev))
    return Said("")


def _range(text: str | None) -> tuple[int, int] | None:
    """A range as pyroute2 gives it: "53:53"."""
    if text is None:
        return None
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    return numbers[0], numbers[-1]


def _selectors(message: Any) -> Data:
    data = {word: message.get_attr(RULE_WORDS[word]) or None for word in ("iif", "oif", "ipproto")}
    for word, name, length in (("from", "FRA_SRC", "src_len"), ("to", "FRA_DST", "dst_len")):
        address = message.get_attr(name)
        if address is not None:
            data[word] = f"{address}/{message[length]}"
    mark, mask = message.get_attr("FRA_FWMARK"), message.get_attr("FRA_FWMASK")
    if mark is not None or mask is not None:
        data["fwmark"] = f"{mark or 0:#x}/{NO_LIMIT if mask is None else mask:#x}"
    return data


def labels(rows: Sequence[KernelLabel], names: Mapping[int, str]) -> list[Data] | None:
    """The kernel's address labels where they are not those it begins with, else None.

    ``names`` are the interfaces' by index.
    """
    found: list[Data] = [
        {"prefix": f"{row.prefix}/{row.length}", "label": row.label, "dev": names.get(row.index)}
        for row in rows
        if not row.index or row.index in names
    ]
    seen = {(ip_network(row["prefix"]), row["label"]) for row in found}
    return found if rows and seen != _KERNEL_LABELS else None
