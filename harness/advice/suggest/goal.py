"""What a wished order demands of rules 1 to 5, and which of them stands in its way. Pure.

Rule 2 can be turned for IPv4 (scopev4), rule 5 for all (label): whether an address matches its
source is free, but equal addresses always do. What ties is left to rule 6, which can do all.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, product
from typing import Self

from harness.advice.suggest.lines import Prefix
from harness.model import Candidate, Destination, Dialect, Policy
from harness.model.addresses import as_ipv6_int, needs_scope, parse
from harness.model.explain import describe
from harness.model.host import IPAddress, Target
from harness.model.order import RULES, compare_pair, decide, glibc_destination

Pair = tuple[Target, Target]
Choice = dict[Target, tuple[bool, bool]]
"""Which reachable destinations match their source's scope (IPv4) and label."""


@dataclass(frozen=True, slots=True)
class LookupCase:
    """One look-up in one dialect: the candidates in the order the name service gave them."""

    name: str
    dialect: Dialect
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class OwnNetworks:
    """What a host has: addresses, from which it may ask, and networks it knows, as 128 bits.

    ``ipv6_off`` are the sysctls that switch IPv6 off.
    """

    addresses: tuple[IPAddress, ...] = ()
    networks: tuple[Prefix, ...] = ()
    ipv6_off: tuple[str, ...] = ()


def known_facts(case: LookupCase, policy: Policy) -> dict[Target, Destination]:
    """The facts of every different destination, at its first place in the answer."""
    found: dict[Target, Destination] = {}
    for position, candidate in enumerate(case.candidates):
        target = Target(parse(candidate.destination), candidate.scope_id)
        if target not in found:
            found[target] = glibc_destination(candidate, position, policy, case.dialect)
    return found


def matches(item: Destination, rule: int) -> bool:
    """True when destination and source have the same scope (rule 2) or label (rule 5)."""
    return item.scope == item.source_scope if rule == 2 else item.label == item.source_label


def pairs(wanted: Sequence[Target], others: Sequence[Target]) -> Iterator[Pair]:
    """Every pair of which the wish says which comes first."""
    for number, first in enumerate(wanted):
        for second in (*wanted[number + 1 :], *others):
            yield first, second


def early_verdict(a: Destination, b: Destination) -> tuple[int, int]:
    """Rules 1 to 5: below 0 the first is preferred, 0 they tie; and the number of the rule."""
    verdict, rule = decide(a, b, RULES[:5])
    return verdict, rule.number if verdict else 0


def late_verdict(a: Destination, b: Destination) -> int:
    """Rules 7 to 10, which decide between equal precedences."""
    return decide(a, b, RULES[6:])[0]


Demand = tuple[int, int, bool]
"""The precedence of the first address must be at least that of the second, or (True) above it."""


def demands(
    known: dict[Target, Destination], wanted: Sequence[Target], others: Sequence[Target]
) -> tuple[Demand, ...] | None:
    """What the wish demands of rule 6 in one case; None where rules 1 to 5 are against it."""
    found: dict[tuple[int, int], bool] = {}
    for a, b in pairs(wanted, others):
        verdict, _ = early_verdict(known[a], known[b])
        if verdict > 0:
            return None
        if verdict == 0:
            key = as_ipv6_int(a.address), as_ipv6_int(b.address)
            found[key] = found.get(key, False) or late_verdict(known[a], known[b]) > 0
    return tuple((*key, above) for key, above in found.items())


def classes(matching: Sequence[tuple[int, int]], keys: Iterable[int]) -> dict[int, int]:
    """A number for each key: equal for the ends of every pair, different where nothing asks."""
    number = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    for a, b in matching:
        old, new = number[a], number[b]
        number = {key: new if place == old else place for key, place in number.items()}
    return number


