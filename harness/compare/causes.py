"""What would explain a disagreement: small changes of the model, tried one after the other. Pure.

A glibc that orders otherwise has, as a rule, one thing in it that is otherwise. Each change here is
such a thing in words; those that turn the model's answer into the native one may be the cause, and
over many disagreements few are left.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from ipaddress import IPv4Address, IPv6Address
from operator import is_not
from typing import Any

from harness.compare import predict
from harness.compare.evidence import Evidence
from harness.compare.predict import ModelParts, Prediction, SortInput
from harness.compare.rule_changes import RuleChange, rule_changes
from harness.compare.verdict import by_server, fits, reading
from harness.model import host
from harness.model.addresses import prefix_text
from harness.model.dialects import ROWS, Dialect, shown, turned
from harness.model.dns_servers import Record
from harness.model.gaiconf import PrefixEntry
from harness.model.host import IFA_F_DEPRECATED, AddressRow, HostView, Route
from harness.model.lookup import NameService, Request
from harness.model.order import Compare, Destination
from harness.model.policy import DEFAULT_LABELS, DEFAULT_PRECEDENCE, DEFAULT_SCOPES, Policy
from harness.model.standards import RFC6724
from harness.native.record import Answer

TABLES = {
    "labels": ("label", DEFAULT_LABELS), "precedence": ("precedence", DEFAULT_PRECEDENCE),
    "scopes": ("scopev4", DEFAULT_SCOPES),
}  # fmt: skip
"""The tables of a policy: the keyword of their lines, and what stands in them without a line."""
_ARPHRD_ETHER = 1
ROW = "the row "
_MOST_TARGETS = 512
_ADDRESS_FLAGS = {
    "secondary": 0x01, "optimistic": host.IFA_F_OPTIMISTIC, "home": host.IFA_F_HOMEADDRESS,
    "deprecated": IFA_F_DEPRECATED, "tentative": 0x40, "permanent": 0x80,
}  # fmt: skip
# an IPv6 address that no source is found by
_FAR = AddressRow(-1, IPv6Address("2001:db8::"), None, 128)


@dataclass(frozen=True, slots=True)
class ModelQuestion:
    """All that the model is asked with; see `predict`.

    ``now`` is gai.conf as the look-up found it, ``first`` as the first look-up of the process did.
    ``of_sort``: what the sort is given, where that is known, and by which objects.
    """

    request: Request
    names: NameService
    view: HostView
    gai_conf: bytes | None
    dialect: Dialect
    now: bytes | None
    first: bytes | None
    model: ModelParts = predict.GLIBC
    of_sort: tuple[tuple[object, ...], SortInput] | None = None

    @classmethod
    def of(cls, evidence: Evidence) -> ModelQuestion:
        """What was asked, of the model as it is."""
        return cls(
            predict.request_for(evidence.lookup), evidence.names, evidence.view,
            reading(evidence).data, evidence.dialect, now=evidence.conf.data,
            first=evidence.before[0][1].data if evidence.before else evidence.conf.data,
        )  # fmt: skip

    def answer(self) -> Prediction:
        """What the model says. Raises KeyError for a destination whose route was not asked for."""
        given = self.request, self.names, self.view, self.gai_conf, self.dialect
        by, known = self.of_sort or ((None,), None)
        if any(map(is_not, self._found_by, by)):  # not the same objects
            known = None
        return predict.predict(*given, self.model, known)

    @property
    def _found_by(self) -> tuple[Request, NameService, HostView, Dialect]:
        return self.request, self.names, self.view, self.dialect

    def with_sort_input(self) -> ModelQuestion:
        """The same question, in which the sort's input is worked out once for all changes."""
        return replace(self, of_sort=(self._found_by, predict.sort_input(*self._found_by)))


Alter = Callable[[ModelQuestion], ModelQuestion]
Changes = Mapping[str, Alter]
Entries = tuple[PrefixEntry, ...]
Rows = tuple[AddressRow, ...]


def causes(
    evidence: Evidence, among: Collection[str] | None = None, changes: Changes | None = None
) -> tuple[str, ...]:
    """The changes of the model, in words, of which each alone gives what glibc answered.

    The plainest comes first. ``among`` are the only ones to try, ``changes`` those to choose from,
    by default `changes_for` the dialect. None is tried for a crash, a
    time-out, or more destinations on the host than a person would look through. Nor is one that
    leaves open what the answer is, unless the model explains the answer without it.
    """
    if evidence.lane.resolver != "glibc":
        return ()
    if not isinstance(evidence.native, Answer) or len(evidence.view.routes) > _MOST_TARGETS:
        return ()
    # chance may have chosen the DNS server that is asked first
    ways = by_server(evidence) or (evidence,)
    questions = [ModelQuestion.of(one).with_sort_input() for one in ways]
    plain = [one.answer() for one in questions]
    agreed = any(fits(evidence, one) for one in plain)
    found = []
    for words, alter in (changes or changes_for(evidence.dialect)).items():
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


@cache
def changes_for(dialect: Dialect) -> dict[str, Alter]:
    """All changes that are tried on a glibc of a dialect, by their words, the plainest first."""
    rules = ((words, with_rules(change)) for words, change in rule_changes())
    flags = ((f"{name} is ignored", _without_flag(flag)) for name, flag in predict.FLAGS.items())
    return dict((
        *_rows(dialect), *rules, *_tables(), *_lines(), *_host(), *flags,
        ("the answer is not sorted", partial(_model, sort=lambda items, _: list(items))),
        ("another stable sort", partial(_model, sort=insertion_sort)),
        ("the other DNS reply comes first", _other_reply),
    ))  # fmt: skip


def _model(question: ModelQuestion, **parts: Any) -> ModelQuestion:
    return replace(question, model=replace(question.model, **parts))


