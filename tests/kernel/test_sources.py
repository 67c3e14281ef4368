"""The kernel's choice of a source, worked out from its dumps, against the kernel itself."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice
from socket import AF_INET, AF_INET6

import pytest
from pyroute2 import IPRoute  # type: ignore[import-untyped]

from harness.kernel.sources import NotKnown, Routing
from harness.model.addresses import parse_target
from harness.model.host import IFA_F_HOMEADDRESS, IFA_F_OPTIMISTIC
from harness.sandbox import Box, Pool
from harness.scenario.fuzz import Batch, draw_batch
from harness.scenario.schema import Host
from tests.sandbox.kit import host as host_of

# settings that the dumps do not show
_HIDDEN = (
    "use_oif_addrs_only", "route_localnet", "ignore_routes_with_linkdown", "bindv6only",
    # of interfaces that differ in it: the rest is said to be open where it decides
    "use_tempaddr",
)  # fmt: skip
Compared = tuple[str, str, str, str]


def compared(box: Box, batch: Batch) -> Iterator[Compared]:
    """Inside a sandbox: for each destination the outcome, what was said of it, and what is so."""
    box.build(batch.host)
    yield from _compare(box, dict.fromkeys(text for each in batch.names.values() for text in each))


def _compare(box: Box, texts: Iterable[str]) -> Iterator[Compared]:
    netlink = box._netlink
    links, addresses = netlink.links(), netlink.addresses()
    routes = [*netlink.routes(AF_INET), *netlink.routes(AF_INET6)]
    indexes = {link.name: link.index for link in links}
    targets = [parse_target(text, indexes) for text in texts]
    real = box.observe(targets).routes
    # with the local table, and as `ip route` shows a host: without it
    for tables in ((255, 254, 253), (254,)):
        routing = Routing(links, addresses, [row for row in routes if row.table in tables])
        for target in targets:
            try:
                said = routing.to(target)
            except NotKnown as reason:
                yield "open", str(target), str(reason), ""
            else:
                outcome = "right" if said == real[target] else "wrong"
                yield outcome, str(target), str(said), str(real[target])


def with_broadcasts(box: Box, rows: Sequence[tuple[str, str]]) -> Iterator[Compared]:
    """The same of a host whose interface has these addresses and their broadcast addresses."""
    box.build(Host.model_validate(host_of({"eth0": ""})))
    with IPRoute() as ip:
        (eth0,) = ip.link_lookup(ifname="eth0")
        for address, broadcast in rows:
            ip.addr("add", index=eth0, address=address, prefixlen=24, broadcast=broadcast)
    yield from _compare(box, [f"10.1.0.{last}" for last in (0, 2, 5, 7, 99, 255)])


@pytest.mark.parametrize(("rows", "refused", "unknown"), [
    # (address, its broadcast address): what is refused, and what is left open
    ([("10.1.0.2", "10.1.0.255")], {"10.1.0.255"}, 0),
    ([("10.1.0.2", "10.1.0.99")], {"10.1.0.99", "10.1.0.255"}, 0),
    # an own address that was a broadcast address before: of two equal routes the first counts,
    # and which one that is only the local table tells
    ([("10.1.0.2", "10.1.0.7"), ("10.1.0.7", "10.1.0.255")], {"10.1.0.7", "10.1.0.255"}, 1),
])  # fmt: skip
def test_a_broadcast_address(
    rows: list[tuple[str, str]], refused: set[str], unknown: int, pool: Pool
) -> None:
    found = list(pool.run(with_broadcasts, rows))
    assert [each for each in found if each[0] == "wrong"] == []
    assert {each[1] for each in found if "EACCES" in each[2]} == refused
    assert len({each[1] for each in found if each[0] == "open"}) == unknown


def usual(batch: Batch) -> bool:
    """Whether a host has the rules, labels and settings that every one begins with."""
    hidden = any(
        key.endswith(_HIDDEN) and value != "0" for key, value in batch.host.sysctls.items()
    )
    return not (hidden or batch.host.rules or batch.host.addrlabels)


@pytest.mark.parametrize(
    "hosts",
    [pytest.param(60, marks=pytest.mark.fuzz), pytest.param(10_000, marks=pytest.mark.slow)],
)
def test_random_hosts_of_the_fuzzer(hosts: int) -> None:
    batches = list(islice(filter(usual, (draw_batch(16, number) for number in count())), hosts))
    outcomes: Counter[str] = Counter()
    wrong: list[tuple[str, Compared]] = []
    built = 0
    with Pool() as pool:
        for batch, done in zip(batches, pool.outcomes(compared, batches), strict=True):
            built += done.error is None  # this kernel may lack a kind of interface
            for each in done.values:
                outcomes[each[0]] += 1
                wrong += [(batch.title, each)] * (each[0] == "wrong")
    print(built, outcomes)
    assert wrong == []
    assert built > 0.9 * hosts
    assert outcomes["open"] < 0.2 * outcomes["right"]  # of sixty hosts a few may be all open


# --- what the kernel does that decides which rules can ever speak

PERMANENT = 0x80


def flags_kept(box: Box, flags: dict[str, tuple[str, ...]]) -> Iterator[dict[str, int]]:
    """Inside a sandbox: add addresses with flags; the flags each has afterwards."""
    host = Host.model_validate({"interfaces": {"eth0": {"addresses": [*flags]}}})
    eth0 = host.interfaces["eth0"]
    # a scenario file with such flags is refused, for the reason that is shown here
    given = [one.model_copy(update={"flags": flags[one.address]}) for one in eth0.addresses]
    made = {"eth0": eth0.model_copy(update={"addresses": tuple(given)})}
    box.build(host.model_copy(update={"interfaces": made}))
    yield {str(row.address): row.flags for row in box.observe(()).addresses}


def test_the_kernel_drops_ipv6_flags_of_ipv4_addresses(pool: Pool) -> None:
    asked = {"192.0.2.2/24": ("home", "optimistic"), "2001:db8::2/64": ("home",)}
    (kept,) = pool.run(flags_kept, asked)
    assert kept["192.0.2.2"] & (IFA_F_HOMEADDRESS | IFA_F_OPTIMISTIC) == 0
    assert kept["192.0.2.2"] & PERMANENT  # the request itself was honoured
    assert kept["2001:db8::2"] & IFA_F_HOMEADDRESS
