"""The routes, rules and address labels of this network namespace, in a scenario's words.

The kernel makes the routes of addresses, fe80::/64, ff00::/8 and the local table again when
the addresses are added. Source: linux/rtnetlink.h, linux/fib_rules.h, net/ipv6/addrlabel.c.
"""

import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

from harness.kernel import rows as kernel
from harness.kernel.messages import route_request
from harness.kernel.netlink import Netlink
from harness.kernel.rows import Hop, KernelLabel, KernelRoute
from harness.live.machine import Dumps
from harness.live.said import Data, Said, SaidAddress, SaidLink

_SCOPE_NAMES = {number: name for name, number in kernel.SCOPES.items()}
_PREF_NAMES = {number: name for name, number in kernel.PREFERENCES.items() if name != "medium"}
_WITHOUT_DEVICE = ("unreachable", "blackhole", "prohibit", "throw")
_USUAL_METRIC = {4: 0, 6: 1024}
_LOOKUP_TABLE = 0x1000  # RTM_F_LOOKUP_TABLE: say which table it was
_MOST = 3000
_TYPES = {number: name for name, number in kernel.RULE_TYPES.items()}
_KNOWN = frozenset(
    {
        *kernel.RULE_WORDS.values(), "FRA_DST", "FRA_SRC", "FRA_FWMARK", "FRA_FWMASK", "FRA_FLOW",
        "FRA_TUN_ID", "FRA_SUPPRESS_IFGROUP", "FRA_TABLE", "FRA_PAD", "FRA_L3MDEV",
        "FRA_UID_RANGE", "FRA_PROTOCOL", "FRA_SPORT_RANGE", "FRA_DPORT_RANGE",
    }
)  # fmt: skip


def routes(dumps: Dumps, wanted: Sequence[str], left_out: list[Said]) -> list[Data]:
    """The scenario's routes; ``left_out`` takes what is left out of them.

    ``wanted`` are the destinations of the look-ups, which alone count where there are more
    routes than a scenario may have.
    """
    kept = [row for row in dumps.routes if not _made_by_kernel(row, dumps)]
    if len(kept) > _MOST:
        near = [ip_address(text) for text in wanted]
        near += [ip_address(hop.via) for row in kept[:_MOST] for hop in row.hops if hop.via]
        some = [row for row in kept if any(each in ip_network(row.to) for each in near)][:_MOST]
        away = len(kept) - len(some)
        left_out.append(Said("{} of {} routes that no look-up meets", away, len(kept)))
        kept = some
    kept = _merged(kept, left_out)
    # a gateway must be directly reachable when its route is added, and by no longer prefix
    # of another interface
    kept.sort(key=lambda row: (any(hop.via for hop in row.hops), ip_network(row.to).prefixlen))
    own = {str(line.own) for line in dumps.addresses}
    own |= {str(ip_network(row.to)[0]) for row in kept if row.type == "local"}
    near_by = [(line.index, line.network) for line in dumps.routed]
    near_by += [
        (hop.dev, row.to)
        for row in kept
        if row.type == "unicast"
        for hop in row.hops
        if hop.via is None
    ]
    found = [_route(row, dumps, own, near_by, left_out) for row in kept]
    return [data for data in found if data is not None]


def _made_by_kernel(row: KernelRoute, dumps: Dumps) -> bool:
    if row.protocol != kernel.BY_KERNEL or row.type != "unicast":
        return row.protocol == kernel.BY_KERNEL
    return any(
        row.to in line.routes and line.index == hop.dev
        for line in dumps.addresses
        for hop in row.hops
    )


def _merged(rows: Sequence[KernelRoute], left_out: list[Said]) -> list[KernelRoute]:
    """Each route once: later IPv6 ones become further ways, later IPv4 ones are never used."""
    found: dict[tuple[object, ...], KernelRoute] = {}
    for row in rows:
        first = found.get(row.key)
        if row.tos:
            said = "the route to {} for TOS {}: look-ups have none"
            left_out.append(Said(said, SaidAddress(row.to), row.tos))
        elif first is None:
            found[row.key] = row
        elif row.version == 6 and row.type == first.type == "unicast":
            found[row.key] = replace(first, hops=(*first.hops, *row.hops))
            said = "that the routes to {} of metric {} are separate ones: written as one with"
            left_out.append(Said(f"{said} several ways", SaidAddress(row.to), row.metric))
        else:
            said = "a second route to {} of metric {}"
            left_out.append(Said(said, SaidAddress(row.to), row.metric))
    return list(found.values())


