"""Which rule stands in the way of a wished order, and what can be done instead. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.advice.suggest.goal import Pair, pairs, satisfiable, states
from harness.model.explain import describe
from harness.model.host import Target
from harness.model.order import RULES, Destination, compare_pair


@dataclass(frozen=True, slots=True)
class Blocker:
    """Why ``first`` cannot be put before ``second``.

    ``rule`` is the rule that no gai.conf can turn, None where each pair could be put right
    alone but not all together. ``steps`` says rule by rule what is so and what could be
    changed; ``remedies`` what can be done outside gai.conf.
    """

    first: str
    second: str
    rule: int | None
    why: str
    steps: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()


def find_blockers(
    known: Sequence[dict[Target, Destination]], wanted: Sequence[Target], others: Sequence[Target],
    scopes_free: bool = True,
) -> tuple[Blocker, ...]:  # fmt: skip
    """The pairs of a wish that cannot be had, or the one pair at which they contradict."""
    found = [
        _alone(known, pair, scopes_free)
        for pair in pairs(wanted, others)
        if satisfiable(known, pair[:1], pair[1:], scopes_free) is None
    ]
    if found:
        return tuple(found)
    for number in range(1, len(wanted) + 1):
        for end in range(len(others) + 1):
            if satisfiable(known, wanted[:number], others[:end], scopes_free) is None:
                last = others[end - 1] if end else wanted[number - 1]
                first = wanted[number - 1] if end else wanted[number - 2]
                return (_together(known[0], first, last),)
    return ()


def _alone(known: Sequence[dict[Target, Destination]], pair: Pair, scopes_free: bool) -> Blocker:
    first, second = pair
    for one in known:
        a, b = one[first], one[second]
        rule, steps = _walk(a, b, scopes_free)
        if rule is not None:
            title = RULES[rule - 1].title
            why = (
                f"rule {rule} ({title}): {first} {describe(rule, a)}, {second} {describe(rule, b)}"
            )
            return Blocker(str(first), str(second), rule, why, steps, _remedies(rule, a, b))
    a, b = known[0][first], known[0][second]
    if first.address == second.address:
        decision = compare_pair(b, a)
        why = f"one address in two zones, which no line tells apart; {decision.why}"
        return Blocker(
            str(first), str(second), decision.rule, why, (), _remedies(decision.rule, a, b)
        )
    # no single case forbids it: two cases contradict each other
    why = "the versions of glibc differ: what one of them needs another forbids"
    return Blocker(str(first), str(second), None, why, (), _remedies(0, a, b))


def _walk(a: Destination, b: Destination, scopes_free: bool) -> tuple[int | None, tuple[str, ...]]:
    """The first rule for ``b`` that no gai.conf turns, None if there is none; and the way there."""
    steps: list[str] = []
    for rule in RULES[:5]:
        verdict = rule.compare(a, b)
        words = f"rule {rule.number}: {a.address} {describe(rule.number, a)}, "
        words += f"{b.address} {describe(rule.number, b)}"
        for_a, tie = _reach(rule.number, a, b, verdict, scopes_free)
        if for_a:
            return None, ()
        if verdict == 0:
            steps.append(f"{words}: a tie, and no gai.conf makes it prefer {a.address}")
        elif tie:
            steps.append(f"{words}: can be made a tie by {_table(rule.number)} lines, not more")
        else:
            steps.append(f"{words}: stands in the way, and no gai.conf changes that")
            return rule.number, tuple(steps)
    return None, tuple(steps)


def _table(rule: int) -> str:
    return "scopev4" if rule == 2 else "label"


def _reach(
    rule: int, a: Destination, b: Destination, verdict: int, scopes_free: bool
) -> tuple[bool, bool]:
    """Whether gai.conf can make a rule prefer ``a``, and whether it can make it tie."""
    if rule not in (2, 5) or not (a.reachable and b.reachable):
        return verdict < 0, verdict == 0
    free = rule == 5 or scopes_free
    can_a, can_b = states(a, rule, free), states(b, rule, free)
    joint = [
        (one, two) for one in can_a for two in can_b
        if one == two or not _bound(rule, a, b)
    ]  # fmt: skip
    return (True, False) in joint, any(one == two for one, two in joint)


def _bound(rule: int, a: Destination, b: Destination) -> bool:
    """True when both match or neither does: they have the same two ends."""
    if rule == 2 and (a.address.version == 6 or b.address.version == 6):
        return False
    return {a.address, a.source} == {b.address, b.source}


def _together(known: dict[Target, Destination], first: Target, second: Target) -> Blocker:
    why = (
        "every pair could be put right alone, but not all at once: the destinations share "
        "addresses with each other's sources, so that making one match makes another match"
    )
    return Blocker(
        str(first), str(second), None, why, (), _remedies(0, known[first], known[second])
    )


def _remedies(rule: int, a: Destination, b: Destination) -> tuple[str, ...]:
    """What can be done outside gai.conf, the nearest to the cause first."""
    found = []
    if rule == 1:
        found.append(f"a route to {a.address} and a source address for it")
    if rule == 2:
        found.append(
            f"a source address of scope {a.scope} for {a.address} (an address on "
            "the interface of its route, or `src` in the route)"
        )
    if rule == 3:
        found.append(
            f"a source for {a.address} that is not deprecated: renew the preferred lifetime "
            f"of {a.source}, or name another address as `src` in the route"
        )
    if rule == 4:
        found.append(f"the home flag for {a.source} (`ip address … home`), or none for {b.source}")
    if rule == 5:
        found.append(f"another source address for {a.address} (`src` in the route)")
    if a.address.version != b.address.version:
        family = "AF_INET" if a.address.version == 4 else "AF_INET6"
        found.append(f"asking for {family} only, where the program can be told to")
    found.append(f"taking {b.address} out of the name, or a name of its own for {a.address}")
    found.append(f"naming the address itself, as `--node-ip={a.address}` does for a kubelet")
    return tuple(found)
