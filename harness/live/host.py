"""This machine's network, names and gai.conf as a scenario: what `run` replays.

Everything is read through netlink dumps, /proc/sys and the name service; nothing is
changed and nothing needs root.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from harness.kernel.netlink import Netlink
from harness.live import machine, names
from harness.live.interfaces import interfaces, shown
from harness.live.multipath import pinned
from harness.live.routes import routes, without_route
from harness.live.rules import labels, rules
from harness.live.said import Data, Name, Said, literal
from harness.live.sysctls import sysctls
from harness.model.host import Target
from harness.scenario import LoadedScenario, Scenario
from harness.text.errors import InputError
from harness.text.validation import validated

Destinations = Mapping[str, Sequence[Target | str]]
_READ = object()


class SnapshotError(Exception):
    """A name that cannot be written into a scenario, or a host that no scenario can hold."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class Snapshot(LoadedScenario):
    """A host as a scenario; ``left_out`` is the scenario's, with the host's texts apart."""

    left_out: tuple[Said, ...] = ()


def snapshot(
    wanted: Sequence[str] | Destinations,
    netlink: Netlink | None = None,
    gai_conf: bytes | object | None = _READ,
) -> Snapshot:
    """This network namespace as a scenario that looks up the names.

    Parameters: ``wanted`` names, which the host's name service is asked for, or the
    addresses of each name in the order seen; ``netlink`` a socket in the namespace to read;
    ``gai_conf`` the file's bytes or None for none, by default the host's own.
    Raises SnapshotError for a name no scenario can have, OSError where netlink fails.
    """
    left_out: list[Said] = []
    found = wanted if isinstance(wanted, Mapping) else ask(wanted, left_out)
    data = machine.read_gai_conf() if gai_conf is _READ else gai_conf
    assert data is None or isinstance(data, bytes)
    own = netlink is None
    sock = Netlink() if netlink is None else netlink
    try:
        indexes = {link.index: link.name for link in sock.links()}
        listed, resolver = _names(found, indexes)
        host, missing = read_host(sock, [text for texts in listed.values() for text in texts])
    finally:
        if own:
            sock.close()
    text = None if data is None else data.decode("utf-8", "replace")
    if text is not None and text.encode() != data:
        left_out.append(Said("bytes of gai.conf that are no UTF-8: each is written as U+FFFD"))
    told = (*left_out, *missing)
    raw: Data = {
        "name": "snapshot",
        "description": "A host as it was, in the words of gai-harness snapshot.",
        "host": host,
        "names": listed,
        "resolver": resolver,
        "gai_conf": text,
        "lookups": [{"name": name} for name in found],
        "left_out": [str(each) for each in told],
    }
    named = "default" if data is None else "own"
    return Snapshot(_valid(raw), Path("snapshot"), data, named, left_out=told)


def _valid(raw: Data) -> Scenario:
    try:
        return validated(Scenario, raw, "snapshot")
    except InputError as problem:
        raise SnapshotError(f"{problem.field}: {problem.reason}") from None


def read_host(netlink: Netlink, destinations: Sequence[str] = ()) -> tuple[Data, list[Said]]:
    """The ``host`` of a scenario, and what of this one it leaves out.

    Parameters: ``netlink`` a socket in the namespace to read; ``destinations`` what will be
    looked up, which matters only on hosts with thousands of routes. Raises OSError.
    """
    links = shown(netlink.links())
    lines = [row for row in netlink.addresses() if row.local or row.address]
    by_index = {link.index: link.name for link in links}
    rows = [*netlink.routes(socket.AF_INET), *netlink.routes(socket.AF_INET6)]
    plain = [text.partition("%")[0] for text in destinations]
    written, no_routes = routes(rows, links, lines, plain)
    more, unsure = pinned(netlink, written, plain, by_index)
    rule_dumps = {4: netlink.rules(socket.AF_INET), 6: netlink.rules(socket.AF_INET6)}
    ruled, complete, no_rules = rules(rule_dumps, set(by_index.values()))
    label_rows = labels(netlink.address_labels(), by_index)
    referred = frozenset(hop.dev for row in rows for hop in row.hops)
    table, no_interfaces = interfaces(links, lines, without_route(links, lines, rows), referred)
    settings, no_settings = sysctls(name for name in table if name != "lo")
    found: Data = {"routes": [*written, *more], "rules": ruled, "sysctls": settings}
    host = {"interfaces": table} | {word: value for word, value in found.items() if value}
    if not complete:
        host["default_rules"] = False
    if label_rows is not None:
        host["addrlabels"] = label_rows
    return host, [*no_interfaces, *no_routes, *unsure, *no_rules, *no_settings]


def ask(wanted: Sequence[str], left_out: list[Said]) -> dict[str, list[Target | str]]:
    """The names' addresses in the order the host's name service gives them.

    Parameters: ``wanted`` the names; ``left_out`` takes what is not certain about the order.
    Raises nothing: a name that is not found has no addresses.
    """
    found: dict[str, list[Target | str]] = {}
    for name in wanted:
        if literal(name) is not None:
            found[name] = []
            continue
        answer = names.ask(name)
        if answer.note:
            said = "the order of {}'s addresses is not certain: {}"
            left_out.append(Said(said, Name(name), answer.note))
        found[name] = list(answer.targets) or list(_sorted_already(name, left_out))
        if not found[name]:
            left_out.append(Said("{}: the name service knows no address", Name(name)))
    return found


def _sorted_already(name: str, left_out: list[Said]) -> list[Target]:
    try:
        # as bytes, since Python's own IDNA refuses names that the C library takes
        raw = name.encode("utf-8", "surrogateescape")
        answers = socket.getaddrinfo(raw, None, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        return []
    said = "the order of {}'s addresses before sorting: this is the order after it"
    left_out.append(Said(said, Name(name)))
    return [
        Target(ip_address(where[0].partition("%")[0]), where[3] if len(where) == 4 else 0)  # type: ignore[union-attr]
        for _, _, _, _, where in answers
    ]


def _names(found: Destinations, indexes: Mapping[int, str]) -> tuple[dict[str, list[str]], str]:
    """The scenario's names, and the resolver that can give such addresses."""
    listed: dict[str, list[str]] = {}
    resolver = "files"
    for name, targets in found.items():
        if not targets:
            continue
        listed[name] = texts = [
            each
            if isinstance(each, str)
            else f"{each.address}%{indexes.get(each.scope_id, each.scope_id)}"
            if each.scope_id
            else str(each.address)
            for each in targets
        ]
        if any("%" in text for text in texts):
            resolver = "nss"  # neither a hosts file nor a DNS record carries a scope
    return listed, resolver


def file_name(name: str) -> str:
    """A scenario's name from a host's, with the characters scenarios may have."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:128] or "snapshot"