def _route(
    row: KernelRoute,
    dumps: Dumps,
    own: set[str],
    near_by: Sequence[tuple[int, str]],
    left_out: list[Said],
) -> Data | None:
    kind = f"{row.type} " if row.type != "unicast" else ""
    words = Said(f"{kind}{{}}", SaidAddress(row.to))
    bare = row.version == 6 and row.type == "local" and not row.metric
    data: Data = {
        "to": row.to,
        "type": row.type,
        "metric": None if bare or row.metric == _USUAL_METRIC[row.version] else row.metric,
        "table": row.table,
        "pref": _PREF_NAMES.get(row.pref) if row.version == 6 else None,
        "source": row.source,
    }
    if row.type not in _WITHOUT_DEVICE:
        names = dumps.names
        ways = [
            _way(hop, names, near_by)
            for hop in row.hops
            if not hop.flags & kernel.HOP_DEAD and not dumps.ignored(row, hop) and hop.dev in names
        ]
        if not ways:
            # net.ipv4.nexthop_compat_mode=0 keeps what a nexthop object says out of the dump
            why = "its interface is away or down" if row.hops else "its nexthop object is not shown"
            left_out.append(Said(f"the route {{}}: {why}", words))
            return None
        if len(ways) == 1:
            del ways[0]["weight"]
            data |= ways[0]
        else:
            data["nexthops"] = ways
        data["scope"] = _scope(row)
    if row.encapsulated:
        left_out.append(Said("the encapsulation of the route {}, which changes no source", words))
    if row.prefsrc in own:
        data["from"] = row.prefsrc
    elif row.prefsrc is not None:
        said = "the source {} of the route {}: not an own address"
        left_out.append(Said(said, SaidAddress(row.prefsrc), words))
    return data


def _way(hop: Hop, names: Mapping[int, str], near_by: Sequence[tuple[int, str]]) -> Data:
    way: Data = {"via": hop.via, "dev": names[hop.dev], "weight": hop.weight}
    if hop.via is not None:
        gateway = ip_address(hop.via)
        link_local = gateway.version == 6 and gateway.is_link_local
        near = any(dev == hop.dev and gateway in ip_network(text) for dev, text in near_by)
        way["on-link"] = bool(hop.flags & kernel.HOP_ONLINK) or not (near or link_local)
    return way


def _scope(row: KernelRoute) -> str | None:
    """The scope of an IPv4 route, where it is not the one such a route has by itself."""
    direct = all(hop.via is None for hop in row.hops)
    usual = "host" if row.type == "local" else "link" if direct else "global"
    scope = _SCOPE_NAMES.get(row.scope)
    return None if row.version == 6 or scope == usual else scope


def pinned(
    netlink: Netlink,
    routes: Sequence[Data],
    destinations: Sequence[str],
    names: Mapping[int, str],
    left_out: list[Said],
) -> list[Data]:
    """Routes of their own for the ``destinations`` that multipath routes send one way or another.

    The kernel spreads destinations over the ways by a hash with a secret of its own, so a copy
    on another machine, or with other addresses, would send them elsewhere. Raises OSError.
    """
    several = [each for each in routes if "nexthops" in each]
    said = "which way of {} the kernel would send other destinations than those looked up, which"
    left_out += [
        Said(f"{said} have routes of their own here", SaidAddress(r["to"])) for r in several
    ]
    taken = {(each["to"], each["table"]) for each in routes if each["metric"] is None}
    found: dict[str, Data] = {}
    for text in destinations if several else ():
        row = _looked_up(netlink, text)
        if row is None or not row.hops:
            continue
        way = (row.hops[0].via, names.get(row.hops[0].dev))
        for each in several:
            if each["table"] != row.table or ip_address(text) not in ip_network(each["to"]):
                continue
            for hop in each["nexthops"]:
                if (hop["via"], hop["dev"]) == way:
                    new = hop | {"to": str(ip_network(text)), "table": row.table}
                    found[text] = new | {"from": each.get("from")}
                    del found[text]["weight"]
    return [each for each in found.values() if (each["to"], each["table"]) not in taken]


