"""Random hosts, names, gai.conf files and look-ups for fuzzing: the same ones for a seed."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, repeat
from typing import Literal

from harness.model.dns_servers import Record
from harness.model.host import address_text
from harness.model.services import Kind

from ..host import Host
from ..hostspec import Address
from ..nameservice import NameServiceSpec
from ..schema import After, Dns, Family, Lookup, Resolver, Scenario
from ..values import as_interface
from . import weights
from .gaiconf import draw_gai_conf, with_reload
from .hosts import draw_host
from .services import draw_answer, draw_name_service, every_name, only, with_misnamed
from .weights import Dice


@dataclass(frozen=True, slots=True)
class Round:
    """One gai.conf and the look-ups made under it, as positions in ``Batch.lookups``.

    Where the file changes between them, ``after`` says how before each.
    """

    gai_conf: bytes | None
    lookups: tuple[int, ...]
    after: tuple[After | None, ...] = ()

    def without(self, lookups: Container[int]) -> "Round":
        """The round without some look-ups; as it is where gai.conf changes between them."""
        kept = tuple([one for one in self.lookups if one not in lookups])
        return self if self.after or kept == self.lookups else replace(self, lookups=kept)


@dataclass(frozen=True, slots=True)
class Batch:
    """One host with everything that is asked on it; ``title`` says where it comes from.

    A whole ``service`` stands in the place of ``names``, ``resolver`` and ``first_reply``.
    """

    title: str
    host: Host
    names: Mapping[str, tuple[str, ...]]
    lookups: tuple[Lookup, ...]
    rounds: tuple[Round, ...]
    resolver: Resolver = "nss"
    first_reply: Record = "A"
    netlink: Literal["allowed", "refused"] = "allowed"
    service: NameServiceSpec | None = None

    @property
    def asks_myhostname(self) -> bool:
        """Whether systemd's module is asked."""
        return self.service is not None and "myhostname" in self.service.hosts

    @property
    def size(self) -> int:
        """How many look-ups are made on each glibc."""
        return sum(len(each.lookups) for each in self.rounds)

    def asked(self, each: Round) -> tuple[Lookup, ...]:
        """The look-ups of a round as a scenario has them."""
        return tuple(
            self.lookups[at]
            if after is None
            else self.lookups[at].model_copy(update={"after": after})
            for at, after in zip(each.lookups, each.after or repeat(None), strict=False)
        )


Draw = Literal["all", "services"]
"""What is drawn: everything, or the hosts with whole name services alone."""


def batch_numbers(draw: Draw) -> Iterator[int]:
    """The numbers of the batches that are done, in turn."""
    return count(weights.SERVICES_AT, weights.SERVICES_EVERY) if draw == "services" else count()


def draw_batches(
    seed: int, number: int, myhostname: bool = False, plain: bool = False
) -> tuple[Batch, ...]:
    """What is done on the host of one number: one batch, or one for each whole name service.

    ``myhostname``: systemd's module is among the services. ``plain``: none of glibc's modules is,
    and no gai.conf, so that there are more look-ups in its place.
    """
    if number % weights.SERVICES_EVERY != weights.SERVICES_AT:
        return (draw_batch(seed, number, plain),)
    dice = Dice(f"gai-harness fuzz {seed} {number}")
    host = draw_host(dice)
    if myhostname:  # which knows a name that other services may know too
        # without a domain, which glibc would search for names
        host = host.model_copy(update={"hostname": f"n{dice.randint(1, weights.SERVICE_NAMES)}"})
    kinds = weights.KINDS_ASKED | (weights.OWN_KIND if myhostname else {})
    kinds = weights.PLAIN_KINDS if plain else kinds
    destinations = _draw_destinations(dice, host, zones=True)
    title = f"fuzz-{seed}-{number}"
    if plain:
        return (_draw_services(dice, host, title, destinations, kinds),)
    parts = (_draw_services(dice, host, title, destinations, kinds) for _ in range(weights.PARTS))
    return tuple(_with_more(batch) for batch in parts)


