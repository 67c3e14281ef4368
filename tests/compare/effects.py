"""Runs gai.conf files on real glibc, for the tests that show what each lint code warns of."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from harness.compare.evidence import LaneSpec
from harness.compare.run import open_lane
from harness.native.record import Answer, Crashed, Query
from harness.sandbox import Box
from harness.scenario.schema import Host

HOST = {
    "interfaces": {"eth0": {"addresses": ["172.18.45.2/24", "2001:db8:1::2/64"]}},
    "routes": [
        {"to": "default", "via": "172.18.45.1"},
        {"to": "default", "via": "2001:db8:1::1"},
    ],
}
FOUR, SIX = "203.0.113.9", "2001:db8:9::1"
NEAR, FAR = "172.18.45.6", "172.31.80.8"
ULA, LINK_LOCAL = "fd00:9::1", "169.254.9.9"
NAMES: dict[str, list[str]] = {
    "six-four": [SIX, FOUR],
    "four-six": [FOUR, SIX],
    "ula-four": [ULA, FOUR],
    "link-four": [LINK_LOCAL, FOUR],
    "far-six-near": [FAR, SIX, NEAR],
    "six-near-far": [SIX, NEAR, FAR],
    "near-far-six": [NEAR, FAR, SIX],
}


@dataclass(frozen=True, slots=True)
class Step:
    """One look-up of an experiment, after gai.conf has become ``conf``."""

    conf: bytes
    name: str


@dataclass(frozen=True, slots=True)
class EffectsJob:
    """Experiments by name: each is a list of look-ups in one process, on every lane."""

    lanes: tuple[LaneSpec, ...]
    experiments: Mapping[str, Sequence[Step]]


@dataclass(frozen=True, slots=True)
class Effect:
    """What one glibc gave at every step: addresses in order, or the signal it died of."""

    experiment: str
    glibc: str
    lane: str
    seen: tuple[tuple[str, ...] | str, ...]


def effects(box: Box, job: EffectsJob) -> Iterator[Effect]:
    """Inside a sandbox: run every experiment on every lane, each in a fresh process."""
    box.build(Host.model_validate(HOST))
    box.set_names(NAMES, "files")
    with ExitStack() as stack:
        for spec in job.lanes:
            lane = open_lane(box, spec)
            stack.callback(lane.close)
            for name, steps in job.experiments.items():
                with lane.open() as session:
                    seen: list[tuple[str, ...] | str] = []
                    for step in steps:
                        box.set_gai_conf(step.conf)
                        outcome = session.lookup(Query(step.name, socktype=1))
                        if isinstance(outcome, Answer):
                            assert outcome.error is None, outcome.error
                            seen.append(tuple(one.address for one in outcome.addrinfos))
                        else:
                            assert isinstance(outcome, Crashed), outcome
                            seen.append(signal.Signals(outcome.signal).name)
                    yield Effect(name, spec.glibc, spec.lane, tuple(seen))
