"""`ip -j addr`, `ip -j route` and answers of `ip route get`, pasted, as a kernel's dumps. Pure.

Source: ip/ipaddress.c, ip/iproute.c and lib/ll_types.c of iproute2.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from socket import AF_INET, AF_INET6
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from harness.kernel import rows as kernel
from harness.kernel.rows import Hop, KernelAddress, KernelLink, KernelRoute
from harness.kernel.sources import REFUSED, refused
from harness.live.machine import Dumps
from harness.model.host import ARPHRD_SIT, ARPHRD_TUNNEL, ARPHRD_TUNNEL6, Route, Target
from harness.scenario.values import TABLES, Destination, PlainAddress
from harness.text.errors import InputError, show
from harness.text.validation import validated

ADDRESSES, ROUTES = "ip -j addr", "ip -j route"
MOST = 1 << 20
"""So many characters are read of what is pasted."""
_TYPES = {
    "ether": 1, "ppp": 512, "loopback": 772, "ipip": ARPHRD_TUNNEL, "sit": ARPHRD_SIT,
    "tunnel6": ARPHRD_TUNNEL6, "gre": 778, "gre6": 823, "none": 0xFFFE,
}  # fmt: skip
_OTHER = 0xFFFF
_LINK_FLAGS = {"UP": 0x1, "LOOPBACK": 0x8, "POINTOPOINT": 0x10}
_ADDRESS_FLAGS = kernel.ADDRESS_FLAGS | {"secondary": 0x01, "dadfailed": 0x08}
_PERMANENT = 0x80
_HOP_FLAGS = {"dead": kernel.HOP_DEAD, "onlink": kernel.HOP_ONLINK, "linkdown": kernel.HOP_LINKDOWN}
_NOT_MAIN = ("local", "broadcast", "anycast", "multicast")
_LINE = re.compile(
    r"(?:(?P<type>[a-z]+)\s+)?(?P<dst>[0-9A-Fa-f:.]+)\b(?:.*?\bvia\s+(?P<via>\S+))?"
    r"(?:.*?\bdev\s+(?P<dev>\S+))?(?:.*?\bsrc\s+(?P<src>\S+))?"
)
_Number = Annotated[int, Field(ge=0, lt=1 << 32)]


class _Row(BaseModel, frozen=True, extra="allow"):
    """An object of iproute2's JSON, which may have more than is read."""

    def bits(self, known: Mapping[str, int]) -> int:
        """The flags among its further keys, as bits."""
        given = self.model_extra or {}
        return sum({bit for name, bit in known.items() if given.get(name) is True})


class _Address(_Row):
    family: Literal["inet", "inet6"]
    local: PlainAddress
    address: PlainAddress | None = None
    prefixlen: Annotated[int, Field(ge=0, le=128)]
    scope: str | int = "global"
    label: str | None = None
    metric: _Number | None = None
    broadcast: PlainAddress | None = None


class _Link(_Row):
    ifindex: Annotated[int, Field(ge=1, lt=1 << 31)]
    ifname: str
    flags: tuple[str, ...] = ()
    link_type: str = "ether"
    linkinfo: Mapping[str, Any] = Field(default_factory=dict)
    addr_info: tuple[_Address, ...] = ()

    @property
    def kind(self) -> str:
        """Without -d nothing names it; a VRF is a master that resolves no neighbours."""
        named = self.linkinfo.get("info_kind")
        return str(named or ("vrf" if {"MASTER", "NOARP"} <= {*self.flags} else ""))


class _Via(_Row):
    host: PlainAddress


class _Hop(_Row):
    gateway: PlainAddress | None = None
    via: _Via | None = None
    dev: str | None = None
    weight: _Number = 1
    flags: tuple[str, ...] = ()