def _looked_up(netlink: Netlink, text: str) -> KernelRoute | None:
    (answer,) = netlink.ask([route_request(ip_address(text), flags=_LOOKUP_TABLE)])
    return None if isinstance(answer, int) else kernel.route(answer)


def rules(
    by_version: Mapping[int, Sequence[bytes]], names: Collection[str], left_out: list[Said]
) -> tuple[list[Data], bool]:
    """The scenario's rules, from the dumps of 4 and 6; whether the kernel's own are all there."""
    from harness.kernel.rules import decoded  # loads pyroute2, which few hosts need

    complete = all(
        sum(kernel.is_kernels_rule(each, version) for each in messages)
        == len(kernel.KERNEL_RULES[version])
        for version, messages in by_version.items()
        if messages
    )
    found = [
        _rule(decoded(message), version, names, left_out)
        for version, messages in by_version.items()
        for message in messages
        if not complete or not kernel.is_kernels_rule(message, version)
    ]
    return [data for data in found if data is not None], complete


def _rule(message: Any, version: int, names: Collection[str], left_out: list[Said]) -> Data | None:
    if message.get_attr("FRA_L3MDEV"):
        return None  # comes with the first vrf and does nothing without one
    priority, action = message.get_attr("FRA_PRIORITY") or 0, message["action"]
    called = Said("the IPv{} rule of priority {}", version, priority)
    unknown = {name for name, _ in message["attrs"]} - _KNOWN or message["res1"] or message["res2"]
    inverted = bool(message["flags"] & kernel.FIB_RULE_INVERT)
    never = _never(message, names)
    refusal = None
    if message.get_attr("FRA_SUPPRESS_IFGROUP") not in (None, kernel.NO_LIMIT):
        refusal = Said("{}: suppress_ifgroup", called)
    elif unknown and not never:
        refusal = Said("{}: it has a selector this program does not know", called)
    elif never and not inverted:
        refusal = Said("{}: it never holds for a look-up ({})", called, never)
    elif action != kernel.FR_ACT_GOTO and action not in _TYPES:
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
    if action == kernel.FR_ACT_GOTO:
        data["goto"] = message.get_attr("FRA_GOTO")
    elif action == kernel.RULE_TYPES["unicast"]:
        data["table"] = message.get_attr("FRA_TABLE")
        limit = message.get_attr("FRA_SUPPRESS_PREFIXLEN")
        data["suppress_prefixlength"] = None if limit == kernel.NO_LIMIT else limit
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
            return Said("there is no interface {}", SaidLink(dev))
    return Said("")


def _range(text: str | None) -> tuple[int, int] | None:
    """A range as pyroute2 gives it: "53:53"."""
    if text is None:
        return None
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    return numbers[0], numbers[-1]


def _selectors(message: Any) -> Data:
    data = {
        word: message.get_attr(kernel.RULE_WORDS[word]) or None
        for word in ("iif", "oif", "ipproto")
    }
    for word, name, length in (("from", "FRA_SRC", "src_len"), ("to", "FRA_DST", "dst_len")):
        address = message.get_attr(name)
        if address is not None:
            data[word] = f"{address}/{message[length]}"
    mark, mask = message.get_attr("FRA_FWMARK"), message.get_attr("FRA_FWMASK")
    if mark is not None or mask is not None:
        data["fwmark"] = f"{mark or 0:#x}/{kernel.NO_LIMIT if mask is None else mask:#x}"
    return data


def labels(rows: Sequence[KernelLabel], names: Mapping[int, str]) -> list[Data] | None:
    """The kernel's address labels where they are not those it begins with, else None."""
    found: list[Data] = [
        {"prefix": f"{row.prefix}/{row.length}", "label": row.label, "dev": names.get(row.index)}
        for row in rows
        if not row.index or row.index in names
    ]
    seen = {(ip_network(row["prefix"]), row["label"]) for row in found}
    return found if rows and seen != kernel.KERNEL_LABELS else None
