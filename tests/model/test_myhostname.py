"""What nss-myhostname says, by nss-myhostname(8), and what differs between systemd's versions."""

from ipaddress import ip_address
from typing import Any

import pytest

from harness.model.dialects import dialect
from harness.model.host import OwnAddress, OwnNames
from harness.model.myhostname import (
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    answer,
    is_undefined,
    knows,
)

GLOBAL, LINK = 0, 253  # rtnetlink(7): RT_SCOPE_UNIVERSE, RT_SCOPE_LINK
OLD, MIDDLE, NEW = "2.31", "2.36", "2.44"  # beside which 247, 252 and 257 and later stand


def own(text: str, index: int = 2, scope: int = GLOBAL, **more: Any) -> OwnAddress:
    source = more.pop("source", None)
    more = {"metric": 0, "source": source and ip_address(source), **more}
    return OwnAddress(ip_address(text), index, scope, **more)


NODE = OwnNames(
    "node",
    (own("fe80::2", scope=LINK), own("2001:db8::2"), own("169.254.1.2", 3, LINK),
     own("192.0.2.9", 3), own("192.0.2.2"), own("192.0.2.2")),
    (own("192.0.2.254", metric=200, source="192.0.2.9"), own("192.0.2.1", source="192.0.2.2"),
     own("fe80::1", metric=1024, source="2001:db8::2")),
)  # fmt: skip
BARE = OwnNames("node")
NO_IPV6 = OwnNames("node", ipv6=False)
LATE = OwnNames("node", (own("2001:db8::2", tentative=True), own("2001:db8::3")))
# the order is that of family, scope, metric, interface and address
IPV4, IPV6 = "192.0.2.2 192.0.2.9 169.254.1.2", "2001:db8::2 fe80::2%2"

CASES: dict[str, tuple[OwnNames, str, int, str, str | None]] = {
    "own-name": (NODE, "node", AF_UNSPEC, NEW, f"node {IPV4} {IPV6}"),
    "own-name-in-ipv4": (NODE, "node", AF_INET, NEW, f"node {IPV4}"),
    "no-zones-by-family": (NODE, "node", AF_INET6, NEW, "node 2001:db8::2 fe80::2"),
    "twice-up-to-248": (NODE, "node", AF_INET, OLD, f"node 192.0.2.2 {IPV4}"),
    "a-dot": (BARE, "node.", AF_INET, NEW, "node 127.0.0.2"),
    "another-case": (BARE, "Node", AF_INET, NEW, None),
    "no-address": (BARE, "node", AF_UNSPEC, NEW, "node 127.0.0.2 ::1"),
    "tentative": (LATE, "node", AF_INET6, MIDDLE, "node 2001:db8::2 2001:db8::3"),
    "tentative-left-out": (LATE, "node", AF_INET6, NEW, "node 2001:db8::3"),
    "localhost": (NODE, "localhost", AF_UNSPEC, NEW, "localhost 127.0.0.1 ::1"),
    "below-localhost": (NODE, "x.LocalHost", AF_INET6, NEW, "localhost ::1"),
    "localdomain": (NODE, "localhost.localdomain.", AF_INET, NEW, "localhost 127.0.0.1"),
    "ipv6-is-off": (NO_IPV6, "localhost", AF_UNSPEC, NEW, "localhost 127.0.0.1"),
    "ipv6-is-off-alone": (NO_IPV6, "localhost", AF_INET6, NEW, None),
    "off-and-not-asked": (NO_IPV6, "localhost", AF_INET6, OLD, "localhost ::1"),
    "gateway": (NODE, "_gateway", AF_UNSPEC, NEW, "_gateway 192.0.2.1 192.0.2.254 fe80::1%2"),
    "no-gateway": (BARE, "_gateway", AF_UNSPEC, NEW, None),
    "outbound": (NODE, "_outbound", AF_UNSPEC, NEW, "_outbound 192.0.2.2 192.0.2.9 2001:db8::2"),
    "outbound-unknown": (NODE, "_outbound", AF_UNSPEC, OLD, None),
    "another-name": (NODE, "web", AF_UNSPEC, NEW, None),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_it_says(case: str) -> None:
    host, name, family, glibc, wanted = CASES[case]
    found = answer(host, name, family, dialect(glibc))
    assert (found and " ".join((found[0], *map(str, found[1])))) == wanted


def test_the_preferred_source_of_a_route_counts_since_257() -> None:
    preferred = ip_address("192.0.2.77")
    host = OwnNames("node", gateways=(own("192.0.2.1", source="192.0.2.2", preferred=preferred),))
    said = {one: answer(host, "_outbound", AF_INET, dialect(one)) for one in (MIDDLE, NEW)}
    assert [str(each[1][0]) for each in said.values() if each] == ["192.0.2.2", "192.0.2.77"]


def test_what_comes_of_a_way_without_a_gateway() -> None:
    host = OwnNames("node", bare_way=True)
    asked = [(name, one) for one in (OLD, MIDDLE, NEW) for name in ("_gateway", "_outbound")]
    odd = [(name, one) for name, one in asked if is_undefined(host, name, AF_UNSPEC, dialect(one))]
    assert odd == [("_gateway", OLD), ("_gateway", MIDDLE), ("_outbound", MIDDLE)]
    assert not any(is_undefined(host, name, AF_INET, dialect(one)) for name, one in asked)
    assert not is_undefined(OwnNames("node"), "_gateway", AF_UNSPEC, dialect(OLD))


def test_which_names_it_may_have() -> None:
    names = "node", "localhost", "a.localhost.localdomain", "_gateway", "_outbound"
    assert all(knows(name, "node") for name in names)
    assert not any(knows(name, "node") for name in ("nodes", "mylocalhost", "gateway", "NODE"))