def _with_more(batch: Batch) -> Batch:
    """A batch with flags that hardly come up together by their odds, and what glibc alone is asked.

    Drawn by what has been drawn, so that everything else is as it was without.
    """
    assert batch.service is not None
    dice = Dice(f"{batch.title} {batch.service.hosts}")
    lookups = []
    for each in batch.lookups:
        more = () if each.hints == "none" else dice.pick(weights.MORE_FLAGS)
        flags = tuple(dict.fromkeys((*each.flags, *more)))
        lookups.append(each.model_copy(update={"flags": flags}) if more else each)
    return replace(batch, lookups=tuple(lookups), service=with_misnamed(dice, batch.service))


def _draw_services(
    dice: Dice, host: Host, title: str, destinations: list[str], kinds: Mapping[Kind, float]
) -> Batch:
    """A host with a whole name service; most of it is asked without a gai.conf."""
    service = draw_name_service(dice, destinations, kinds)
    tables = weights.SERVICE_SPELLINGS, weights.SERVICE_FAMILIES, weights.SERVICE_FLAGS
    names = [dice.one(every_name()) for _ in range(weights.LOOKUPS_A_PART)]
    if "myhostname" in service.hosts:
        own = {host.hostname: weights.OWN_NAME} | weights.OWN_NAMES
        names = [dice.pick(own) if dice.chance(weights.OWN) else name for name in names]
    lookups = tuple(_draw_lookup(dice, name, destinations, *tables) for name in names)
    gai_conf = draw_gai_conf(dice, destinations) if dice.chance(weights.SORTED) else None
    rounds = (Round(gai_conf, tuple(range(len(lookups)))),)
    return Batch(title, host, {}, lookups, rounds, "files", service=service)


def draw_batch(seed: int, number: int, plain: bool = False) -> Batch:
    """Batch ``number`` of a seed: the same one whenever and wherever it is drawn.

    ``plain`` is as for `draw_batches`.
    """
    dice = Dice(f"gai-harness fuzz {seed} {number}")
    host = draw_host(dice)
    resolver = dice.pick(weights.PLAIN_RESOLVERS if plain else weights.RESOLVERS)
    destinations = _draw_destinations(dice, host, zones=resolver.startswith("nss"))
    # what looks like a number is no name for all
    called = [*(f"n{i}" for i in range(1, weights.NAMES)), "256.1.1.1"]
    names = {name: draw_answer(dice, destinations) for name in called}
    if plain:
        numbers = _draw_destinations(dice, host, zones=True)
        spellings = weights.PLAIN_SPELLINGS if resolver == "files" else weights.SPELLINGS
        several = [name for name in names for _ in range(weights.LOOKUPS_A_NAME)]
        lookups = tuple(_draw_lookup(dice, name, numbers, spellings) for name in several)
        rounds: tuple[Round, ...] = (Round(None, tuple(range(len(lookups)))),)
    else:
        lookups = tuple(_draw_lookup(dice, name, destinations) for name in names)
        positions = range(len(lookups))
        rounds = tuple(_draw_round(dice, positions, destinations) for _ in range(weights.ROUNDS))
    first_reply = dice.pick(weights.FIRST_REPLIES) if resolver == "dns" else "A"
    title, netlink = f"fuzz-{seed}-{number}", dice.pick(weights.NETLINK)
    return Batch(title, host, names, lookups, rounds, resolver, first_reply, netlink)


def _draw_round(dice: Dice, positions: Sequence[int], destinations: list[str]) -> Round:
    lookups = tuple(dice.shuffled(positions)[: weights.LOOKUPS_A_ROUND])
    gai_conf = draw_gai_conf(dice, destinations)
    if not dice.chance(weights.CHANGING):
        return Round(gai_conf, lookups)
    gai_conf = with_reload(dice, gai_conf)
    after: list[After | None] = [None] * len(lookups)
    for _ in range(dice.pick(weights.CHANGES)):
        removed = dice.chance(weights.REMOVED)
        data = None if removed else with_reload(dice, draw_gai_conf(dice, destinations))
        text = None if data is None else data.decode()
        mtime = "newer" if data is None else dice.pick(weights.MTIMES)
        after[dice.randint(0, len(lookups) - 1)] = After(gai_conf=text, mtime=mtime)
    return Round(gai_conf, lookups, tuple(after))


