"""Whether a snapshot's copy behaves as the host: built in a sandbox and compared.

What the kernel of the copy says of addresses, links and sources is held against what the
host's own kernel says, so that a snapshot that leaves something out says what it changes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from harness.kernel.netlink import Netlink
from harness.kernel.observe import observe
from harness.live.said import Said, SaidAddress, SaidLink
from harness.model.address_table import NOT_NATIVE
from harness.model.addresses import parse_target
from harness.model.host import (
    IFA_F_DEPRECATED,
    IFA_F_HOMEADDRESS,
    IFA_F_OPTIMISTIC,
    HostView,
    Target,
)
from harness.sandbox import Box, Pool
from harness.sandbox.values import PEER_INDEX
from harness.scenario import Scenario
from harness.scenario.schema import Host

_SEEN_FLAGS = IFA_F_OPTIMISTIC | IFA_F_HOMEADDRESS | IFA_F_DEPRECATED  # what glibc looks at


Seen = Mapping[Said, Said]
"""What a host shows, in words that do not depend on the interfaces' indexes."""


def seen(scenario: Scenario, netlink: Netlink) -> Seen:
    """What the host that ``netlink`` reads shows of the addresses of its snapshot."""
    return _seen(lambda targets: observe(netlink, targets), _destinations(scenario))


def differences(scenario: Scenario, here: Seen) -> list[Said]:
    """What is otherwise in the copy, in words; empty when nothing is.

    ``scenario`` is a snapshot of the host, ``here`` what is `seen` there. Raises SandboxError where
    the copy cannot be built, SandboxUnavailable where none can be made.
    """
    with Pool() as pool:
        (there,) = pool.run(_replayed, (scenario.host, _destinations(scenario)))
    nothing = Said("nothing")
    other = [
        Said("{}: {} on the host, {} in the copy", what, mine, there.get(what, nothing))
        for what, mine in here.items()
        if there.get(what) != mine
    ]
    return other + [Said("{}: only in the copy", what) for what in there if what not in here]


def _destinations(scenario: Scenario) -> list[str]:
    service = scenario.name_service
    held = {} if service is None else service.addresses()
    return list(dict.fromkeys(text for each in held.values() for text in each))


def _replayed(box: Box, spec: tuple[Host, list[str]]) -> Iterator[Seen]:
    host, texts = spec
    box.build(host)
    yield _seen(box.observe, texts)


def _seen(look: Callable[[Iterable[Target]], HostView], texts: list[str]) -> Seen:
    links = {link.name: link.index for link in look(()).links}
    targets = [parse_target(text, links) for text in texts]
    view = look(targets)
    names = {link.index: link.name for link in view.links}
    found: dict[Said, Said] = {}
    for number, row in enumerate(view.addresses, 1):
        apart = row.local not in (None, row.address)
        flags = row.flags & _SEEN_FLAGS
        found[Said(f"address {number}")] = Said(
            "{} of {}{}{}",
            SaidAddress(f"{row.address}/{row.prefixlen}"),
            SaidLink(names.get(row.index)),
            Said(" local {}", SaidAddress(row.local)) if apart else Said(""),
            Said(f" flags {flags:#x}" if flags else ""),
        )
    used = {row.index for row in view.addresses}
    for link in view.links:
        if link.index in used and link.index < PEER_INDEX:
            what = Said("interface {}", SaidLink(link.name))
            found[what] = Said("not native" if link.type in NOT_NATIVE else "native")
    for text, target in zip(texts, targets, strict=True):
        route = view.routes[target]
        found[Said("the source for {}", SaidAddress(text))] = (
            Said("{}", SaidAddress(route.source)) if route.source else Said(str(route.error))
        )
    return found
