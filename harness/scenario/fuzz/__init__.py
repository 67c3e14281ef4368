"""Random hosts, names, gai.conf files and look-ups for fuzzing: the same ones for a seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ..host import Host
from ..schema import Dns, Lookup, Scenario
from . import weights
from .answers import draw_answer, draw_destinations
from .dice import Dice
from .gaiconf import draw_gai_conf
from .hosts import draw_host


@dataclass(frozen=True, slots=True)
class Round:
    """One gai.conf and the look-ups made under it, as positions in ``Batch.lookups``."""

    gai_conf: bytes | None
    lookups: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """One host with everything that is asked on it; ``title`` says where it comes from."""

    title: str
    host: Host
    names: Mapping[str, tuple[str, ...]]
    lookups: tuple[Lookup, ...]
    rounds: tuple[Round, ...]
    resolver: Literal["files", "dns", "nss"] = "nss"
    first_reply: Literal["A", "AAAA"] = "A"

    @property
    def size(self) -> int:
        """How many look-ups are made on each glibc."""
        return sum(len(each.lookups) for each in self.rounds)


def draw_batch(seed: int, number: int) -> Batch:
    """Batch ``number`` of a seed: the same one whenever and wherever it is drawn."""
    dice = Dice(f"gai-harness fuzz {seed} {number}")
    host = draw_host(dice)
    resolver = dice.pick(weights.RESOLVERS)
    destinations = draw_destinations(dice, host, zones=resolver == "nss")
    names = {f"n{i}": draw_answer(dice, destinations) for i in range(weights.NAMES)}
    lookups = tuple(_draw_lookup(dice, name, destinations) for name in names)
    positions = range(len(lookups))
    rounds = tuple(
        Round(
            draw_gai_conf(dice, destinations),
            tuple(dice.shuffled(positions)[: weights.LOOKUPS_A_ROUND]),
        )
        for _ in range(weights.ROUNDS)
    )
    first_reply = dice.pick(weights.FIRST_REPLIES) if resolver == "dns" else "A"
    return Batch(f"fuzz-{seed}-{number}", host, names, lookups, rounds, resolver, first_reply)


def _draw_lookup(dice: Dice, name: str, destinations: list[str]) -> Lookup:
    """One call for ``name``; seldom another spelling of it, a number or an unknown name."""
    service = dice.pick(weights.SERVICES)
    match dice.pick(weights.SPELLINGS):
        case "upper":
            name = name.upper()
        case "dot":
            name += "."
        case "unknown":
            name = "nowhere"
        case "numeric":
            name = dice.one(destinations)
    return Lookup(
        name=name,
        service=service,
        family=dice.pick(weights.FAMILIES),
        socktype=dice.pick(weights.SOCKTYPES),
        protocol=dice.pick(weights.PROTOCOLS),
        flags=tuple(dice.flags(weights.FLAGS)),
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
        gai_conf=None if gai_conf is None else gai_conf.decode(),
        lookups=tuple(lookups),
    )