class _Route(_Hop):
    dst: Destination
    type: str = "unicast"
    table: str | int | None = None
    prefsrc: PlainAddress | None = None
    metric: _Number = 0
    scope: str | int = "global"
    protocol: str | int = "boot"
    pref: str = "medium"
    nexthops: tuple[_Hop, ...] = ()

    @property
    def is_answer(self) -> bool:
        """Whether it answers `ip route get` and stands in no table."""
        more = self.model_extra or {}
        told = "cache" in more or "uid" in more or more.get("from") == "::"
        return told and self.dst != "default"

    @property
    def version(self) -> int:
        """The IP version, which for a default route only the rest tells."""
        hints = (
            self.dst,
            self.gateway or "",
            self.prefsrc or "",
            *(hop.gateway or "" for hop in self.nexthops),
        )
        six = any(":" in hint for hint in hints) or "pref" in self.model_fields_set
        return 6 if six else 4


class _Addresses(BaseModel):
    rows: tuple[_Link, ...]


class _Routes(BaseModel):
    rows: tuple[_Route, ...]


@dataclass(frozen=True, slots=True)
class RouteAnswer:
    """An answer of `ip route get`: the way the kernel would take."""

    target: Target
    route: Route
    via: str | None = None
    dev: str | None = None


@dataclass(frozen=True, slots=True)
class Pasted:
    """A host as it was pasted: its dumps, and what it was asked about single destinations."""

    dumps: Dumps
    answers: Mapping[Target, RouteAnswer] = field(default_factory=dict)


def pasted(addresses: str, routes: str) -> Pasted:
    """Read what the two commands printed, one after another. Raises InputError."""
    rows, lines = _read(addresses, ADDRESSES)
    for number, line in lines:
        raise InputError(ADDRESSES, number, "text", "JSON, as `ip -j addr` prints it", show(line))
    links = validated(_Addresses, {"rows": rows}, ADDRESSES).rows
    if not links:
        raise InputError(ADDRESSES, None, "rows", "at least one interface")
    indexes = {link.ifname: link.ifindex for link in links}
    rows, lines = _read(routes, ROUTES)
    found = validated(_Routes, {"rows": rows}, ROUTES).rows
    answers = [_answer(row, indexes) for row in found if row.is_answer]
    answers += [each for line in lines if (each := _line(*line, indexes)) is not None]
    dumps = Dumps(
        tuple(_link(link) for link in links),
        tuple(_address(link, row) for link in links for row in link.addr_info),
        tuple(_route(row, indexes) for row in found if not row.is_answer and _table(row)),
    )
    return Pasted(dumps, {one.target: one for one in answers})


def _read(text: str, name: str) -> tuple[list[Any], list[tuple[int, str]]]:
    """The objects of all JSON in a text, and the lines around it with their numbers."""
    if len(text) > MOST:
        raise InputError(name, None, "text", f"at most {MOST} characters")
    decoder, rows, lines, at = json.JSONDecoder(), [], [], 0
    while at < len(text):
        number = text.count("\n", 0, at) + 1
        if text[at].isspace():
            at += 1
        elif text[at] in "[{":
            try:
                value, at = decoder.raw_decode(text, at)
            except (ValueError, RecursionError) as error:
                line = getattr(error, "lineno", number)
                raise InputError(name, line, "text", "whole JSON") from None
            # a filter, as -4, leaves empty objects
            rows += [row for row in (value if isinstance(value, list) else [value]) if row != {}]
        else:
            line = text[at:].partition("\n")[0]
            at += len(line)
            if not line.startswith(("#", "$", "cache")):
                lines.append((number, line.strip()))
    return rows, lines


def _link(link: _Link) -> KernelLink:
    table = (link.linkinfo.get("info_data") or {}).get("table") if link.kind == "vrf" else None
    flags = sum(_LINK_FLAGS.get(name, 0) for name in {*link.flags})
    kind = _TYPES.get(link.link_type, _OTHER)
    return KernelLink(link.ifindex, link.ifname, kind, link.kind, flags, 0, table)


def _address(link: _Link, row: _Address) -> KernelAddress:
    local = ip_address(row.local)
    if row.prefixlen > local.max_prefixlen or (local.version == 4) != (row.family == "inet"):
        wanted = f"an address of {row.family} and its prefix length"
        raise InputError(ADDRESSES, None, "addr_info", wanted, f"{local}/{row.prefixlen}")
    far = local if row.address is None else ip_address(row.address)
    # of IPv6 the kernel sends both where they differ
    own = local if local.version == 4 or far != local else None
    return KernelAddress(
        link.ifindex, AF_INET if local.version == 4 else AF_INET6, far, own, row.prefixlen,
        row.bits(_ADDRESS_FLAGS) | _PERMANENT * ("dynamic" not in (row.model_extra or {})),
        _number(row.scope, kernel.SCOPES), row.label, row.metric,
        None if row.broadcast is None else ip_address(row.broadcast),
    )  # fmt: skip


