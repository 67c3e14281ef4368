"""This host's network, names and gai.conf as a scenario: what `run` replays.

Everything is read through netlink dumps, /proc/sys and the name service; nothing is
changed and nothing needs root.
"""

import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.kernel.netlink import Netlink
from harness.live import machine
from harness.live.interfaces import interfaces
from harness.live.name_service import NameServiceReading, read, zoned
from harness.live.routing import labels, pinned, routes, rules
from harness.live.said import Data, Name, Said, literal
from harness.model.host import Target
from harness.native.cffi_lane import CffiLane
from harness.native.record import Answer, LaneError, Query
from harness.scenario import LoadedScenario, Scenario
from harness.scenario.host import HOSTNAME
from harness.text.errors import InputError
from harness.text.validation import validated


class SnapshotError(Exception):
    """A name that cannot be written into a scenario, or a host that no scenario can hold."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class Snapshot(LoadedScenario):
    """A host as a scenario; ``left_out`` is the scenario's, with the host's texts apart."""

    left_out: tuple[Said, ...] = ()


def snapshot(wanted: Sequence[str], netlink: Netlink) -> Snapshot:
    """The network namespace that ``netlink`` reads, as a scenario that looks up names.

    Raises SnapshotError for a name no scenario can have, OSError where netlink fails.
    """
    indexes = {link.index: link.name for link in netlink.links()}
    reading = read(wanted, indexes)
    left_out = [*reading.left_out]
    found = _given(wanted, reading, indexes, left_out)
    data = machine.read_gai_conf()
    text = None if data is None else data.decode("utf-8", "replace")
    host = _host(netlink, [str(one.address) for each in found.values() for one in each], left_out)
    if text is not None and text.encode() != data:
        left_out.append(Said("bytes of gai.conf that are no UTF-8: each is written as U+FFFD"))
    lacking = {name for name, one in reading.answers.items() if one.lacking}
    raw: Data = {
        "name": "snapshot",
        "description": "A host as it was, in the words of gai-harness snapshot.",
        "host": host,
        "name_service": reading.raw,
        "gai_conf": text,
        "lookups": [_lookup(name, found[name], name in lacking) for name in found],
        "left_out": [str(each) for each in left_out],
    }
    own = socket.gethostname()
    asked = f"{reading.raw['hosts']} {reading.raw.get('nsswitch')}"
    if "myhostname" in asked or HOSTNAME.fullmatch(own):
        host["hostname"] = own
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


def _lookup(name: str, addresses: Sequence[Target], lacking: bool) -> Data:
    """The look-up of a name; that nobody knows it is said, for a file takes it for mistyped.

    ``lacking``: it comes to a service that is not there.
    """
    known = addresses or literal(name) is not None
    error = "EAI_SYSTEM" if lacking else "EAI_NONAME"
    return {"name": name} if known else {"name": name, "expect": {"error": error}}


def _given(
    wanted: Sequence[str],
    reading: NameServiceReading,
    links: Mapping[int, str],
    left_out: list[Said],
) -> dict[str, Sequence[Target]]:
    """The names' addresses, none where there are none, as the host's name service orders them."""
    found: dict[str, Sequence[Target]] = {}
    for name in wanted:
        found[name] = ()
        if name not in reading.answers:
            continue
        answer = reading.answers[name]
        if answer.note:
            said = "the order of {}'s addresses is not certain: {}"
            left_out.append(Said(said, Name(name), answer.note))
        found[name] = answer.targets
        if not answer.targets and (listed := _sorted_already(name, left_out)):
            found[name] = listed
            reading.raw["nss"][name] = [zoned(one, links) for one in listed]
            if "nss" not in reading.raw["hosts"].split():
                reading.raw["hosts"] += " nss"
        if not found[name] and answer.stopped is not None:
            said = "{}: no address comes: nsswitch.conf's hosts line ends with {}, by [{}=return]"
            service, status = answer.stopped
            left_out.append(Said(said, Name(name), service, Said(status)))
        elif not found[name]:
            left_out.append(Said("{}: the name service knows no address", Name(name)))
    return found


def _sorted_already(name: str, left_out: list[Said]) -> tuple[Target, ...]:
    """The addresses that getaddrinfo gives where no service could be asked for them."""
    found: tuple[Target, ...] = ()
    try:
        with suppress(ValueError), CffiLane() as lane, lane.open() as session:
            answer = session.lookup(Query(name, socktype=socket.SOCK_STREAM))
            if isinstance(answer, Answer):
                found = tuple(one.target for one in answer.addrinfos)
    except LaneError:
        left_out.append(Said("{}: getaddrinfo could not be asked for it either", Name(name)))
    if found:
        said = "the order of {}'s addresses before sorting: this is the order after it"
        left_out.append(Said(said, Name(name)))
    return found
