"""The routing rules and the address labels of this network namespace, in a scenario's words.

Source: linux/fib_rules.h, net/ipv6/addrlabel.c of the kernel.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from ipaddress import ip_network
from typing import Any

from harness.kernel.rows import (
    FIB_RULE_INVERT,
    FR_ACT_GOTO,
    KERNEL_RULES,
    NO_LIMIT,
    RULE_TYPES,
    is_kernels_rule,
)
from harness.live.said import Data, Link, Said

_TYPES = {number: name for name, number in RULE_TYPES.items()}
_KNOWN = frozenset(
    {
        "FRA_DST", "FRA_SRC", "FRA_IIFNAME", "FRA_OIFNAME", "FRA_GOTO", "FRA_PRIORITY",
        "FRA_FWMARK", "FRA_FWMASK", "FRA_FLOW", "FRA_TUN_ID", "FRA_SUPPRESS_IFGROUP",
        "FRA_SUPPRESS_PREFIXLEN", "FRA_TABLE", "FRA_PAD", "FRA_L3MDEV", "FRA_UID_RANGE",
        "FRA_PROTOCOL", "FRA_IP_PROTO", "FRA_SPORT_RANGE", "FRA_DPORT_RANGE",
    }
)  # fmt: skip
# what the kernel's table holds from the beginning
KERNEL_LABELS = {
    (ip_network(prefix), label)
    for prefix, label in (
        ("::/0", 1), ("fc00::/7", 5), ("fec0::/10", 11), ("2002::/16", 2), ("3ffe::/16", 12),
        ("2001::/32", 6), ("2001:10::/28", 7), ("::ffff:0:0/96", 4), ("::/96", 3), ("::1/128", 0),
    )
}  # fmt: skip


def rules(
    by_version: Mapping[int, Sequence[Any]], names: Collection[str]
) -> tuple[list[Data], bool, list[Said]]:
    """The scenario's rules, whether the kernel's own are all there, and what is left out.

    Parameters: ``by_version`` the rule dumps of 4 and 6, as pyroute2 decodes them;
    ``names`` the interfaces there are. Raises nothing.
    """
    left_out: list[Said] = []
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
    return [data for data in found if data is not None], complete, left_out


def _rule(message: Any, version: int, names: Collection[str], left_out: list[Said]) -> Data | None:
    priority = message.get_attr("FRA_PRIORITY") or 0
    called = Said("the IPv{} rule of priority {}", version, priority)
    if message.get_attr("FRA_L3MDEV"):
        return None  # comes with the first vrf and does nothing without one
    unknown = sorted({name for name, _ in message["attrs"]} - _KNOWN)
    if message.get_attr("FRA_SUPPRESS_IFGROUP") not in (None, NO_LIMIT):
        left_out.append(Said("{}: suppress_ifgroup", called))
        return None
    data: Data = {"priority": priority}
    inverted = bool(message["flags"] & FIB_RULE_INVERT)
    why = _never(message, names)
    if not why and (unknown or message["res1"] or message["res2"]):
        left_out.append(Said("{}: it has a selector this program does not know", called))
        return None
    if why and not inverted:
        left_out.append(Said("{}: it never holds for a look-up ({})", called, why))
        return None
    if why:
        said = "the selectors of {}: {}, so with 'not' it always holds"
        left_out.append(Said(said, called, why))
    else:
        _select(data, message, inverted)
        if message.get_attr("FRA_UID_RANGE") is not None:
            said = "the users of {}: it is written for all, as it holds for this"
            left_out.append(Said(said, called))
    if not any(word in data for word in ("from", "to")):
        data["family"] = "inet" if version == 4 else "inet6"
    if message["action"] == FR_ACT_GOTO:
        data["goto"] = message.get_attr("FRA_GOTO")
    elif message["action"] == RULE_TYPES["unicast"]:
        table = message.get_attr("FRA_TABLE")
        data["table"] = {253: "default", 254: "main", 255: "local"}.get(table, table)
        limit = message.get_attr("FRA_SUPPRESS_PREFIXLEN")
        if limit not in (None, NO_LIMIT):
            data["suppress_prefixlength"] = limit
    elif message["action"] in _TYPES:
        data["type"] = _TYPES[message["action"]]
    else:
        left_out.append(Said("{}: its action {} is unknown", called, message["action"]))
        return None
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
    first, *rest = (int(number) for number in re.findall(r"\d+", text))
    return first, rest[0] if rest else first


def _select(data: Data, message: Any, inverted: bool) -> None:
    for word, name, length in (("from", "FRA_SRC", "src_len"), ("to", "FRA_DST", "dst_len")):
        address = message.get_attr(name)
        if address is not None:
            data[word] = f"{address}/{message[length]}"
    for word, name in (("iif", "FRA_IIFNAME"), ("oif", "FRA_OIFNAME"), ("ipproto", "FRA_IP_PROTO")):
        value = message.get_attr(name)
        if value:
            data[word] = value
    mark, mask = message.get_attr("FRA_FWMARK"), message.get_attr("FRA_FWMASK")
    if mark is not None or mask is not None:
        data["fwmark"] = f"{mark or 0:#x}/{NO_LIMIT if mask is None else mask:#x}"
    if inverted:
        data["not"] = True


def labels(messages: Sequence[Any], names: Mapping[int, str]) -> list[Data] | None:
    """The kernel's address labels where they are not those it begins with, else None.

    Parameters: ``messages`` as `Netlink.address_labels` gives them; ``names`` the
    interfaces by index. Raises nothing.
    """
    found: list[Data] = []
    for message in messages:
        index = message["index"]
        if index and index not in names:
            continue
        row: Data = {
            "prefix": f"{message.get_attr('IFAL_ADDRESS')}/{message['prefixlen']}",
            "label": message.get_attr("IFAL_LABEL"),
        }
        if index:
            row["dev"] = names[index]
        found.append(row)
    if (
        not messages
        or {(ip_network(row["prefix"]), row["label"]) for row in found} == KERNEL_LABELS
    ):
        return None
    return found
