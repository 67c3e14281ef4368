"""kubelet's four steps, as a pure function."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from harness.kubelet.decide import (
    NEWEST,
    Flags,
    NameLookup,
    NodeDecision,
    NodeIPError,
    StepName,
    decide,
    node_ips,
    parse_version,
)
from harness.kubelet.net import (
    KubeletVersion,
    Net,
    NoAddressError,
    NodeInterface,
    choose,
    default_routes,
    is_global_unicast,
    parse_ip,
)
from harness.kubelet.report import ResolverAnswer, judge
from harness.kubelet.resolver import Chosen, Resolver

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
ETH1_DEFAULT = "eth1\t00000000\t0132A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
ETH0_DEFAULT = "eth0\t00000000\t0101000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
ETH0_NET = "eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
ZEROS = "0" * 32
GATEWAY6 = "20010db8000000000000000000000001"


def route6(interface: str, gateway: str = GATEWAY6, bits: str = "00") -> str:
    rest = "00000400 00000001 00000000 00000003"
    return f"{ZEROS} {bits} {ZEROS} 00 {gateway} {rest} {interface}\n"


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
    return decide(Flags(hostname, override, node_ip, version), net, lookup)


def texts(decision: NodeDecision) -> list[str]:
    return [str(address) for address in decision.addresses]


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
    ("node_ip", "version", "why"),
    [
        ("198.51.100.1", NEWEST, "is on no interface of this host"),
        ("127.0.0.1", NEWEST, "a loopback address"),
        ("::1", NEWEST, "a loopback address"),
        ("224.0.0.1", NEWEST, "a multicast address"),
        ("fe80::1", NEWEST, "a link-local address"),
        ("169.254.1.1", NEWEST, "a link-local address"),
        ("10.0.0.9,2001:db8::77", NEWEST, "2001:db8::77 is on no interface"),
        ("::", (1, 17), "unspecified"),
        ("0.0.0.0", (1, 17), "unspecified"),
    ],
)
def test_a_node_ip_that_cannot_be(node_ip: str, version: KubeletVersion, why: str) -> None:
    decision = decided(found("10.0.0.5"), node_ip=node_ip, version=version)
    assert (decision.addresses, decision.step) == ((), StepName.NODE_IP)
    assert why in str(decision.error)


@pytest.mark.parametrize(
    "node_ip", ["10.0.0.5,10.0.0.9", "0.0.0.0,::", "10.0.0.5,::", "10.0.0.5,2001:db8::5,10.0.0.9"]
)
def test_a_node_ip_kubelet_does_not_start_with(node_ip: str) -> None:
    with pytest.raises(NodeIPError):
        node_ips(node_ip, NEWEST)


@pytest.mark.parametrize(
    ("node_ip", "version", "step"),
    [
        ("bogus", NEWEST, StepName.LOOKUP),
        ("10.0.0.9,2001:db8::5", (1, 20), StepName.NODE_IP),
        ("10.0.0.9,2001:db8::5", (1, 19), StepName.LOOKUP),
        ("::", (1, 18), StepName.LOOKUP),
        ("0.0.0.0", (1, 18), StepName.LOOKUP),
    ],
)
def test_what_a_version_cannot_use_is_ignored(
    node_ip: str, version: KubeletVersion, step: StepName
) -> None:
    decision = decided(found("10.0.0.5"), node_ip=node_ip, version=version)
    assert (decision.step, decision.error) == (step, None)
    assert ("ignores" in decision.steps[0].text) == (version in (NEWEST, (1, 19)))


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
    assert Flags("machine", " Node-7 ").name == "node-7"
    assert decided(override=" Node-7 ").steps[2].text == "node-7 is not found: EAI_NONAME"


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


BUT_METRIC_900 = HEAD + ETH0_DEFAULT.replace("\t0\t00000000", "\t900\t00000000") + ETH1_DEFAULT
GLOBAL_LO = interface("lo", "127.0.0.1", "203.0.113.9", loopback=True)
LOCAL_ETH1 = interface("eth1", "169.254.1.1")
ONLY6 = interface("eth1", "2001:db8:50::10")
PPP = interface("ppp0", "10.64.0.2", point_to_point=True)


@pytest.mark.parametrize(
    ("net", "version", "expected"),
    [
        (Net((LO, ETH0, ETH1), BUT_METRIC_900), NEWEST, "10.0.0.5"),  # the first line wins
        (Net((LO, ONLY6), HEAD, route6("eth1")), NEWEST, "2001:db8:50::10"),
        (Net((GLOBAL_LO, LOCAL_ETH1), HEAD + ETH1_DEFAULT), (1, 21), "203.0.113.9"),
        (Net((LO, PPP, interface("eth9", "fe80::1", "10.7.7.7")), None, None), NEWEST, "10.7.7.7"),
    ],
)
def test_the_address_behind_the_default_route(
    net: Net, version: KubeletVersion, expected: str
) -> None:
    assert str(choose(net, (4, 6), version)[0]) == expected


@pytest.mark.parametrize(
    ("interfaces", "line", "why"),
    [
        ((GLOBAL_LO, LOCAL_ETH1), ETH1_DEFAULT, "no interface"),
        ((LO, interface("eth1", "192.168.50.10", up=False)), ETH1_DEFAULT, "no interface"),
        ((LO,), ETH1_DEFAULT.replace("eth1", "*"), "unknown"),
    ],
)
def test_no_address_behind_it(interfaces: tuple[NodeInterface, ...], line: str, why: str) -> None:
    with pytest.raises(NoAddressError, match=why):
        choose(Net(interfaces, HEAD + line), (4, 6), (1, 20))


@pytest.mark.parametrize(
    ("net", "routes"),
    [
        (Net((), HEAD + ETH1_DEFAULT.replace("00000000\t0\t0\t0\n", "00000080\t0\t0\t0\n")),
         [(4, "eth1")]),  # 0.0.0.0/1
        (Net((), "", route6("eth1", bits="60")), [(6, "eth1")]),
        (Net((), "", route6("eth1", gateway=ZEROS)), []),
    ],
)  # fmt: skip
def test_what_counts_as_a_default_route(net: Net, routes: list[tuple[int, str]]) -> None:
    assert default_routes(net) == routes


@pytest.mark.parametrize("line", ["eth0\n", "eth0\txyz\t0\n", "eth0\t0000\t00000000\n"])
def test_a_broken_route_file(line: str) -> None:
    with pytest.raises(NoAddressError):
        default_routes(Net((), HEAD + line))


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


@pytest.mark.parametrize(
    ("resolver", "want", "node_ip", "solves"),
    [("cgo", (), "192.168.50.10", True), ("go", ("198.51.100.1",), "198.51.100.1", False)],
)
def test_the_remedy_is_tried_out(
    resolver: Resolver, want: tuple[str, ...], node_ip: str, solves: bool
) -> None:
    answers = (
        ResolverAnswer((), "no such host", resolver="go", who="Go", native=False),
        ResolverAnswer(found("10.0.0.9").addresses, resolver="cgo", who="glibc", native=True),
    )
    wanted = tuple(map(ip_address, want))
    report = judge("x", Flags("node-1"), NET, Chosen(resolver, ""), answers, want=wanted)
    assert texts(report) == [{"cgo": "10.0.0.9", "go": "192.168.50.10"}[resolver]]
    assert report.resolvers_differ
    assert report.remedy is not None
    assert (report.remedy.node_ip, report.remedy.solves) == (node_ip, solves)