def _number(value: str | int, names: Mapping[str, int]) -> int:
    if value in names:
        return names[str(value)]
    return int(value) if re.fullmatch("[0-9]{1,10}", str(value)) else 0


def _table(row: _Route) -> int:
    """The number of its table; 0 for one that is known by a name only."""
    if row.table is None:
        own = row.type in _NOT_MAIN and row.protocol == "kernel"
        return TABLES["local" if own else "main"]
    return _number(row.table, TABLES)


def _route(row: _Route, indexes: Mapping[str, int]) -> KernelRoute:
    version = row.version
    everything = "0.0.0.0/0" if version == 4 else "::/0"
    return KernelRoute(
        version=version,
        to=everything if row.dst == "default" else row.dst,
        source=(row.model_extra or {}).get("from"),
        table=_table(row),
        type=row.type if row.type in kernel.ROUTE_TYPES else "unicast",
        scope=_number(row.scope, kernel.SCOPES),
        protocol=kernel.BY_KERNEL if row.protocol in ("kernel", kernel.BY_KERNEL) else 0,
        metric=row.metric,
        prefsrc=row.prefsrc,
        pref=kernel.PREFERENCES.get(row.pref, 0),
        hops=tuple(_hops(row, indexes)),
        tos=int("tos" in (row.model_extra or {})),
        encapsulated="encap" in (row.model_extra or {}),
    )


def _hops(row: _Route, indexes: Mapping[str, int]) -> Iterator[Hop]:
    each: Sequence[_Hop] = row.nexthops or (row,)
    for hop in each:
        if hop.dev is not None:
            via = hop.gateway or (hop.via.host if hop.via else None)
            flags = sum(_HOP_FLAGS.get(name, 0) for name in {*hop.flags})
            yield Hop(via, _index(hop.dev, indexes, row.dst), flags, hop.weight)


def _index(dev: str, indexes: Mapping[str, int], of: str) -> int:
    if dev not in indexes:
        known = ", ".join(indexes)
        raise InputError(ROUTES, None, of, f"an interface of `ip -j addr` ({known})", show(dev))
    return indexes[dev]


def _answer(row: _Route, indexes: Mapping[str, int]) -> RouteAnswer:
    via = row.gateway or (row.via.host if row.via else None)
    return _answered(row.dst.partition("/")[0], row.type, via, row.dev, row.prefsrc, indexes)


def _line(number: int, text: str, indexes: Mapping[str, int]) -> RouteAnswer | None:
    """One line of `ip route get`; None for a second one of an answer."""
    match = _LINE.match(text)
    kind = match["type"] if match else ""
    if match is None or not (match["src"] or kind in REFUSED):
        wanted = "JSON, or an answer of `ip route get` with src; unreachable ADDRESS for no route"
        raise InputError(ROUTES, number, "text", wanted, show(text))
    try:
        via = match["via"] if match["via"] != "inet6" else None
        return _answered(match["dst"], kind or "", via, match["dev"], match["src"], indexes)
    except ValueError as problem:
        if isinstance(problem, InputError):
            raise
        raise InputError(ROUTES, number, "text", "addresses", show(text)) from None


def _answered(
    text: str,
    kind: str,
    via: str | None,
    dev: str | None,
    source: str | None,
    indexes: Mapping[str, int],
) -> RouteAnswer:
    """An answer as the model takes it. Raises InputError, ValueError for what is no address."""
    address = ip_address(text)
    zone = address.version == 6 and address.is_link_local and dev is not None
    target = Target(address, _index(dev, indexes, text) if zone and dev else 0)
    if kind in REFUSED:
        return RouteAnswer(target, refused(REFUSED[kind]))
    if source is None:
        raise InputError(ROUTES, None, text, "a source (src) in the answer of `ip route get`")
    return RouteAnswer(target, Route(ip_address(source)), via, None if kind == "local" else dev)
