"""On how many drawn hosts two resolvers put another address first, and by which rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, count, islice

from harness.compare.changes import decision_between
from harness.compare.fuzz.hostwork import HostWork
from harness.compare.predict import Prediction, name_service, predict, predict_other
from harness.model.dialects import dialect
from harness.model.lookup import Request
from harness.model.netdb import AF, SOCK
from harness.sandbox import Box, Pool, SandboxError
from harness.scenario.fuzz import Batch, draw_batch
from harness.scenario.schema import Lookup
from harness.versions import ResolverName

Versions = Mapping[ResolverName, str]
"""The version of each resolver that is compared."""


@dataclass(frozen=True, slots=True)
class Share:
    """Of ``asked`` look-ups with several addresses, those that two resolvers begin otherwise.

    ``causes`` count the rules that put each one's first address before the other's.
    """

    asked: int
    differing: int
    causes: Counter[tuple[str, str]]


def batches(seed: int) -> Iterator[Batch]:
    """The hosts of the fuzzer whose names every resolver can be asked: from a file or by DNS."""
    drawn = (draw_batch(seed, number) for number in count())
    return (one for one in drawn if one.resolver in ("files", "dns") and one.netlink == "allowed")


Pair = tuple[ResolverName, ResolverName]


def shares(versions: Versions, hosts: int, seed: int) -> dict[Pair, Share]:
    """Draw hosts, look every name up once without hints but a stream socket, compare the firsts.

    A host that the kernel refuses is passed over. The models speak, which the fuzzer holds to the
    real resolvers on the same hosts.
    """
    found: dict[Pair, Share] = {}
    pairs = list(combinations(versions, 2))
    with Pool(2) as pool:
        specs = [(one, dict(versions)) for one in islice(batches(seed), hosts)]
        for outcome in pool.outcomes(ask, specs):
            if outcome.error is not None and not isinstance(outcome.error, SandboxError):
                raise outcome.error
            for said in outcome.values:
                for one, other in pairs:
                    old = found.get((one, other), Share(0, 0, Counter()))
                    cause = said.get((one, other))
                    causes = old.causes + Counter([cause] if cause else [])
                    found[one, other] = Share(old.asked + 1, sum(causes.values()), causes)
    return found


Said = dict[Pair, tuple[str, str]]
"""For two resolvers that begin otherwise, why each puts its first address before the other's."""


def ask(box: Box, spec: tuple[Batch, dict[ResolverName, str]]) -> Iterator[Said]:
    """In a sandbox: for each name with several addresses, who begins otherwise, and why."""
    batch, versions = spec
    box.build(batch.host)
    names = [name for name in batch.names if name.startswith("n")]
    lookups = tuple(Lookup(name=name) for name in names)
    glibc = dialect(versions["glibc"])
    others = [(name, version) for name, version in versions.items() if name != "glibc"]
    box.set_names(batch.names, batch.resolver, batch.first_reply)
    work = HostWork(box, replace(batch, lookups=lookups, rounds=()), [glibc], others)
    service = name_service(batch.names, batch.resolver, batch.first_reply, work.view)
    for name in names:
        request = Request(name, None, AF.UNSPEC, SOCK.STREAM, 0, 0)
        found = {"glibc": predict(request, service, work.view, None, glibc)}
        for other, version in others:
            found[other] = predict_other(request, service, work.view, other, version)
        if all(len({item.target for item in one.items}) > 1 for one in found.values()):
            yield {
                (one, other): why
                for one, other in combinations(versions, 2)
                if (why := _reasons(found[one], found[other]))
            }


def _reasons(one: Prediction, other: Prediction) -> tuple[str, str] | None:
    first, second = (str(each.items[0].target) for each in (one, other))
    if first == second:
        return None
    return _rule(one, first, second), _rule(other, second, first)


def _rule(prediction: Prediction, before: str, after: str) -> str:
    if after not in {str(item.target) for item in prediction.items}:
        return "lacks the other's"
    decision = decision_between(prediction, before, after)
    return "not sorted" if decision is None else f"rule {decision.rule}"


def percent(share: Share) -> str:
    """The part that differs: ``12.3 %``."""
    return f"{100 * share.differing / max(share.asked, 1):.1f} %"


def main_causes(share: Share, names: Sequence[str], most: int = 3) -> str:
    """The pairs of rules that explain most, each with its part of what differs."""
    one, other = names
    return "; ".join(
        f"{one} {rules[0]}, {other} {rules[1]}: {100 * number / share.differing:.0f} %"
        for rules, number in share.causes.most_common(most)
    )
