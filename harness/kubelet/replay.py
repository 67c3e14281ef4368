"""Whether a copy of this host answers as the host does: glibc, Go's own resolver and a kubelet."""

from collections.abc import Iterator, Sequence

from harness.compare.plan import lanes_for
from harness.kubelet.decide import Flags, decide
from harness.kubelet.report import ResolverAnswer
from harness.kubelet.resolver import Chosen, Surroundings, choose_resolver
from harness.kubelet.run import Gathered, in_scenario, on_this_host, surroundings
from harness.live.said import Name, Said, SaidAddress, literal
from harness.model.host import IPAddress
from harness.sandbox import Pool
from harness.scenario import LoadedScenario

_WHO = {"cgo": "glibc", "go": "Go's own resolver"}


def contradictions(loaded: LoadedScenario) -> list[Said]:
    """What a copy of this host would answer otherwise than the host, for each of its names.

    A host that gives another answer a moment later contradicts itself, and not its copy.
    Raises SandboxUnavailable, SandboxError and LaneError where the copy cannot be asked.
    """
    lanes = lanes_for("host", "auto")
    names = dict.fromkeys(one.name for one in loaded.scenario.lookups)
    found: list[Said] = []
    with Pool(1) as pool:
        for name in (one for one in names if one is not None and literal(one) is None):
            there = in_scenario(loaded, lanes, name, pool)
            copied = choose_resolver(name, Surroundings.of(loaded.scenario, name))
            other = [*_other(name, on_this_host(name), there, copied)]
            again = other and [*_other(name, on_this_host(name), there, copied)]
            found += [one for one in other if one in again]
    return found


def _other(name: str, here: Gathered, there: Gathered, copied: Chosen) -> Iterator[Said]:
    for one, other in zip(here.answers, there.answers, strict=True):
        mine, its = _answer(one), _answer(other)
        if mine != its:
            yield _said(name, _WHO[one.resolver], mine, its)
    own = choose_resolver(name, surroundings())
    if own.resolver != copied.resolver:
        asked = (Said(_WHO[each.resolver]) for each in (own, copied))
        yield Said("{}: a kubelet asks {} here, and {} in the copy", Name(name), *asked)
    decided = [
        decide(Flags(name), one.net, next(a for a in one.answers if a.resolver == how.resolver))
        for one, how in ((here, own), (there, copied))
    ]
    if decided[0].addresses != decided[1].addresses:
        mine, its = (_listed(one.addresses) for one in decided)
        yield _said(name, "a kubelet of that name", mine, its)


def _said(name: str, who: str, mine: Said, its: Said) -> Said:
    return Said("{}: {} says {} here, and {} in the copy", Name(name), Said(who), mine, its)


def _answer(one: ResolverAnswer) -> Said:
    if one.error is None:
        return _listed(one.addresses)
    return Said(one.error if one.resolver == "cgo" else "no address")


def _listed(addresses: Sequence[IPAddress]) -> Said:
    shown = [SaidAddress(str(one)) for one in addresses]
    return Said(", ".join("{}" for _ in shown), *shown) if shown else Said("no address")
