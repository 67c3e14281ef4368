"""What the model says of one look-up: the whole list of addrinfos in order, or the error."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

from harness.model.dialects import Dialect
from harness.model.gaiconf import Line
from harness.model.host import HostView
from harness.model.lookup import Found, Item, NameService, Request, find
from harness.model.order import RULES, Candidate, Order, Rule, Sort, merge_sort, order_for
from harness.model.policy import Policy
from harness.model.table import address_table, candidates

# Every subset of this many lines is tried; beyond it, none or all of them.
_MOST_UNDEFINED = 6


@dataclass(frozen=True, slots=True)
class Prediction:
    """The model's answer. ``order`` is None where getaddrinfo would not sort.

    ``alternatives`` are further orders a glibc may give where the file's effect is
    undefined; ``undefined`` names the lines.
    """

    items: tuple[Item, ...]
    error: str | None
    order: Order | None
    undefined: tuple[Line, ...] = ()
    alternatives: tuple[tuple[Item, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class ModelParts:
    """The parts of the model that can be replaced to show that each of them matters."""

    rules: tuple[Rule, ...] = RULES
    sort: Sort = merge_sort


GLIBC = ModelParts()
"""The model as it is meant: nothing replaced."""


def predict(
    request: Request,
    service: NameService,
    view: HostView,
    gai_conf: bytes | None,
    dialect: Dialect,
    model: ModelParts = GLIBC,
) -> Prediction:
    """Predict one look-up on one host under one gai.conf for one glibc."""
    found, known = sort_input(request, service, view, dialect)
    if not known:
        return Prediction(found.items, found.error, None)

    def ordered(honoured: frozenset[int]) -> tuple[Order, Policy]:
        policy = Policy.build(gai_conf, dialect, honour_undefined=honoured)
        return order_for(known, policy, dialect, rules=model.rules, sort=model.sort), policy

    order, policy = ordered(frozenset())
    alternatives = tuple(
        _pick(found.items, ordered(chosen)[0]) for chosen in _choices(policy.undefined)
    )
    return Prediction(_pick(found.items, order), None, order, policy.undefined, alternatives)


def sort_input(
    request: Request, service: NameService, view: HostView, dialect: Dialect
) -> tuple[Found, list[Candidate]]:
    """What is found before the sort, and what the sort is given: nothing where there is none."""
    table = address_table(view.addresses)
    found = find(request, service, table.seen_ipv4, table.seen_ipv6, dialect)
    targets = [item.target for item in found.items] if found.needs_sort else []
    return found, candidates(targets, view, dialect, table)


def _choices(undefined: tuple[Line, ...]) -> list[frozenset[int]]:
    """Which of the undefined lines a glibc may happen to honour: any, if they are not many."""
    numbers = [line.number for line in undefined]
    if len(numbers) > _MOST_UNDEFINED:
        return [frozenset(numbers)]
    return [
        frozenset(chosen)
        for size in range(1, len(numbers) + 1)
        for chosen in combinations(numbers, size)
    ]


def _pick(items: tuple[Item, ...], order: Order) -> tuple[Item, ...]:
    return tuple(items[facts.position] for facts in order.ranked)