def satisfiable(
    known: Sequence[dict[Target, Destination]], wanted: Sequence[Target], others: Sequence[Target],
    scopes_free: bool = True, labels_free: bool = True,
) -> Choice | None:  # fmt: skip
    """The choice, nearest to the present one, for which rules 1 to 5 leave the wish open.

    Parameters: ``known`` the facts of each case; ``scopes_free`` and ``labels_free`` whether
    scopev4 and label lines may be used. None when no table makes it so: every choice is tried.
    """
    first = known[0]
    order = [target for target in (*wanted, *others) if first[target].reachable]
    for one in known:
        if any(not one[a].reachable and one[b].reachable for a, b in pairs(wanted, others)):
            return None
    ends = [target for target in order if target in set(wanted)]
    chosen: Choice = {}

    def fits(target: Target, option: tuple[bool, bool]) -> bool:
        # whatever comes before stands in order already, so the last of it is the lowest
        before = [one for one in ends if one in chosen][-1:]
        # one address in two zones: no line tells the two apart, rules 7 to 10 do
        twins = [
            one for one in ends
            if one.address == target.address and one != target and chosen.get(one) == option
        ]  # fmt: skip
        return not any(
            any(_key(one[other], chosen[other]) < _key(one[target], option) for other in before)
            or any(_tied(one[other], one[target]) for other in twins)
            for one in known
        )

    def consistent() -> bool:
        """True when one table of each kind can make so many ends equal and the others different."""
        for kind in (0, 1):
            ends_of: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
            for target, option in chosen.items():
                item = first[target]
                if item.source is not None and (kind == 1 or item.address.version == 4):
                    both = as_ipv6_int(item.address), as_ipv6_int(item.source)
                    ends_of[option[kind]].append(both)
            number = classes(ends_of[True], chain(*ends_of[True], *ends_of[False]))
            if any(number[a] == number[b] for a, b in ends_of[False]):
                return False
        return True

    def search(number: int) -> bool:
        if number == len(order):
            return True
        target = order[number]
        item = first[target]
        for option in product(states(item, 2, scopes_free), states(item, 5, labels_free)):
            if fits(target, option):
                chosen[target] = option
                if consistent() and search(number + 1):
                    return True
                del chosen[target]
        return False

    return chosen if search(0) else None


def _tied(a: Destination, b: Destination) -> bool:
    """True when equal choices leave the two to rules 7 to 10, and these prefer ``b``."""
    present = matches(a, 2), matches(a, 5)
    return _key(a, present) == _key(b, present) and late_verdict(a, b) > 0


def _key(item: Destination, option: tuple[bool, bool]) -> tuple[bool, ...]:
    """Rules 2 to 5 of a reachable destination as one value; the higher comes first."""
    return option[0], not item.deprecated, item.home, option[1]


def states(item: Destination, rule: int, free: bool) -> tuple[bool, ...]:
    """Whether it can match in rule 2 or 5, the present state first; ``free`` to add lines."""
    now = matches(item, rule)
    fixed = not free or item.address == item.source or (rule == 2 and item.address.version == 6)
    return (now,) if fixed else (now, not now)


@dataclass(frozen=True, slots=True)
class Blocker:
    """Why ``first`` cannot be put before ``second``.

    ``rule`` is the one that no gai.conf turns, None where the pairs contradict each other.
    ``steps`` says rule by rule what is so; ``remedies`` what can be done outside gai.conf.
    """

    first: str
    second: str
    rule: int | None
    why: str
    steps: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()

    def on(self, host: OwnNetworks) -> Self:
        """With what stands in the way on the host before any route can help."""
        if self.rule != 1 or ":" not in self.first or not host.ipv6_off:
            return self
        off = ", ".join(host.ipv6_off)
        return replace(self, remedies=(f"IPv6, which is switched off by {off}", *self.remedies))


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
                why = (
                    "every pair could be put right alone, but not all at once: the destinations"
                    " share addresses with each other's sources, so that making one match makes"
                    " another match"
                )
                return (_blocker(known[0][first], known[0][last], None, why),)
    return ()


