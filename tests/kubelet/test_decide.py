"""kubelet's four steps, as a pure function."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from harness.kubelet.addresses import is_global_unicast, parse_ip
from harness.kubelet.decide import NodeIPError, decide, node_ips
from harness.kubelet.report import ResolverAnswer, judge
from harness.kubelet.resolver import Chosen
from harness.kubelet.routes import NoAddressError, choose, default_routes
from harness.kubelet.values import (
    NEWEST,
    Flags,
    KubeletVersion,
    NameLookup,
    Net,
    NodeDecision,
    NodeInterface,
    StepName,
    parse_version,
)

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
ETH1_DEFAULT = "eth1\t00000000\t0132A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
ETH0_DEFAULT = "eth0\t00000000\t0101000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
ETH0_NET = "eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
ZEROS = "0" * 32
GATEWAY6 = "20010db8000000000000000000000001"


def route6(
    interface: str, destination: str = ZEROS, gateway: str = GATEWAY6, bits: str = "00"
) -> str:
    rest = "00000400 00000001 00000000 00000003"
    return f"{destination} {bits} {ZEROS} 00 {gateway} {rest} {interface}\n"


def interface(name: str, *addresses: str, **more: bool) -> NodeInterface:
    return NodeInterface(name, tuple(ip_address(text) for text in addresses), **more)


LO = interface("lo", "127.0.0.1", "::1", loopback=True)
ETH0 = interface("eth0", "10.0.0.5", "10.0.0.9", "fe80::1", "2001:db8::5")
ETH1 = interface("eth1", "192.168.50.10", "2001:db8:50::10")
NET = Net((LO, ETH0, ETH1), HEAD + ETH0_NET + ETH1_DEFAULT, route6("eth1"))


def found(*addresses: str) -> NameLookup:
    return NameLookup(tuple(ip_address(text) for text in addresses))


MISSING = NameLookup(error="EAI_NONAME")


def decided(
    lookup: NameLookup = MISSING,
    net: Net = NET,
    *,
    node_ip: str = "",
    override: str = "",
    hostname: str = "node-1",
    version: KubeletVersion = NEWEST,
) -> NodeDecision:
    return decide(Flags(hostname, override, node_ip, version), net, lambda _: lookup)


def texts(decision: NodeDecision) -> list[str]:
    return [str(address) for address in decision.addresses]


# step 1


@pytest.mark.parametrize(
    ("node_ip", "expected"),
    [
        ("10.0.0.9", ["10.0.0.9"]),
        ("010.000.000.009", ["10.0.0.9"]),
        ("::ffff:10.0.0.9", ["10.0.0.9"]),
        (" 10.0.0.9 ", ["10.0.0.9"]),
        ("2001:db8::5", ["2001:db8::5"]),
        ("10.0.0.9,2001:db8::5", ["10.0.0.9", "2001:db8::5"]),
        ("2001:db8::5, 10.0.0.5", ["2001:db8::5", "10.0.0.5"]),
        ("10.0.0.9,bogus", ["10.0.0.9"]),
    ],
)
def test_an_explicit_node_ip_is_taken(node_ip: str, expected: list[str]) -> None:
    decision = decided(found("192.168.50.10"), node_ip=node_ip, override="10.0.0.5")
    assert texts(decision) == expected
    assert decision.step is StepName.NODE_IP
    assert len(decision.steps) == 1


@pytest.mark.parametrize(
    ("node_ip", "why"),
    [
        ("198.51.100.1", "is on no interface of this host"),
        ("127.0.0.1", "a loopback address"),
        ("::1", "a loopback address"),
        ("224.0.0.1", "a multicast address"),
        ("fe80::1", "a link-local address"),
        ("169.254.1.1", "a link-local address"),
        ("10.0.0.9,2001:db8::77", "2001:db8::77 is on no interface"),
    ],
)
def test_a_node_ip_that_cannot_be(node_ip: str, why: str) -> None:
    decision = decided(found("10.0.0.5"), node_ip=node_ip)
    assert decision.addresses == ()
    assert decision.step is StepName.NODE_IP
    assert decision.error is not None
    assert why in decision.error


@pytest.mark.parametrize(
    "node_ip", ["10.0.0.5,10.0.0.9", "0.0.0.0,::", "10.0.0.5,::", "10.0.0.5,2001:db8::5,10.0.0.9"]
)
def test_a_node_ip_kubelet_does_not_start_with(node_ip: str) -> None:
    with pytest.raises(NodeIPError):
        node_ips(node_ip, NEWEST)


def test_what_is_no_address_is_ignored() -> None:
    decision = decided(found("10.0.0.5"), node_ip="bogus")
    assert decision.step is StepName.LOOKUP
    assert "ignores" in decision.steps[0].text


def test_a_pair_needs_1_20() -> None:
    pair = "10.0.0.9,2001:db8::5"
    assert decided(found("10.0.0.5"), node_ip=pair, version=(1, 20)).step is StepName.NODE_IP
    assert decided(found("10.0.0.5"), node_ip=pair, version=(1, 19)).step is StepName.LOOKUP


@pytest.mark.parametrize("node_ip", ["::", "0.0.0.0"])
def test_a_family_needs_1_18(node_ip: str) -> None:
    assert decided(found("10.0.0.5"), node_ip=node_ip, version=(1, 18)).error is None
    old = decided(found("10.0.0.5"), node_ip=node_ip, version=(1, 17))
    assert old.error is not None
    assert "unspecified" in old.error


# step 2


@pytest.mark.parametrize("address", ["10.0.0.9", "198.51.100.1", "2001:db8::99"])
def test_a_hostname_that_is_an_address_is_not_checked(address: str) -> None:
    for decision in (
        decided(found("10.0.0.5"), override=address),
        decided(found("10.0.0.5"), hostname=f"  {address}\n"),
    ):
        assert texts(decision) == [address]
        assert decision.step is StepName.HOSTNAME
    assert ("unchecked" in decision.steps[1].text) == (address != "10.0.0.9")


def test_the_override_names_the_node() -> None:
    asked: list[str] = []

    def look_up(name: str) -> NameLookup:
        asked.append(name)
        return found("10.0.0.5")

    decide(Flags("machine", " Node-7 "), NET, look_up)
    assert asked == ["node-7"]


# step 3


@pytest.mark.parametrize(
    ("node_ip", "lookup", "expected"),
    [
        ("", found("10.0.0.9", "10.0.0.5"), "10.0.0.9"),
        ("", found("2001:db8::5", "10.0.0.9", "10.0.0.5"), "10.0.0.9"),
        ("", found("2001:db8::5", "2001:db8:50::10"), "2001:db8::5"),
        ("", found("127.0.1.1", "198.51.100.1", "10.0.0.5"), "10.0.0.5"),
        ("", found("198.51.100.1", "2001:db8::5"), "2001:db8::5"),
        ("0.0.0.0", found("2001:db8::5", "10.0.0.5"), "10.0.0.5"),
        ("::", found("10.0.0.9", "fe80::1", "2001:db8:50::10"), "2001:db8:50::10"),
        ("::", found("10.0.0.9", "10.0.0.5"), "10.0.0.9"),
    ],
)
def test_the_first_usable_of_the_family(node_ip: str, lookup: NameLookup, expected: str) -> None:
    decision = decided(lookup, node_ip=node_ip)
    assert texts(decision) == [expected]
    assert decision.step is StepName.LOOKUP


# step 4


@pytest.mark.parametrize(
    ("node_ip", "expected"),
    [("", "192.168.50.10"), ("::", "2001:db8:50::10"), ("0.0.0.0", "192.168.50.10")],
)
@pytest.mark.parametrize("lookup", [MISSING, found("127.0.1.1"), found("198.51.100.9"), found()])
def test_else_the_default_route(node_ip: str, expected: str, lookup: NameLookup) -> None:
    decision = decided(lookup, node_ip=node_ip)
    assert texts(decision) == [expected]
    assert decision.step is StepName.DEFAULT_ROUTE
    assert [step.decided for step in decision.steps] == [False, False, False, True]


def test_no_route_is_an_error() -> None:
    decision = decided(net=Net((LO, ETH0), HEAD + ETH0_NET))
    assert decision.addresses == ()
    assert decision.error == "can't get ip address of node: there is no default route"


def test_the_first_line_wins_whatever_its_metric() -> None:
    lines = HEAD + ETH0_DEFAULT.replace("\t0\t00000000", "\t900\t00000000") + ETH1_DEFAULT
    assert str(choose(Net((LO, ETH0, ETH1), lines), (4, 6), NEWEST)[0]) == "10.0.0.5"


def test_a_prefix_of_zeros_counts_as_default_whatever_its_length() -> None:
    half = ETH1_DEFAULT.replace("00000000\t0\t0\t0\n", "00000080\t0\t0\t0\n")  # 0.0.0.0/1
    assert default_routes(Net((), HEAD + half)) == [(4, "eth1")]
    assert default_routes(Net((), "", route6("eth1", bits="60"))) == [(6, "eth1")]


def test_an_ipv6_default_route_needs_a_gateway() -> None:
    assert default_routes(Net((), "", route6("eth1", gateway=ZEROS))) == []


def test_ipv4_first_then_ipv6() -> None:
    only6 = Net((LO, interface("eth1", "2001:db8:50::10")), HEAD, route6("eth1"))
    assert str(choose(only6, (4, 6), NEWEST)[0]) == "2001:db8:50::10"


def test_a_global_address_of_lo_since_1_21() -> None:
    lo = interface("lo", "127.0.0.1", "203.0.113.9", loopback=True)
    net = Net((lo, interface("eth1", "169.254.1.1")), HEAD + ETH1_DEFAULT)
    assert str(choose(net, (4, 6), (1, 21))[0]) == "203.0.113.9"
    with pytest.raises(NoAddressError):
        choose(net, (4, 6), (1, 20))


def test_an_interface_that_is_down_or_unknown() -> None:
    down = interface("eth1", "192.168.50.10", up=False)
    with pytest.raises(NoAddressError):
        choose(Net((LO, down), HEAD + ETH1_DEFAULT), (4, 6), (1, 20))
    with pytest.raises(NoAddressError, match="unknown"):
        choose(Net((LO,), HEAD + ETH1_DEFAULT.replace("eth1", "*")), (4, 6), NEWEST)


def test_without_proc_the_first_interface() -> None:
    p2p = interface("ppp0", "10.64.0.2", point_to_point=True)
    net = Net((LO, p2p, interface("eth9", "fe80::1", "10.7.7.7")), None, None)
    assert str(choose(net, (4, 6), NEWEST)[0]) == "10.7.7.7"


@pytest.mark.parametrize("line", ["eth0\n", "eth0\txyz\t0\n", "eth0\t0000\t00000000\n"])
def test_a_broken_route_file(line: str) -> None:
    with pytest.raises(NoAddressError):
        default_routes(Net((), HEAD + line))


# small parts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.2.3.4", "1.2.3.4"), ("01.02.03.04", "1.2.3.4"), ("1.2.3", None), ("1.2.3.256", None),
        ("fe80::1%eth0", None), ("::", "::"), ("node-1", None), ("", None), ("１.2.3.4", None),
    ],
)  # fmt: skip
def test_parse_ip(text: str, expected: str | None) -> None:
    found_address = parse_ip(text)
    assert (None if found_address is None else str(found_address)) == expected


@pytest.mark.parametrize(
    ("text", "is_global"),
    [("10.0.0.1", True), ("fd00::1", True), ("255.255.255.255", False), ("0.0.0.0", False)],
)
def test_global_unicast(text: str, is_global: bool) -> None:
    assert is_global_unicast(ip_address(text)) is is_global


@pytest.mark.parametrize(
    ("text", "version"),
    [("v1.29.3", (1, 29)), ("1.17", (1, 17)), ("v1.27.4+k3s1", (1, 27)), ("1.30-gke", (1, 30))],
)
def test_versions(text: str, version: KubeletVersion) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize("text", ["", "1", "latest", "v1.x", "1.2000"])
def test_no_versions(text: str) -> None:
    with pytest.raises(ValueError, match="kubelet version"):
        parse_version(text)


# the report


def answers(cgo: NameLookup, go: NameLookup) -> tuple[ResolverAnswer, ...]:
    return ResolverAnswer("cgo", "glibc", cgo), ResolverAnswer("go", "Go", go, native=False)


def test_the_remedy_is_tried_out() -> None:
    report = judge(
        "x", Flags("node-1"), NET, Chosen("cgo", ""), answers(found("10.0.0.9"), MISSING)
    )
    assert report.remedy is not None
    assert report.remedy.node_ip == "192.168.50.10"
    assert report.remedy.solves
    assert report.resolvers_differ


def test_a_wish_that_no_node_ip_fulfils() -> None:
    report = judge(
        "x", Flags("node-1"), NET, Chosen("go", ""), answers(MISSING, found("10.0.0.9")),
        want=(ip_address("198.51.100.1"),),
    )  # fmt: skip
    assert texts(report.decision) == ["10.0.0.9"]
    assert report.remedy is not None
    assert not report.remedy.solves
