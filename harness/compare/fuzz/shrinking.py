"""The passes of the shrinker: each takes a case and offers simpler ones, the simplest first. Pure.

Every offer is strictly simpler by some measure that no other pass raises, so that trying
until nothing helps comes to an end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Literal, TypeVar

from harness.model.host import address_text

T = TypeVar("T")

_PLAIN_VALUES = ("0", "1", "9")
# not "default", which a route may go to
_ADDRESS = re.compile(r"([0-9a-f:.]*[:.][0-9a-f:.]*)((?:[/%].*)?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Case:
    """One look-up on one host, as plain data: ``host`` and ``lookup`` as a scenario file has them.

    ``answer`` are the addresses of the one name that is looked up.
    """

    host: dict[str, Any]
    answer: tuple[str, ...]
    gai_conf: bytes | None
    lookup: dict[str, Any]
    resolver: Literal["files", "dns", "nss"]
    first_reply: Literal["A", "AAAA"] = "A"


Pass = Callable[[Case], Iterator[Case]]


def without_parts(items: Sequence[T]) -> Iterator[tuple[T, ...]]:
    """``items`` without a half, a quarter, …, and without each single one."""
    size = len(items)
    while size > 0:
        for start in range(0, len(items), size):
            yield (*items[:start], *items[start + size :])
        size //= 2


def fewer_addresses(case: Case) -> Iterator[Case]:
    """Fewer addresses in the answer; at least one is kept."""
    for answer in without_parts(case.answer):
        if answer:
            yield replace(case, answer=answer)


def fewer_lines(case: Case) -> Iterator[Case]:
    """A smaller gai.conf: none at all, fewer lines, shorter lines, plain numbers."""
    if case.gai_conf is None:
        return
    yield replace(case, gai_conf=None)
    ended = case.gai_conf.endswith(b"\n")
    lines = (case.gai_conf[:-1] if ended else case.gai_conf).split(b"\n")
    end = b"\n" if ended else b""
    for fewer in without_parts(lines):
        if fewer:
            yield replace(case, gai_conf=b"\n".join(fewer) + end)
    for number, line in enumerate(lines):
        for simpler in _simpler_line(line):
            changed = [*lines[:number], simpler, *lines[number + 1 :]]
            yield replace(case, gai_conf=b"\n".join(changed) + end)
    if not ended:
        yield replace(case, gai_conf=case.gai_conf + b"\n")


def _simpler_line(line: bytes) -> Iterator[bytes]:
    words = line.split()
    for simpler in (b" ".join(words), b" ".join(words[:3]), line.split(b"\0")[0],
                    re.sub(rb"(.)\1{30,}", rb"\1", line)):  # fmt: skip
        if len(simpler) < len(line):
            yield simpler
    if len(words) == 3 and b" ".join(words) == line:
        for value in _PLAIN_VALUES:
            if words[2].decode(errors="replace") not in _PLAIN_VALUES:
                yield b" ".join((*words[:2], value.encode()))


def plainer_hints(case: Case) -> Iterator[Case]:
    """Hints left out one by one, and the name spelled as it is."""
    for key in case.lookup:
        if key != "name":
            yield replace(case, lookup={k: v for k, v in case.lookup.items() if k != key})
    flags = case.lookup.get("flags", ())
    for fewer in without_parts(flags):
        if fewer:
            yield replace(case, lookup={**case.lookup, "flags": list(fewer)})
    name = case.lookup.get("name") or ""
    plain = name.lower().removesuffix(".")
    if case.answer and name != plain:
        yield replace(case, lookup={**case.lookup, "name": plain})
    if case.answer and "service" in case.lookup and case.lookup["service"] != "80":
        yield replace(case, lookup={**case.lookup, "service": "80"})


def smaller_host(case: Case) -> Iterator[Case]:
    """The host without whole parts: sysctls, rules, labels, routes, interfaces, addresses."""
    for key in ("sysctls", "rules", "addrlabels", "routes"):
        if key not in case.host:
            continue
        yield _with(case, key, None)
        part = case.host[key]
        if isinstance(part, Mapping):
            for fewer in without_parts(list(part.items())):
                yield _with(case, key, dict(fewer))
        else:
            for less in without_parts(part):
                yield _with(case, key, list(less))
    for name in case.host["interfaces"]:
        kept = {k: v for k, v in case.host["interfaces"].items() if k != name}
        routes = [r for r in case.host.get("routes", ()) if r.get("dev") != name]
        yield _with(_with(case, "interfaces", kept), "routes", routes)
    for name, interface in case.host["interfaces"].items():
        for fewer in without_parts(interface["addresses"]):
            yield _interface(case, name, addresses=list(fewer))


def plainer_host(case: Case) -> Iterator[Case]:
    """Single settings of interfaces, addresses, routes and rules left out or made usual."""
    for name, interface in case.host["interfaces"].items():
        for key in ("kind", "up"):
            if key in interface:
                yield _interface(case, name, **{key: None})
        for position, row in enumerate(interface["addresses"]):
            changes: list[dict[str, Any]] = [
                {k: v for k, v in row.items() if k != key} for key in row if key != "address"
            ]
            flags = row.get("flags", ())
            changes += [{**row, "flags": [f for f in flags if f != flag]} for flag in flags[1:]]
            address, _, length = row["address"].partition("/")
            usual = "64" if ":" in address else "24"
            if length != usual and "peer" not in row:
                changes.append({**row, "address": f"{address}/{usual}"})
            for change in changes:
                rows = [*interface["addresses"]]
                rows[position] = change
                yield _interface(case, name, addresses=rows)
    for part in ("routes", "rules"):
        for position, row in enumerate(case.host.get(part, ())):
            for key in row:
                if key not in ("to", "priority"):
                    rows = [*case.host[part]]
                    rows[position] = {k: v for k, v in row.items() if k != key}
                    yield _with(case, part, rows)


def plainer_addresses(case: Case) -> Iterator[Case]:
    """Whole groups of numbers replaced by zero wherever they stand, host and answer alike."""
    texts = sorted({text.partition("%")[0].partition("/")[0] for text in _texts(case)})
    for version, width in ((6, 16), (4, 8)):
        groups = sorted(
            {
                (at, value >> at & (1 << width) - 1)
                for value in (int(ip_address(t)) for t in texts if ip_address(t).version == version)
                for at in range(0, 128 if version == 6 else 32, width)
            }
        )
        for at, group in groups:
            # the first group says what kind of address it is
            if group > 1 and at < (112 if version == 6 else 24):
                for plain in (0, 1):
                    yield _renumbered(case, version, at, width, group, plain)


def usual_resolver(case: Case) -> Iterator[Case]:
    """A hosts file in place of our own name service."""
    if case.resolver != "files" and not any("%" in text for text in case.answer):
        yield replace(case, resolver="files", first_reply="A")


SAME_HOST_PASSES: tuple[Pass, ...] = (fewer_addresses, fewer_lines, plainer_hints)
HOST_PASSES: tuple[Pass, ...] = (smaller_host, plainer_host, plainer_addresses, usual_resolver)


def _with(case: Case, key: str, value: Any) -> Case:
    host = {k: v for k, v in case.host.items() if k != key}
    if value or key == "interfaces":
        host[key] = value
    return replace(case, host=host)


def _interface(case: Case, name: str, **changes: Any) -> Case:
    host = deepcopy(case.host)
    for key, value in changes.items():
        if value is None:
            del host["interfaces"][name][key]
        else:
            host["interfaces"][name][key] = value
    return replace(case, host=host)


def _texts(case: Case) -> Iterator[str]:
    yield from case.answer
    for interface in case.host["interfaces"].values():
        for row in interface["addresses"]:
            yield row["address"]


def _renumbered(case: Case, version: int, at: int, width: int, old: int, new: int) -> Case:
    """The case with one group of bits replaced in all addresses of a family."""
    mask = (1 << width) - 1
    made = IPv4Address if version == 4 else IPv6Address

    def change(text: str) -> str:
        split = _ADDRESS.fullmatch(text)
        if split is None or (":" in text) != (version == 6):
            return text
        value = int(ip_address(split[1]))
        if value >> at & mask != old:
            return text
        return address_text(made(value ^ (old ^ new) << at)) + split[2]

    host = deepcopy(case.host)
    for interface in host["interfaces"].values():
        for row in interface["addresses"]:
            row.update({key: change(row[key]) for key in ("address", "peer") if key in row})
    for row in host.get("routes", ()):
        row.update({k: change(row[k]) for k in ("to", "via", "from") if k in row})
    return replace(case, host=host, answer=tuple(change(text) for text in case.answer))