def _alone(known: Sequence[dict[Target, Destination]], pair: Pair, scopes_free: bool) -> Blocker:
    first, second = pair
    for one in known:
        a, b = one[first], one[second]
        rule, steps = _walk(a, b, scopes_free)
        if rule is not None:
            why = f"rule {rule} ({RULES[rule - 1].title}): {first} {describe(rule, a)}"
            return _blocker(a, b, rule, f"{why}, {second} {describe(rule, b)}", steps)
    a, b = known[0][first], known[0][second]
    if first.address == second.address:
        decision = compare_pair(b, a)
        why = f"one address in two zones, which no line tells apart; {decision.why}"
        return _blocker(a, b, decision.rule, why)
    # no single case forbids it: two cases contradict each other
    return _blocker(
        a, b, None, "the versions of glibc differ: what one of them needs another forbids"
    )


def _walk(a: Destination, b: Destination, scopes_free: bool) -> tuple[int | None, tuple[str, ...]]:
    """The first rule for ``b`` that no gai.conf turns, None if there is none; and the way there."""
    steps: list[str] = []
    for rule in RULES[:5]:
        number, verdict = rule.number, rule.compare(a, b)
        lacking = " (a scope id is missing)" if number == 1 and _lacks_scope(a) else ""
        words = f"rule {number}: {a.address} {describe(number, a)}{lacking}, "
        words += f"{b.address} {describe(number, b)}"
        for_a, tie = _reach(number, a, b, verdict, scopes_free)
        if for_a:
            return None, ()
        if verdict == 0:
            steps.append(f"{words}: a tie, and no gai.conf makes it prefer {a.address}")
        elif tie:
            table = "scopev4" if number == 2 else "label"
            steps.append(f"{words}: can be made a tie by {table} lines, not more")
        else:
            return number, (*steps, f"{words}: stands in the way, and no gai.conf changes that")
    return None, tuple(steps)


def _lacks_scope(item: Destination) -> bool:
    """True for an address of a link that the kernel refuses, not knowing on which link it is."""
    return needs_scope(item.address) and not item.target.scope_id and not item.reachable


def _reach(
    rule: int, a: Destination, b: Destination, verdict: int, scopes_free: bool
) -> tuple[bool, bool]:
    """Whether gai.conf can make a rule prefer ``a``, and whether it can make it tie."""
    if rule not in (2, 5) or not (a.reachable and b.reachable):
        return verdict < 0, verdict == 0
    # with the same two ends both match or neither does; scopes of IPv6 are fixed
    bound = {a.address, a.source} == {b.address, b.source} and not (
        rule == 2 and 6 in (a.address.version, b.address.version)
    )
    free = rule == 5 or scopes_free
    options = product(states(a, rule, free), states(b, rule, free))
    joint = [(one, two) for one, two in options if one == two or not bound]
    return (True, False) in joint, any(one == two for one, two in joint)


def _blocker(
    a: Destination, b: Destination, rule: int | None, why: str, steps: tuple[str, ...] = ()
) -> Blocker:
    """With what can be done outside gai.conf, the nearest to the cause first."""
    route = f"a route to {a.address} and a source address for it"
    if _lacks_scope(a):
        route = (
            f"a scope id, as in {a.address}%eth0: hosts files and DNS cannot carry one, services"
            " such as resolve, myhostname and mdns give it"
        )
    of_rule = {
        1: route,
        2: f"a source address of scope {a.scope} for {a.address} (an address on "
        "the interface of its route, or `src` in the route)",
        3: f"a source for {a.address} that is not deprecated: renew the preferred lifetime "
        f"of {a.source}, or name another address as `src` in the route",
        4: f"the home flag for {a.source} (`ip address … home`), or none for {b.source}",
        5: f"another source address for {a.address} (`src` in the route)",
    }
    remedies = [of_rule[rule]] if rule in of_rule else []
    if a.address.version != b.address.version:
        family = "AF_INET" if a.address.version == 4 else "AF_INET6"
        remedies.append(f"asking for {family} only, where the program can be told to")
    remedies.append(f"taking {b.address} out of the name, or a name of its own for {a.address}")
    remedies.append(f"naming the address itself, as `--node-ip={a.address}` does for a kubelet")
    return Blocker(str(a.target), str(b.target), rule, why, steps, tuple(remedies))