def _draw_lookup(
    dice: Dice,
    name: str,
    destinations: list[str],
    spellings: Mapping[str, float] = weights.SPELLINGS,
    families: Mapping[Family | int, float] = weights.FAMILIES,
    flags: Mapping[str, float] = weights.FLAGS,
) -> Lookup:
    """One call for ``name``; seldom another spelling of it, a number or an unknown name."""
    service = dice.pick(weights.SERVICES)
    match dice.pick(spellings):
        case "upper":
            name = name.upper()
        case "dot":
            name += "."
        case "unknown":
            name = "nowhere.invalid"
        case "numeric":
            name = dice.one(destinations)
    if dice.chance(weights.NO_HINTS):
        return Lookup(name=name, service=service, hints="none")
    return Lookup(
        name=name,
        service=service,
        family=dice.pick(families),
        socktype=dice.pick(weights.SOCKTYPES),
        protocol=dice.pick(weights.PROTOCOLS),
        flags=tuple(dice.flags(flags)),
    )


def scenario_of(
    batch: Batch, gai_conf: bytes | None, lookups: Sequence[Lookup], name: str | None = None
) -> Scenario:
    """The scenario of some look-ups of a batch under one gai.conf, named as the batch is."""
    asked = {(each.name or "").lower().removesuffix(".") for each in lookups}
    return Scenario(
        name=name or batch.title,
        host=batch.host,
        names={name: texts for name, texts in batch.names.items() if name in asked},
        resolver=batch.resolver,
        dns=Dns(first_reply=batch.first_reply),
        name_service=None if batch.service is None else only(batch.service, asked),
        netlink=batch.netlink,
        gai_conf=None if gai_conf is None else gai_conf.decode(),
        lookups=tuple(lookups),
    )


def _draw_destinations(dice: Dice, host: Host, zones: bool) -> list[str]:
    """The addresses that a host's names are made of, each text once.

    Parameters: ``host``; ``zones`` whether the name service can hand over %zone.
    """
    rows = [
        (name, row) for name, interface in host.interfaces.items() for row in interface.addresses
    ]
    names = list(host.interfaces)
    # each address of lo: its source is itself, whose 127/8 glibc treats in a way of its own
    found = {str(row.ip): None for name, row in rows if name == "lo"}
    for _ in range(weights.NEARBY if rows else 0):
        name, row = dice.one(rows)
        text = _near(dice, row)
        if text is None:
            continue
        if zones and text.startswith(("fe8", "fe9", "fea", "feb", "ff02")):
            text += _zone(dice, name, names)
        found.setdefault(text)
    for _ in range(weights.MIXED_IN):
        text = dice.pick(weights.DESTINATIONS)
        if zones and text.startswith(("fe80", "ff02")):
            text += _zone(dice, dice.one(names), names)
        found.setdefault(text)
    return list(found)


def _zone(dice: Dice, own: str, names: list[str]) -> str:
    match dice.pick(weights.ZONES):
        case "own":
            return f"%{own}"
        case "other":
            return f"%{dice.one(names)}"
        case "missing":
            return f"%{dice.one(('77', '4294967295'))}"
        case _:
            return ""


def _near(dice: Dice, row: Address) -> str | None:
    own = as_interface(row.address)
    width = own.max_prefixlen
    value, host_bits = int(own.ip), width - own.network.prefixlen
    match dice.pick(weights.NEAR):
        case "in-subnet":
            value ^= dice.getrandbits(min(host_bits, 12) if dice.chance(0.7) else host_bits)
        case "one-bit":
            value ^= 1 << dice.randint(0, width - 1)
        case "outside":
            value ^= 1 << min(host_bits, width - 1)
        case "broadcast":
            value = int(own.network.broadcast_address)
        case "network":
            value = int(own.network.network_address)
        case "peer":
            if row.peer_ip is None:
                return None
            value = int(row.peer_ip)
    return address_text(type(own.ip)(value))