def _view(question: ModelQuestion, **parts: Any) -> ModelQuestion:
    return replace(question, view=replace(question.view, **parts))


def _rows(dialect: Dialect) -> Iterator[tuple[str, Alter]]:
    evidence = {(row.feature, row.value): row.evidence for row in ROWS}
    for feature, other in turned(dialect).items():
        value = getattr(other, feature)
        words = f"{ROW}{feature}={shown(value)} ({evidence[feature, value]})"
        yield words, partial(replace, dialect=other)


def with_rules(change: RuleChange) -> Alter:
    """The model with changed rules."""
    return lambda asked: _model(asked, rules=change(asked.model.rules))


def with_policy(change: Callable[[Policy], Policy]) -> Alter:
    """The model with changed tables."""

    def alter(asked: ModelQuestion) -> ModelQuestion:
        before = asked.model.policy
        return _model(asked, policy=lambda policy: change(before(policy)))

    return alter


def with_tables(change: Callable[[str, Entries], Iterable[PrefixEntry]]) -> Alter:
    """The model with something else in each table, of which the name and the entries are given."""

    def changed(policy: Policy) -> Policy:
        tables: dict[str, Any] = {
            name: tuple(change(name, getattr(policy, name))) for name in TABLES
        }
        return replace(policy, **tables)

    return with_policy(changed)


def _tables() -> Iterator[tuple[str, Alter]]:
    yield "RFC 6724's labels", default_table("labels", RFC6724.policy.labels)
    yield "RFC 6724's precedences", default_table("precedence", RFC6724.policy.precedence)
    for table, (keyword, entries) in TABLES.items():
        for at, entry in enumerate(entries):
            shown = shown_network(entry)
            before, after = entries[:at], entries[at + 1 :]
            if entry.bits:  # every table ends with a default
                words = f"the default table has no {keyword} of {shown}"
                yield words, default_table(table, (*before, *after))
            for value in _values(table) - {entry.value}:
                words = f"the default {keyword} of {shown} is {value}, not {entry.value}"
                changed = entry._replace(value=value)
                yield words, default_table(table, (*before, changed, *after))


def default_table(table: str, other: Entries) -> Alter:
    """The model with other entries in a table that gai.conf leaves as it is."""
    default = TABLES[table][1]
    return with_tables(
        # only where no line of gai.conf has replaced it
        lambda name, own: other if name == table and own == default else own
    )


def shown_network(entry: PrefixEntry) -> str:
    """The prefix of an entry and its length."""
    address = (IPv4Address if entry.width == 32 else IPv6Address)(entry.prefix)
    return prefix_text(address, entry.bits)


def _values(table: str) -> set[int]:
    """The values of a default table, and one of each rank between, below and above them."""
    known = {entry.value for entry in TABLES[table][1]}
    if table == "precedence":
        return known | {value - 5 for value in known} | {100}
    return known | ({5} if table == "scopes" else {9})


def _lines() -> Iterator[tuple[str, Alter]]:
    yield "gai.conf is not read", partial(replace, gai_conf=None)
    yield "gai.conf is read anew each time", lambda asked: replace(asked, gai_conf=asked.now)
    yield "gai.conf is read only once", lambda asked: replace(asked, gai_conf=asked.first)
    for table, (keyword, entries) in TABLES.items():
        default: dict[str, Any] = {table: entries}
        ignored = partial(replace, **default)
        yield f"{keyword} lines of gai.conf are ignored", with_policy(ignored)
    beside = with_tables(
        lambda name, own: sorted({*own, *TABLES[name][1]}, key=lambda entry: -entry.bits)
    )
    yield "the default tables stay beside gai.conf's lines", beside
    yield "the shortest prefix counts", with_tables(lambda _, own: own[::-1])
    last = with_tables(lambda _, own: sorted(own, key=lambda entry: entry.bits)[::-1])
    yield "of lines with one prefix the last counts", last


def _host() -> Iterator[tuple[str, Alter]]:
    yield "the address dump is thrown away", partial(_view, addresses=())
    yield "the address dump is kept without an IPv6 address", _addresses(lambda r: (*r, _FAR))
    yield "the last of equal addresses counts", _addresses(lambda rows: rows[::-1])
    by_local = _each_address(lambda row: replace(row, address=row.local or row.address))
    yield "addresses are found by IFA_LOCAL", by_local
    yield "every prefix length is 0", _each_address(lambda row: replace(row, prefixlen=0))
    for name, flag in _ADDRESS_FLAGS.items():
        for effect, words in ((0, "are not told apart"), (IFA_F_DEPRECATED, "count as deprecated")):
            yield f"{name} addresses {words}", _each_address(partial(_flagged, flag, effect))
    yield (
        "every interface is native",
        lambda asked: _view(
            asked, links=tuple(replace(link, type=_ARPHRD_ETHER) for link in asked.view.links)
        ),
    )
    yield (
        "no destination is reached",
        lambda asked: _view(asked, routes=dict.fromkeys(asked.view.routes, Route(None))),
    )


def _addresses(change: Callable[[Rows], Rows]) -> Alter:
    return lambda asked: _view(asked, addresses=change(asked.view.addresses))


def _each_address(change: Callable[[AddressRow], AddressRow]) -> Alter:
    return _addresses(lambda rows: tuple(map(change, rows)))


def _flagged(flag: int, effect: int, row: AddressRow) -> AddressRow:
    return replace(row, flags=row.flags & ~flag | effect) if row.flags & flag else row


def _without_flag(flag: int) -> Alter:
    def alter(asked: ModelQuestion) -> ModelQuestion:
        return replace(asked, request=replace(asked.request, flags=asked.request.flags & ~flag))

    return alter


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
