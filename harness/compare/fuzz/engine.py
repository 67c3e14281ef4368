"""Fuzzing: many look-ups on one host, under many gai.conf files, on several glibcs; host by host.

A *case* is one look-up under one gai.conf on one glibc, native against model. What does not
change from case to case is done once: the host and its observation per batch, the keys of
its destinations per (policy, dialect), the names' file per batch, one forked session per
(gai.conf, glibc) into which all look-ups are written at once. Answers are compared as packed
bytes; only a difference is decoded and judged.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from itertools import groupby, islice
from operator import eq, itemgetter, ne
from typing import NamedTuple

from harness import sandbox
from harness.compare import predict
from harness.compare.evidence import Evidence, LaneSpec, NamedGaiConf
from harness.compare.fuzz.found import Disagreement, FuzzReport, judged
from harness.compare.fuzz.hostwork import SUCCESS, AskedLookup, HostWork
from harness.compare.fuzz.sorter import Fixed, Key, Rule9, Sorter, SortInput
from harness.compare.fuzz.steps import Answers, in_steps
from harness.compare.fuzz.tally import EFFECTIVE, READINGS, Tally, line_kinds
from harness.compare.open_lane import worker_lane
from harness.compare.run import files_of
from harness.compare.verdict import by_chance, fits, prediction_for
from harness.kernel.own_names import IPV6_FILES
from harness.model.dialects import Dialect, turned
from harness.model.gaiconf import parse_gai_conf
from harness.model.order import order_for
from harness.model.policy import Policy
from harness.model.reload import Reading
from harness.model.resolvers import page
from harness.model.transport import ProcessAborted
from harness.model.watched import for_each
from harness.native.frames import lookup_payload
from harness.native.record import TIME, Answer, Crashed, Outcome, TimedOut, decode
from harness.native.worker_lane import FAMILY_MODULE_NAME, MODULE_NAME
from harness.scenario.fuzz import Batch, Round, scenario_of
from harness.scenario.fuzz.weights import LOOKUPS_A_ROUND
from harness.scenario.schema import Scenario
from harness.versions import ResolverName

TIMEOUT = 10.0  # seconds for a look-up
_VERSION_AT = 17  # where the length of the glibc version stands in a record
_KEPT_OF_BATCH = 4  # each is tried with hundreds of changes of the model
_CONTROLS = 8  # agreements that the cause of a disagreement must leave as they are


def _size(evidence: Evidence) -> int:
    """How much there is to look through: a small case is tried and read sooner."""
    native = evidence.native
    return len(native.addrinfos) if isinstance(native, Answer) else 0


class _RoundPlan(NamedTuple):
    """A round as each lane is asked it, gai.conf as its look-ups find it where it changes, and what
    each dialect answers.
    """

    each: Round
    owns: list[Round]
    files: list[NamedGaiConf]
    expected: list[list[bytes]]


class Engine(AbstractContextManager["Engine"]):
    """Compares on one host; a context manager, which ends the workers.

    Parameters: ``box`` a sandbox with the host built; ``batch`` what to compare; ``lanes`` the
    glibcs, each through its worker; ``tallied`` whether to count what decided, and to look for what
    explains a difference, ``rows`` also to count the dialects' rows and the lines, which asks the
    model a dozen times more. Raises SandboxError for names that cannot be served.
    """

    def __init__(
        self,
        box: "sandbox.Box",
        batch: Batch,
        lanes: Sequence[LaneSpec],
        tallied: bool = True,
        rows: bool = False,
    ) -> None:
        self._box = box
        self._batch = batch
        self._specs = lanes
        if batch.service is None:
            box.set_names(batch.names, batch.resolver, batch.first_reply)
        else:
            box.set_name_service(batch.service)
        of_glibc = [spec for spec in lanes if spec.resolver == "glibc"]
        others = [(one.resolver, one.resolver_version) for one in lanes if one not in of_glibc]
        of_lanes = [spec.dialect if spec in of_glibc else None for spec in lanes]
        self._dialects = list(dict.fromkeys(own for own in of_lanes if own is not None))
        # hashing a dialect takes longer than to sort a look-up
        self._numbers = [None if own is None else self._dialects.index(own) for own in of_lanes]
        self._rows = turned(self._dialects[-1]) if rows and of_glibc else {}
        dialects = (*self._dialects, *self._rows.values())
        self.work = HostWork(box, batch, dialects, dict.fromkeys(others))
        self._tally = Tally(self.work) if tallied and of_glibc else None
        self._is_explained = self._tally is not None
        self._unasked = {resolver: self._not_asked(resolver) for resolver, _ in others}
        self._bare = Scenario.model_construct(
            name=batch.title, host=batch.host, lookups=batch.lookups
        )
        self._right: dict[tuple[int, int, bytes], bool] = {}  # what other resolvers said before
        self._payloads = [self._asking(spec) for spec in lanes]
        self._stack = ExitStack()
        enter = self._stack.enter_context
        netlink = batch.netlink == "allowed"
        by_family = self.work.names.asks("nss_by_family")
        preload = FAMILY_MODULE_NAME if by_family else MODULE_NAME
        proc = IPV6_FILES if batch.asks_myhostname else ()
        self._lanes = [enter(worker_lane(box, spec, (preload,), proc, netlink)) for spec in lanes]
        self._fixed: dict[Rule9, Fixed] = {}
        self._keys: dict[SortInput, tuple[Sorter, list[Key]]] = {}
        self._policies: dict[bytes | None, list[tuple[Policy, Collection[str]]]] = {}

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self) -> FuzzReport:
        """Every round of the batch. Raises LaneError when a worker breaks."""
        kept: Counter[int] = Counter()
        # all at once: between two sessions the processor has forgotten the model, and takes twice
        # as long
        planned = [self._plan(each) for each in self._batch.rounds]
        report = sum((self._compare(each, kept) for each in planned), FuzzReport(batches=1))
        if self._rows and self._tally is not None and self._batch.service is not None:
            self._tally.services(self._dialects[-1], LOOKUPS_A_ROUND)
        return report if self._tally is None else replace(report, counts=self._tally.counts())

    def round(self, each: Round) -> FuzzReport:
        """One gai.conf on every glibc. Raises LaneError when a worker breaks."""
        return self._compare(self._plan(each), Counter())

    def _plan(self, each: Round) -> _RoundPlan:
        rounds = [each.without(self.work.undefined[own]) for own in self._dialects]
        owns = [
            self._other(each, spec) if at is None else rounds[at]
            for at, spec in zip(self._numbers, self._specs, strict=True)
        ]
        files = self._files(each) if each.after else []
        return _RoundPlan(each, owns, files, self._expected(rounds, files))

    def _compare(self, plan: _RoundPlan, kept: Counter[int]) -> FuzzReport:
        """Ask every lane and compare.

        ``kept`` counts the disagreements of each lane that are kept, here and in other rounds.
        """
        each, owns, files, expected = plan
        asked = [
            [payloads[lookup] for lookup in own.lookups]
            for own, payloads in zip(owns, self._payloads, strict=True)
        ]
        bursts = []
        stepped: dict[int, Answers] = {}
        if each.after:
            of_glibc = [number for number, at in enumerate(self._numbers) if at is not None]
            stepped = self._in_steps(of_glibc, asked, files)
        else:
            self._box.set_gai_conf(each.gai_conf)
            lanes = zip(self._lanes, asked, strict=True)
            bursts = [lane.burst(payloads, TIMEOUT) for lane, payloads in lanes]
        disagreements: list[Disagreement] = []
        cases = crashes = unasked = elapsed = differing = 0
        for number, (own, at) in enumerate(zip(owns, self._numbers, strict=True)):
            if bursts:
                answers, end = bursts[number].finish()
            elif at is None:
                answers, end = self._in_steps([number], asked, self._files(own))[number]
            else:
                answers, end = stepped[number]
            elapsed += sum([int.from_bytes(record[TIME], "little") for record in answers])
            said = [
                record[:9] + record[_VERSION_AT + 1 + record[_VERSION_AT] :] for record in answers
            ]
            if at is not None:
                fitting = list(map(eq, said, expected[at]))
            else:
                fitting = [
                    self._fits(own, one, number, answers[one], said[one])
                    for one in range(len(said))
                ]
            odd: list[tuple[int, Outcome]] = [
                (one, decode(answers[one])) for one, fits in enumerate(fitting) if not fits
            ]
            if end is not None:
                odd.append((len(answers), end))
                unasked += len(own.lookups) - len(answers) - 1
            found = [self._wrong(own, position, number, native) for position, native in odd]
            wrong = [one for one in found if one is not None]
            crashes += end is not None and found[-1] is None
            cases += len(own.lookups)
            differing += len(wrong)
            if wrong:
                agreed = islice((one for one, fits in enumerate(fitting) if fits), _CONTROLS)
                told = ((one, number, decode(answers[one])) for one in agreed)
                control = tuple([self._evidence(own, *one) for one in told if self._is_explained])
                few = sorted(wrong, key=_size)[: _KEPT_OF_BATCH - kept[number]]
                kept[number] += len(few)
                few = [self._with_scenario(own, one) for one in few]
                disagreements += [judged(one, control, self._is_explained) for one in few]
        return FuzzReport(
            cases=cases, crashes=crashes, unasked=unasked, native_ns=elapsed, differing=differing,
            disagreements=tuple(disagreements),
        )  # fmt: skip

    def _asking(self, spec: LaneSpec) -> list[bytes]:
        """All look-ups as the worker of a lane is sent them."""
        lane = spec.resolver, spec.resolver_version, self._batch.service
        worded = (predict.worded(one, *lane) for one in self.work.requests)
        return [lookup_payload(one, TIMEOUT) for one in worded]

    def _not_asked(self, resolver: ResolverName) -> set[int]:
        """The look-ups that another resolver than glibc is not put."""
        ask = page(resolver).not_asked
        return {n for n, one in enumerate(self.work.requests) if ask(one, self.work.names)}

    def _other(self, each: Round, spec: LaneSpec) -> Round:
        """A round as another resolver than glibc is asked it, which sees no gai.conf."""
        return replace(each, after=()).without(self._unasked[spec.resolver])

    def _fits(self, own: Round, position: int, number: int, record: bytes, said: bytes) -> bool:
        """Whether another resolver's record, ``said`` without its time, is what the model says."""
        key = number, own.lookups[position], said
        right = self._right.get(key)
        if right is None:
            one = self._evidence(own, position, number, decode(record))
            right = fits(one, prediction_for(one)) or any(
                fits(each, prediction_for(each)) for _, each in by_chance(one)
            )
            self._right[key] = right
        return right

    def _files(self, each: Round) -> list[NamedGaiConf]:
        """gai.conf as each look-up finds it."""
        name = "default" if each.gai_conf is None else "inline"
        return files_of(NamedGaiConf(name, each.gai_conf), self._batch.asked(each))

    def _in_steps(
        self, numbers: Sequence[int], asked: Sequence[list[bytes]], files: Sequence[NamedGaiConf]
    ) -> dict[int, Answers]:
        lanes = {number: self._lanes[number] for number in numbers}
        return in_steps(self._box, lanes, asked, files, TIMEOUT)

    def _expected(
        self, rounds: Sequence[Round], files: Sequence[NamedGaiConf]
    ) -> list[list[bytes]]:
        """What each dialect answers; ``files`` are there where gai.conf changes."""
        shared: dict[tuple[int, int], bytes] = {}
        made: list[list[bytes]] = []
        for at, (dialect, each) in enumerate(zip(self._dialects, rounds, strict=True)):
            wanted: list[bytes] = []
            made.append(wanted)
            for data, lookups in self._readings(each, files, dialect):
                policy, kinds = self._read(data)[at]
                wanted += self._predicted(lookups, policy, dialect, shared, self._tally)
                if self._tally is not None:
                    self._tally.policy(kinds, policy, len(lookups))
        if self._rows and self._tally is not None and not rounds[-1].after:
            self._count_rows(rounds[-1], self._tally, made[-1])
        return made

    def _read(self, data: bytes | None) -> list[tuple[Policy, Collection[str]]]:
        """What each dialect makes of a file, and the kinds of its lines where they are counted."""

        def read(dialect: Dialect) -> tuple[Policy, Collection[str]]:
            conf = parse_gai_conf(data or b"", dialect)
            kinds = () if self._tally is None else line_kinds(data, conf.lines)
            return Policy.of(conf, dialect), kinds

        if data not in self._policies:
            self._policies[data] = for_each(self._dialects, read)
        return self._policies[data]

    def _readings(
        self, each: Round, files: Sequence[NamedGaiConf], dialect: Dialect
    ) -> list[tuple[bytes | None, tuple[int, ...]]]:
        """The look-ups of a round in turn, parted where the process goes by another file."""
        if not each.after:
            return [(each.gai_conf, each.lookups)]
        read, data = Reading(), []
        for lookup, file in zip(each.lookups, files, strict=True):
            if self.work.asked[dialect][lookup].fixed is None:
                read = read.sort(file.data, file.mtime, dialect)
                if self._tally is not None and read.step is not None:
                    self._tally.count(READINGS[read.step])
            data.append((read.data, lookup))
        return [
            (read_data, tuple(lookup for _, lookup in several))
            for read_data, several in groupby(data, itemgetter(0))
        ]

    def _predicted(
        self,
        lookups: Sequence[int],
        policy: Policy,
        dialect: Dialect,
        shared: dict[tuple[int, int], bytes],
        tally: Tally | None,
    ) -> list[bytes]:
        asked = self.work.asked[dialect]
        sorter, keys = self._sorted(policy, dialect)
        wanted: list[bytes] = []
        for lookup in lookups:
            one = asked[lookup]
            if one.fixed is not None:
                wanted.append(one.fixed)
                if tally is not None:
                    error = one.fixed[: len(SUCCESS)] != SUCCESS
                    tally.count("trap error" if error else "trap not-sorted")
                continue
            # equal work is one object, so dialects that agree share the answer
            key = id(one), id(keys)
            body = shared.get(key)
            if body is None:
                own = [keys[slot] for slot in one.slots]
                order = (
                    self._stepwise(one, policy, dialect)
                    if dialect.rule7_fills_in_unknown
                    else sorter.sort(own)
                )
                if tally is not None and order:
                    tally.sorted(one, sorter, own, order)
                entries = one.entries
                body = one.head + b"".join([entries[position] for position in order]) + one.names
                shared[key] = body
            wanted.append(body)
        return wanted

    def _stepwise(self, one: AskedLookup, policy: Policy, dialect: Dialect) -> list[int]:
        """The order where the fast sort does not stand; empty where the process would crash."""
        candidates = [self.work.candidates[slot] for slot in one.slots]
        try:
            return [facts.position for facts in order_for(candidates, policy, dialect).ranked]
        except ProcessAborted:
            return []

    def _count_rows(self, each: Round, tally: Tally, wanted: list[bytes]) -> None:
        """Count the look-ups that another dialect, or fewer lines, would answer otherwise."""

        def differing(answers: list[bytes], gai_conf: bytes | None, dialect: Dialect) -> int:
            policy = Policy.build(gai_conf, dialect)
            return sum(map(ne, answers, self._predicted(each.lookups, policy, dialect, {}, None)))

        for feature, dialect in self._rows.items():
            tally.count(f"row {feature}", differing(wanted, each.gai_conf, dialect))
        lines = (each.gai_conf or b"").split(b"\n")
        for dialect in (self._dialects[-1], self._rows["gaiconf_numbers_checked"]):
            conf = parse_gai_conf(each.gai_conf or b"", dialect)
            whole = self._predicted(each.lookups, Policy.of(conf, dialect), dialect, {}, None)
            for kind, numbers in line_kinds(each.gai_conf, conf.lines).items():
                if kind in EFFECTIVE:
                    less = b"\n".join(line for n, line in enumerate(lines, 1) if n not in numbers)
                    tally.count(f"line {kind} decided", differing(whole, less, dialect))

    def _sorted(self, policy: Policy, dialect: Dialect) -> tuple[Sorter, list[Key]]:
        """The keys of all candidates, shared by dialects that sort alike under the same tables."""
        given = SortInput.of(policy, dialect)
        known = self._keys.get(given)
        if known is None:
            sorter = Sorter(given)
            fixed = self._fixed.get(given.rule9)
            if fixed is None:
                fixed = self._fixed[given.rule9] = sorter.fixed(self.work.candidates)
            known = self._keys[given] = sorter, sorter.keys(fixed)
        return known

    def _wrong(self, each: Round, position: int, number: int, native: Outcome) -> Evidence | None:
        """The case with its evidence, when it is a disagreement indeed."""
        evidence = self._evidence(each, position, number, native)
        # a bug shows in thousands of cases: only those that are kept are judged in full
        prediction = prediction_for(evidence, predict.GLIBC)
        # errno, which EAI_SYSTEM comes with, is no matter of the model
        other = isinstance(native, (Crashed, TimedOut)) or native.error == "EAI_SYSTEM"
        alone = other or bool(prediction.undefined)
        return None if alone and fits(evidence, prediction) else evidence

    def _evidence(self, each: Round, position: int, number: int, native: Outcome) -> Evidence:
        """A case with all but its scenario, which takes longer to make than all the rest."""
        files = self._files(each)[: position + 1]
        lookups = self._batch.asked(each)[: position + 1]
        start = 0 if each.after else position
        return Evidence(
            scenario=self._bare,
            lookup=lookups[position],
            conf=files[position],
            view=self.work.view,
            names=self.work.names,
            lane=self._specs[number],
            native=native,
            before=tuple(zip(lookups[start:position], files[start:position], strict=True)),
        )

    def _with_scenario(self, each: Round, one: Evidence) -> Evidence:
        lookups = *(before for before, _ in one.before), one.lookup
        return replace(one, scenario=scenario_of(self._batch, each.gai_conf, lookups))
