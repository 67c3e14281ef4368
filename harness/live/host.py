"""This host's network, names and gai.conf as a scenario: what `run` replays.

Everything is read through netlink dumps, /proc/sys and the name service; nothing is
changed and nothing needs root.
"""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from types import EllipsisType

from harness.kernel.netlink import Netlink
from harness.live import machine, names
from harness.live.interfaces import interfaces
from harness.live.routing import labels, pinned, routes, rules
from harness.live.said import Data, Name, Said, literal
from harness.model.host import Target
from harness.scenario import LoadedScenario, Scenario
from harness.text.errors import InputError
from harness.text.validation import validated

Destinations = Mapping[str, Sequence[Target | str]]


class SnapshotError(Exception):
    """A name that cannot be written into a scenario, or a host that no scenario can hold."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class Snapshot(LoadedScenario):
    """A host as a scenario; ``left_out`` is the scenario's, with the host's texts apart."""

    left_out: tuple[Said, ...] = ()


def snapshot(
    wanted: Sequence[str] | Destinations,
    netlink: Netlink,
    gai_conf: bytes | EllipsisType | None = ...,
) -> Snapshot:
    """The network namespace that ``netlink`` reads, as a scenario that looks up names.

    ``wanted`` are names, which the host's name service is asked for, or the addresses of each
    name in the order seen; ``gai_conf`` is the file's bytes or None for none, by default the
    host's own. Raises SnapshotError for a name no scenario can have, OSError where netlink fails.
    """
    left_out: list[Said] = []
    found = wanted if isinstance(wanted, Mapping) else _ask(wanted, left_out)
    data = machine.read_gai_conf() if isinstance(gai_conf, EllipsisType) else gai_conf
    indexes = {link.index: link.name for link in netlink.links()}
    listed = {name: [_text(each, indexes) for each in found[name]] for name in found if found[name]}
    texts = [text for each in listed.values() for text in each]
    text = None if data is None else data.decode("utf-8", "replace")
    not_unicode = text is not None and text.encode() != data
    host = _host(netlink, [each.partition("%")[0] for each in texts], left_out)
    if not_unicode:
        left_out.append(Said("bytes of gai.conf that are no UTF-8: each is written as U+FFFD"))
    raw: Data = {
        "name": "snapshot",
        "description": "A host as it was, in the words of gai-harness snapshot.",
        "host": host,
        "names": listed,
        # neither a hosts file nor a DNS record carries a scope
        "resolver": "nss" if any("%" in each for each in texts) else "files",
        "gai_conf": text,
        "lookups": [_lookup(name, found[name]) for name in found],
        "left_out": [str(each) for each in left_out],
    }
    try:
        scenario = validated(Scenario, raw, "snapshot")
    except InputError as problem:
        raise SnapshotError(f"{problem.field}: {problem.reason}") from None
    named = "default" if data is None else "own"
    return Snapshot(scenario, Path("snapshot"), data, named, left_out=tuple(left_out))


def _host(netlink: Netlink, destinations: Sequence[str], left_out: list[Said]) -> Data:
    """The ``host`` of a scenario; ``left_out`` takes what of this one it leaves out."""
    dumps = machine.Dumps.of(netlink)
    table = interfaces(dumps, left_out)
    written = routes(dumps, destinations, left_out)
    written += pinned(netlink, written, destinations, dumps.names, left_out)
    rule_dumps = {4: netlink.rules(socket.AF_INET), 6: netlink.rules(socket.AF_INET6)}
    ruled, complete = rules(rule_dumps, set(dumps.names.values()), left_out)
    return {
        "interfaces": table,
        "routes": written,
        "rules": ruled,
        "default_rules": complete,
        "addrlabels": labels(netlink.address_labels(), dumps.names),
        "sysctls": machine.sysctls((name for name in table if name != "lo"), left_out),
    }


def _lookup(name: str, addresses: Sequence[Target | str]) -> Data:
    """The look-up of a name; that nobody knows it is said, for a file takes it for mistyped."""
    known = addresses or literal(name) is not None
    return {"name": name} if known else {"name": name, "expect": {"error": "EAI_NONAME"}}


def _ask(wanted: Sequence[str], left_out: list[Said]) -> dict[str, list[Target]]:
    """The names' addresses, none where there are none, as the host's name service orders them."""
    found: dict[str, list[Target]] = {}
    for name in wanted:
        found[name] = []
        if literal(name) is not None:
            continue
        answer = names.ask(name)
        if answer.note:
            said = "the order of {}'s addresses is not certain: {}"
            left_out.append(Said(said, Name(name), answer.note))
        found[name] = list(answer.targets) or _sorted_already(name, left_out)
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


def _text(target: Target | str, indexes: Mapping[int, str]) -> str:
    if isinstance(target, str) or not target.scope_id:
        return target if isinstance(target, str) else str(target.address)
    return f"{target.address}%{indexes.get(target.scope_id, target.scope_id)}"
