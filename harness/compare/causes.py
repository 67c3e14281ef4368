"""What would explain a disagreement: small changes of the model, tried one after the other. Pure.

A glibc that orders otherwise has, as a rule, one thing in it that is otherwise. Each change here is
such a thing in words; those that turn the model's answer into the native one may be the cause, and
over many disagreements few are left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from harness.compare.answers import differing_fields
from harness.compare.evidence import Evidence
from harness.compare.predict import FLAGS, GLIBC, ModelParts, Prediction, predict, request_for
from harness.compare.results import Notice, Result, Verdict
from harness.compare.verdict import by_server, fits, reading
from harness.model.addresses import prefix_text
from harness.model.dialects import ROWS, Dialect, shown, turned
from harness.model.dns_servers import Record
from harness.model.gaiconf import PrefixEntry
from harness.model.host import (
    IFA_F_DEPRECATED,
    IFA_F_HOMEADDRESS,
    IFA_F_OPTIMISTIC,
    AddressRow,
    HostView,
    Route,
)
from harness.model.lookup import NameService, Request
from harness.model.order import RULES, Compare, Destination, Rule
from harness.model.policy import (
    DEFAULT_LABELS,
    DEFAULT_PRECEDENCE,
    DEFAULT_SCOPES,
    Policy,
)
from harness.model.standards import RFC6724, of_reached
from harness.native.record import Answer

_TABLES = {"labels": "label", "precedence": "precedence", "scopes": "scopev4"}
"""The tables of a policy, and the keywords of their lines."""
_DEFAULTS = {"labels": DEFAULT_LABELS, "precedence": DEFAULT_PRECEDENCE, "scopes": DEFAULT_SCOPES}
_ARPHRD_ETHER = 1
_ROW = "the row "
_MOST_TARGETS = 512
_OTHERS = 3  # of changes that explain as much as the plainest
_TRIED = 12  # that explain most, beside those that explain all there is to explain
_ADDRESS_FLAGS = {
    "secondary": 0x01, "optimistic": IFA_F_OPTIMISTIC, "home": IFA_F_HOMEADDRESS,
    "deprecated": IFA_F_DEPRECATED, "tentative": 0x40, "permanent": 0x80,
}  # fmt: skip
# an IPv6 address that no source is found by
_FAR = AddressRow(-1, IPv6Address("2001:db8::"), None, 128)


@dataclass(frozen=True, slots=True)
class ModelQuestion:
    """All that the model is asked with; see `predict`.

    ``now`` is gai.conf as the look-up found it, ``first`` as the first look-up of the process did.
    """

    request: Request
    names: NameService
    view: HostView
    gai_conf: bytes | None
    dialect: Dialect
    now: bytes | None
    first: bytes | None
    model: ModelParts = GLIBC

    @classmethod
    def of(cls, evidence: Evidence) -> ModelQuestion:
        """What was asked, of the model as it is."""
        return cls(
            request_for(evidence.lookup), evidence.names, evidence.view, reading(evidence).data,
            evidence.dialect, now=evidence.conf.data,
            first=evidence.before[0][1].data if evidence.before else evidence.conf.data,
        )  # fmt: skip

    def answer(self) -> Prediction:
        """What the model says. Raises KeyError for a destination whose route was not asked for."""
        given = self.request, self.names, self.view, self.gai_conf, self.dialect
        return predict(*given, self.model)


Alter = Callable[[ModelQuestion], ModelQuestion]


def causes(evidence: Evidence, among: Collection[str] | None = None) -> tuple[str, ...]:
    """The changes of the model, in words, of which each alone gives what glibc answered.

    The plainest comes first. ``among`` are the only ones to try. None is tried for a crash, a
    time-out, or more destinations on the host than a person would look through. Nor is one that
    leaves open what the answer is, unless the model explains the answer without it.
    """
    if evidence.lane.resolver != "glibc":
        return ()
    if not isinstance(evidence.native, Answer) or len(evidence.view.routes) > _MOST_TARGETS:
        return ()
    # chance may have chosen the DNS server that is asked first
    questions = [*map(ModelQuestion.of, by_server(evidence) or (evidence,))]
    plain = [one.answer() for one in questions]
    agreed = any(fits(evidence, one) for one in plain)
    found = []
    for words, alter in changes_for(evidence.dialect).items():
        if among is not None and words not in among:
            continue
        for question, own in zip(questions, plain, strict=True):
            with suppress(KeyError):
                said = alter(question).answer()
                told = agreed or said.is_settled or (own.undefined and not said.by_chance)
                if told and fits(evidence, said):
                    found.append(words)
                    break
    return tuple(found)


class CauseTally:
    """What explains the disagreements of each build, over all results that are added."""

    def __init__(self) -> None:
        self._seen: dict[str, Counter[tuple[str, ...]]] = {}  # how often which causes were given
        # the fields that alone differ where so, "" for the addresses
        self._fields: dict[tuple[str, tuple[str, ...]], dict[str, None]] = {}
        self._spoilt: Counter[tuple[str, str]] = Counter()

    def add(self, result: Result) -> None:
        """Take a result; one without a disagreement does not count."""
        if result.verdict is Verdict.DISAGREE and not result.untrusted:
            self._seen.setdefault(result.where, Counter())[result.causes] += 1
            fields = self._fields.setdefault((result.where, result.causes), {})
            fields.update(dict.fromkeys(_fields_alone(result) or [""]))

    def add_control(self, result: Result, tried: Iterable[str]) -> None:
        """Take a result of a run with the `candidates` as controls; see `HostJob`."""
        if result.verdict is Verdict.AGREE and not result.untrusted:
            self._spoilt.update((result.where, one) for one in {*tried} - {*result.causes})

    def candidates(self) -> dict[str, tuple[str, ...]]:
        """For each build the changes of which controls are to say whether they spoil agreements."""
        return {where: found for where, seen in self._seen.items() if (found := _candidates(seen))}

    def notices(self) -> Iterator[Notice]:
        """For each build the causes that together explain most and spoil nothing that is agreed.

        Of 48 faults planted in a real glibc, a change that explains a part had the right cause in
        five, and a wrong one in six: only rows, which releases really differ in, may add up.
        """
        for where, seen in self._seen.items():
            total, tried = seen.total(), _candidates(seen)
            sound = [one for one in tried if not self._spoilt[where, one]]
            found = list(_cover(seen, sound))
            add_up = all(best and best[0].startswith(_ROW) for best, *_ in found)
            for best, count, left in found:
                if best:
                    sure = count == total or add_up
                    text = "explained by" if sure else "perhaps, in part"
                    text += f": {best[0]}; {count} of {total} differences"
                    text += f"; or by: {'; '.join(best[1:][:_OTHERS])}" if best[1:] else ""
                else:
                    which = f"its {count}" if count == total else f"the other {count}"
                    text = f"no change of the model that was tried explains {which} differences"
                    fields = {one: None for each in left for one in self._fields[where, each]}
                    text += "" if "" in fields else f": all are in {', '.join(fields)}"
                    for words, near in _ranked(left, tried)[:1]:
                        spoilt = self._spoilt[where, words]
                        text += f"; nearest: {words}, which explains {near} and spoils {spoilt}"
                yield Notice("cause", "", text, build=where)


def _fields_alone(result: Result) -> list[str]:
    """The fields that differ where the addresses are the same; none where those differ."""
    sides = (result.native, result.error), (result.model, result.model_error)
    if sides[0] == sides[1]:
        return differing_fields(result.differences)
    bare = [[one.partition("%")[0] for one in order] for order, _ in sides]
    return ["scope id"] if bare[0] == bare[1] and result.error == result.model_error else []


_Seen = Counter[tuple[str, ...]]


def _ranked(seen: _Seen, among: Collection[str] | None = None) -> list[tuple[str, int]]:
    """The changes with how many differences each explains, the most first, then the plainest."""
    counts = Counter[str]()
    for causes_, count in seen.items():
        counts.update(dict.fromkeys(causes_, count))
    return [(one, count) for one, count in counts.most_common() if among is None or one in among]


def _cover(
    seen: _Seen, among: Collection[str] | None = None
) -> Iterator[tuple[tuple[str, ...], int, _Seen]]:
    """One after another the changes that explain most of what is left, and how much.

    Changes that explain as much stand together. The last has none, where something is left.
    """
    while seen:
        ranked = _ranked(seen, among)
        best = tuple(one for one, count in ranked if count == ranked[0][1])
        yield best, ranked[0][1] if best else seen.total(), seen
        seen = Counter({one: count for one, count in seen.items() if best and best[0] not in one})


def _candidates(seen: _Seen) -> tuple[str, ...]:
    first = (one for one, _ in _ranked(seen)[:_TRIED])
    return tuple(dict.fromkeys((*(one for best, *_ in _cover(seen) for one in best), *first)))


@cache
def changes_for(dialect: Dialect) -> dict[str, Alter]:
    """All changes that are tried on a glibc of a dialect, by their words, the plainest first."""
    return dict((
        *_rows(dialect), *_rules(), *_tables(), *_lines(), *_host(), *_flags(),
        ("the answer is not sorted", partial(_model, sort=lambda items, _: list(items))),
        ("another stable sort", partial(_model, sort=insertion_sort)),
        ("the other DNS reply comes first", _other_reply),
    ))  # fmt: skip


def _model(question: ModelQuestion, **parts: Any) -> ModelQuestion:
    return replace(question, model=replace(question.model, **parts))


def _rows(dialect: Dialect) -> Iterator[tuple[str, Alter]]:
    evidence = {(row.feature, row.value): row.evidence for row in ROWS}
    for feature, other in turned(dialect).items():
        value = getattr(other, feature)
        words = f"{_ROW}{feature}={shown(value)} ({evidence[feature, value]})"
        yield words, partial(replace, dialect=other)


def _rules() -> Iterator[tuple[str, Alter]]:
    def altered(number: int, **fields: Any) -> Alter:
        rules = tuple(replace(one, **fields) if one.number == number else one for one in RULES)
        return partial(_model, rules=rules)

    for rule in RULES[:-1]:
        name = f"rule {rule.number} ({rule.title})"
        yield f"{name} is left out", partial(_model, rules=tuple(r for r in RULES if r != rule))
        yield f"{name} is turned round", altered(rule.number, smaller=not rule.smaller)
        within = partial(_within_family, rule, (4, 6))
        yield f"{name} is skipped between families", altered(rule.number, values=within)
        yield (
            f"{name} is asked of reachable ones only",
            altered(rule.number, values=of_reached(rule).values),
        )
    yield "rule 10 (leave the order unchanged) is turned round", altered(10, smaller=False)
    nine = RULES[8]
    for version in (4, 6):
        other = partial(_within_family, nine, (10 - version,))
        yield f"rule 9 ({nine.title}) skips IPv{version}", altered(9, values=other)
    yield (
        f"rule 9 ({nine.title}) compares across families",
        altered(9, values=lambda a, b: (a.common_prefix, b.common_prefix)),
    )
    for at, rule in enumerate(RULES):
        for before in range(at - 1, -1, -1):
            moved = (*RULES[:before], rule, *RULES[before:at], *RULES[at + 1 :])
            words = f"rule {rule.number} is read before rule {RULES[before].number}"
            yield words, partial(_model, rules=moved)


def _within_family(
    rule: Rule, versions: Sequence[int], a: Destination, b: Destination
) -> tuple[int, int]:
    alike = a.address.version == b.address.version and a.address.version in versions
    return rule.values(a, b) if alike else (0, 0)


def _tables() -> Iterator[tuple[str, Alter]]:
    yield "RFC 6724's labels", _default("labels", RFC6724.policy.labels)
    yield "RFC 6724's precedences", _default("precedence", RFC6724.policy.precedence)
    for table, keyword in _TABLES.items():
        entries = _DEFAULTS[table]
        for at, entry in enumerate(entries):
            shown = _network(entry)
            before, after = entries[:at], entries[at + 1 :]
            if entry.bits:  # every table ends with a default
                words = f"the default table has no {keyword} of {shown}"
                yield words, _default(table, (*before, *after))
            for value in _values(table) - {entry.value}:
                words = f"the default {keyword} of {shown} is {value}, not {entry.value}"
                changed = entry._replace(value=value)
                yield words, _default(table, (*before, changed, *after))


def _default(table: str, entries: Sequence[PrefixEntry]) -> Alter:
    def changed(policy: Policy) -> Policy:
        # only where no line of gai.conf has replaced it
        own = getattr(policy, table) == _DEFAULTS[table]
        more: dict[str, Any] = {table: tuple(entries)}
        return replace(policy, **more) if own else policy

    return partial(_model, policy=changed)


def _network(entry: PrefixEntry) -> str:
    address = (IPv4Address if entry.width == 32 else IPv6Address)(entry.prefix)
    return prefix_text(address, entry.bits)


def _values(table: str) -> set[int]:
    """The values of a default table, and one of each rank between, below and above them."""
    known = {entry.value for entry in _DEFAULTS[table]}
    if table == "precedence":
        return known | {value - 5 for value in known} | {100}
    return known | ({5} if table == "scopes" else {9})


def _lines() -> Iterator[tuple[str, Alter]]:
    yield "gai.conf is not read", partial(replace, gai_conf=None)
    yield "gai.conf is read anew each time", lambda asked: replace(asked, gai_conf=asked.now)
    yield "gai.conf is read only once", lambda asked: replace(asked, gai_conf=asked.first)
    for table, keyword in _TABLES.items():
        default: dict[str, Any] = {table: _DEFAULTS[table]}
        ignored = partial(replace, **default)
        yield f"{keyword} lines of gai.conf are ignored", partial(_model, policy=ignored)
    yield "the default tables stay beside gai.conf's lines", partial(_model, policy=_beside)
    yield "the shortest prefix counts", partial(_model, policy=partial(_each_table, _turned_round))
    last = partial(_model, policy=partial(_each_table, _last_first))
    yield "of lines with one prefix the last counts", last


def _each_table(
    change: Callable[[Sequence[PrefixEntry]], tuple[PrefixEntry, ...]], policy: Policy
) -> Policy:
    changed: dict[str, Any] = {table: change(getattr(policy, table)) for table in _TABLES}
    return replace(policy, **changed)


def _turned_round(entries: Sequence[PrefixEntry]) -> tuple[PrefixEntry, ...]:
    return tuple(entries[::-1])


def _last_first(entries: Sequence[PrefixEntry]) -> tuple[PrefixEntry, ...]:
    return tuple(sorted(entries, key=lambda entry: entry.bits))[::-1]


def _beside(policy: Policy) -> Policy:
    both = {table: {*getattr(policy, table), *_DEFAULTS[table]} for table in _TABLES}
    changed: dict[str, Any] = {
        table: tuple(sorted(entries, key=lambda entry: -entry.bits))
        for table, entries in both.items()
    }
    return replace(policy, **changed)


def _host() -> Iterator[tuple[str, Alter]]:
    yield "the address dump is thrown away", partial(_addresses, lambda _: ())
    yield (
        "the address dump is kept without an IPv6 address",
        partial(_addresses, lambda rows: (*rows, _FAR)),
    )
    yield "the last of equal addresses counts", partial(_addresses, lambda rows: rows[::-1])
    yield (
        "addresses are found by IFA_LOCAL",
        partial(
            _addresses,
            lambda rows: (replace(row, address=row.local or row.address) for row in rows),
        ),
    )
    yield (
        "every prefix length is 0",
        partial(_addresses, lambda rows: (replace(row, prefixlen=0) for row in rows)),
    )
    for name, flag in _ADDRESS_FLAGS.items():
        for effect, words in ((0, "are not told apart"), (IFA_F_DEPRECATED, "count as deprecated")):
            as_such = partial(_flagged, flag, effect)
            yield f"{name} addresses {words}", partial(_addresses, as_such)
    yield "every interface is native", _all_native
    yield "no destination is reached", _none_reached


def _addresses(
    change: Callable[[Sequence[AddressRow]], Iterable[AddressRow]], question: ModelQuestion
) -> ModelQuestion:
    addresses = tuple(change(question.view.addresses))
    return replace(question, view=replace(question.view, addresses=addresses))


def _flagged(flag: int, effect: int, rows: Sequence[AddressRow]) -> Iterator[AddressRow]:
    for row in rows:
        yield replace(row, flags=row.flags & ~flag | effect) if row.flags & flag else row


def _all_native(question: ModelQuestion) -> ModelQuestion:
    links = tuple(replace(link, type=_ARPHRD_ETHER) for link in question.view.links)
    return replace(question, view=replace(question.view, links=links))


def _none_reached(question: ModelQuestion) -> ModelQuestion:
    routes = {target: Route(None) for target in question.view.routes}
    return replace(question, view=replace(question.view, routes=routes))


def _flags() -> Iterator[tuple[str, Alter]]:
    for name, flag in FLAGS.items():
        yield f"{name} is ignored", partial(_unasked, flag)


def _unasked(flag: int, question: ModelQuestion) -> ModelQuestion:
    request = replace(question.request, flags=question.request.flags & ~flag)
    return replace(question, request=request)


def _other_reply(question: ModelQuestion) -> ModelQuestion:
    other: Record = "AAAA" if question.names.first_reply == "A" else "A"
    return replace(question, names=replace(question.names, first_reply=other))


def insertion_sort(items: Sequence[Destination], compare: Compare) -> list[Destination]:
    """Stable too, but not glibc's: where the comparison is no order it ends otherwise."""
    done: list[Destination] = []
    for item in items:
        at = len(done)
        while at and compare(item, done[at - 1]) < 0:
            at -= 1
        done.insert(at, item)
    return done
