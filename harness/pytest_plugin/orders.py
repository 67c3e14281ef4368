"""The fixture `gai_order`: one look-up on a host, native and modelled, for a test's asserts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.compare.evidence import LaneSpec, NamedGaiConf
from harness.compare.explain import Explanation
from harness.compare.predict import FAMILIES, FLAGS, SOCKTYPES
from harness.compare.results import LookupReport, PairReason, Result
from harness.compare.run import HostJob
from harness.pytest_plugin.hosts import Builder, GaiConfWords, HostBox
from harness.report.explanation import as_text
from harness.scenario.schema import Lookup
from harness.text.errors import InputError
from harness.text.validation import validated


@dataclass(frozen=True, slots=True)
class Order:
    """What the real getaddrinfo returned and what the model says of it.

    Parameters: ``native`` and ``model`` the addresses as returned, one per addrinfo;
    ``decisions`` the rule between each two neighbours; ``error`` the EAI name of a look-up
    that failed, or the signal glibc died of; ``agreed`` whether native and model say the
    same; ``glibc`` the version asked. ``str()`` gives the whole explanation.
    """

    native: list[str]
    model: list[str]
    decisions: list[PairReason]
    error: str | None
    agreed: bool
    glibc: str
    result: Result = field(repr=False)
    report: LookupReport = field(repr=False)

    def __str__(self) -> str:
        explanation = Explanation(None, self.result, devices=self.report.devices)
        return as_text([explanation])


class Orders:
    """Asks hosts; boxes as they are at that moment, all else on a host built for it."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._lanes: dict[str, LaneSpec] = {}

    def __call__(
        self,
        host: object,
        name: str | None = None,
        *,
        service: str | int | None = None,
        family: str | int = "unspec",
        socktype: str | int = "stream",
        protocol: int = 0,
        flags: str | int | Iterable[str] = (),
        glibc: str = "host",
        gai_conf: GaiConfWords = ...,
        names: Mapping[str, Sequence[str]] | None = None,
        resolver: str | None = None,
    ) -> Order:
        """Look ``name`` up.

        Parameters: ``host`` a box of `gai_host`, or anything that fixture takes, with
        ``names``, ``resolver`` and ``gai_conf``; the others as in getaddrinfo(3), in the
        words of a scenario or as the numbers of Python's socket module; ``glibc`` one
        build, by default this machine's.
        Raises ValueError for arguments that no look-up can have and for a glibc that is not
        there, ScenarioError for a host that is none, SandboxError.
        """
        __tracebackhide__ = True
        lookup = _lookup(
            name=name,
            service=None if service is None else str(service),
            family=_word(family, FAMILIES),
            socktype=_word(socktype, SOCKTYPES),
            protocol=int(protocol),
            flags=_flag_words(flags),
        )
        lane = self._lane(glibc)
        if isinstance(host, HostBox):
            if names is not None or resolver is not None:
                raise TypeError("gai_order: a box has its names already")
            return _ask(host, lookup, lane, self._builder.gai_conf(gai_conf, host.loaded))
        with self._builder(host, names=names, resolver=resolver, gai_conf=gai_conf) as box:
            return _ask(box, lookup, lane, self._builder.gai_conf(..., box.loaded))

    def _lane(self, glibc: str) -> LaneSpec:
        __tracebackhide__ = True
        if glibc not in self._lanes:
            try:
                lanes = self._builder.lab.lanes_for(glibc, "gai_order")
            except pytest.UsageError as problem:
                raise ValueError(str(problem)) from None
            if len(lanes) != 1:
                raise ValueError(f"gai_order: glibc: one build was expected, got {glibc!r}")
            self._lanes[glibc] = lanes[0]
        return self._lanes[glibc]


def _ask(box: HostBox, lookup: Lookup, lane: LaneSpec, conf: NamedGaiConf) -> Order:
    scenario = box.loaded.scenario.model_copy(update={"lookups": (lookup,)})
    source = str(box.loaded.path) if box.loaded.path != Path() else ""
    (report,) = box.ask(HostJob(scenario, (conf,), (lane,), source=source))
    (result,) = report.results
    return Order(
        list(result.native), list(result.model), list(result.decisions),
        result.error, result.agreed, result.glibc, result, report,
    )  # fmt: skip


def _lookup(**words: object) -> Lookup:
    __tracebackhide__ = True
    try:
        given = {key: word for key, word in words.items() if word is not None}
        return validated(Lookup, given, "gai_order")
    except InputError as error:
        place = "name" if error.field == "document" else error.field  # of the look-up as a whole
        raise ValueError(f"gai_order: {place}: {error.reason}") from None


def _word(value: str | int, table: Mapping[str, int]) -> str:
    """The scenario's word for a number of the socket module."""
    if isinstance(value, str):
        return value
    return next((word for word, number in table.items() if number == value), str(value))


def _flag_words(flags: str | int | Iterable[str]) -> tuple[str, ...]:
    if isinstance(flags, str):
        return (flags,)
    if not isinstance(flags, int):
        return tuple(flags)
    known = tuple(word for word, bit in FLAGS.items() if flags & bit)
    rest = flags & ~sum(FLAGS.values())
    return (*known, hex(rest)) if rest else known
