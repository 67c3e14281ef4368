"""kubelet's four steps, as a pure function."""

from ipaddress import ip_address

import pytest

from harness.kubelet import decide
from harness.kubelet.decide import NEWEST, Flags, NameLookup, NodeDecision, StepName
from harness.kubelet.net import KubeletVersion, Net, NoAddressError, NodeInterface, choose, parse_ip

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
    lookup: NameLookup, node_ip: str = "", version: KubeletVersion = NEWEST, override: str = ""
) -> NodeDecision:
    return decide.decide(Flags("node-1", override, node_ip, version), NET, lookup)


def texts(decision: NodeDecision) -> list[str]:
    return [str(address) for address in decision.addresses]


LISTED = found("10.0.0.9", "10.0.0.5")
# the flag, what the look-up finds, the step that decides, and the addresses
DECIDED: list[tuple[str, NameLookup, StepName, str]] = [
    *((flag, found("192.168.50.10"), StepName.NODE_IP, expected) for flag, expected in (
        ("10.0.0.9", "10.0.0.9"), ("010.000.000.009", "10.0.0.9"),
        ("::ffff:10.0.0.9", "10.0.0.9"), (" 10.0.0.9 ", "10.0.0.9"),
        ("2001:db8::5", "2001:db8::5"), ("10.0.0.9,2001:db8::5", "10.0.0.9 2001:db8::5"),
        ("2001:db8::5, 10.0.0.5", "2001:db8::5 10.0.0.5"), ("10.0.0.9,bogus", "10.0.0.9"))),
    *((flag, lookup, StepName.LOOKUP, expected) for flag, lookup, expected in (
        ("", LISTED, "10.0.0.9"), ("::", LISTED, "10.0.0.9"),
        ("", found("2001:db8::5", "10.0.0.9", "10.0.0.5"), "10.0.0.9"),
        ("", found("2001:db8::5", "2001:db8:50::10"), "2001:db8::5"),
        ("", found("127.0.1.1", "198.51.100.1", "10.0.0.5"), "10.0.0.5"),
        ("", found("198.51.100.1", "2001:db8::5"), "2001:db8::5"),
        ("0.0.0.0", found("2001:db8::5", "10.0.0.5"), "10.0.0.5"),
        ("::", found("10.0.0.9", "fe80::1", "2001:db8:50::10"), "2001:db8:50::10"))),
    *((flag, lookup, StepName.DEFAULT_ROUTE, expected)
      for flag, expected in (("", "192.168.50.10"), ("::", "2001:db8:50::10"),
                             ("0.0.0.0", "192.168.50.10"))
      for lookup in (MISSING, found("127.0.1.1"), found("198.51.100.9"), found())),
]  # fmt: skip


@pytest.mark.parametrize(("node_ip", "lookup", "step", "expected"), DECIDED)
def test_a_step_decides(node_ip: str, lookup: NameLookup, step: StepName, expected: str) -> None:
    """The flag before the host name; of a look-up the first address that is usable."""
    override = "10.0.0.5" if step is StepName.NODE_IP else ""
    decision = decided(lookup, node_ip, override=override)
    assert (texts(decision), decision.step) == (expected.split(), step)
    before = {StepName.NODE_IP: 0, StepName.LOOKUP: 2, StepName.DEFAULT_ROUTE: 3}[step]
    assert [one.decided for one in decision.steps] == [False] * before + [True]


@pytest.mark.parametrize(("node_ip", "version", "why"), [
    ("198.51.100.1", NEWEST, "is on no interface of the host"),
    ("127.0.0.1", NEWEST, "a loopback address"), ("::1", NEWEST, "a loopback address"),
    ("224.0.0.1", NEWEST, "a multicast address"), ("fe80::1", NEWEST, "a link-local address"),
    ("169.254.1.1", NEWEST, "a link-local address"),
    ("10.0.0.9,2001:db8::77", NEWEST, "2001:db8::77 is on no interface"),
    ("::", (1, 17), "unspecified"), ("0.0.0.0", (1, 17), "unspecified"),
])  # fmt: skip
def test_a_node_ip_that_cannot_be(node_ip: str, version: KubeletVersion, why: str) -> None:
    decision = decided(found("10.0.0.5"), node_ip, version)
    assert (decision.addresses, decision.step) == ((), StepName.NODE_IP)
    assert why in str(decision.error)


@pytest.mark.parametrize(
    "node_ip", ["10.0.0.5,10.0.0.9", "0.0.0.0,::", "10.0.0.5,::", "10.0.0.5,2001:db8::5,10.0.0.9"]
)
def test_a_node_ip_kubelet_does_not_start_with(node_ip: str) -> None:
    with pytest.raises(decide.NodeIPError):
        decided(MISSING, node_ip)


@pytest.mark.parametrize(("node_ip", "version", "step"), [
    ("bogus", NEWEST, StepName.LOOKUP),
    ("10.0.0.9,2001:db8::5", (1, 20), StepName.NODE_IP),
    ("10.0.0.9,2001:db8::5", (1, 19), StepName.LOOKUP),
    ("::", (1, 18), StepName.LOOKUP), ("0.0.0.0", (1, 18), StepName.LOOKUP),
])  # fmt: skip
def test_what_a_version_ignores(node_ip: str, version: KubeletVersion, step: StepName) -> None:
    decision = decided(found("10.0.0.5"), node_ip, version)
    assert (decision.step, decision.error) == (step, None)
    assert ("ignores" in decision.steps[0].text) == (version in (NEWEST, (1, 19)))


@pytest.mark.parametrize("address", ["10.0.0.9", "198.51.100.1", "2001:db8::99"])
def test_a_hostname_that_is_an_address_is_not_checked(address: str) -> None:
    for flags in (Flags("node-1", address), Flags(f"  {address}\n")):
        decision = decide.decide(flags, NET, found("10.0.0.5"))
        assert texts(decision) == [address]
        assert decision.step is StepName.HOSTNAME
        assert ("unchecked" in decision.steps[1].text) == (address != "10.0.0.9")


def test_the_override_names_the_node() -> None:
    assert Flags("machine", " Node-7 ").name == "node-7"
    assert decided(MISSING, override=" Node-7 ").steps[2].text == "node-7 is not found: EAI_NONAME"


def test_no_route_is_an_error() -> None:
    decision = decide.decide(Flags("node-1"), Net((LO, ETH0), HEAD + ETH0_NET), MISSING)
    assert decision.addresses == ()
    assert decision.error == "can't get ip address of node: there is no default route"


BUT_METRIC_900 = HEAD + ETH0_DEFAULT.replace("\t0\t00000000", "\t900\t00000000") + ETH1_DEFAULT
HALF = HEAD + ETH1_DEFAULT.replace("00000000\t0\t0\t0\n", "00000080\t0\t0\t0\n")  # 0.0.0.0/1
GLOBAL_LO = interface("lo", "127.0.0.1", "203.0.113.9", loopback=True)
LOCAL_ETH1 = interface("eth1", "169.254.1.1")
ONLY6 = interface("eth1", "2001:db8:50::10")
ONLY_FD = interface("eth1", "fe80::1", "fd00::1")
NOT_GLOBAL = interface("eth1", "0.0.0.0", "255.255.255.255", "127.0.0.2", "192.168.50.10")
PPP = interface("ppp0", "10.64.0.2", point_to_point=True)


@pytest.mark.parametrize(("net", "version", "expected"), [
    (Net((LO, ETH0, ETH1), BUT_METRIC_900), NEWEST, "10.0.0.5"),  # the first line wins
    (Net((LO, ETH1), HALF), NEWEST, "192.168.50.10"),
    (Net((LO, NOT_GLOBAL), HEAD + ETH1_DEFAULT), NEWEST, "192.168.50.10"),
    (Net((LO, ONLY6), HEAD, route6("eth1")), NEWEST, "2001:db8:50::10"),
    (Net((LO, ONLY_FD), HEAD, route6("eth1", bits="60")), NEWEST, "fd00::1"),
    (Net((GLOBAL_LO, LOCAL_ETH1), HEAD + ETH1_DEFAULT), (1, 21), "203.0.113.9"),
    (Net((LO, PPP, interface("eth9", "fe80::1", "10.7.7.7")), None, None), NEWEST, "10.7.7.7"),
])  # fmt: skip
def test_the_address_of_the_default_route(net: Net, version: KubeletVersion, expected: str) -> None:
    assert str(choose(net, (4, 6), version)[0]) == expected


@pytest.mark.parametrize(("net", "why"), [
    (Net((GLOBAL_LO, LOCAL_ETH1), HEAD + ETH1_DEFAULT), "no interface"),
    (Net((LO, interface("eth1", "10.0.0.7", up=False)), HEAD + ETH1_DEFAULT), "no interface"),
    (Net((LO,), HEAD + ETH1_DEFAULT.replace("eth1", "*")), "unknown"),
    (Net((LO, ONLY6), HEAD, route6("eth1", gateway=ZEROS)), "no default route"),
    *((Net((ETH0,), HEAD + line), "another form")
      for line in ("eth0\n", "eth0\txyz\t0\n", "eth0\t0000\t00000000\n",
                   f"eth0\t{ZEROS}\t0\n")),
])  # fmt: skip
def test_no_address_behind_it(net: Net, why: str) -> None:
    with pytest.raises(NoAddressError, match=why):
        choose(net, (4, 6), (1, 20))


@pytest.mark.parametrize(("text", "expected"), [
    ("1.2.3.4", "1.2.3.4"), ("01.02.03.04", "1.2.3.4"), ("1.2.3", None), ("1.2.3.256", None),
    ("fe80::1%eth0", None), ("::", "::"), ("node-1", None), ("", None), ("１.2.3.4", None),
])  # fmt: skip
def test_parse_ip(text: str, expected: str | None) -> None:
    assert parse_ip(text) == (expected and ip_address(expected))


def test_versions() -> None:
    texts = ["v1.29.3", "1.17", "v1.27.4+k3s1", "1.30-gke"]
    assert [decide.parse_version(text) for text in texts] == [(1, 29), (1, 17), (1, 27), (1, 30)]
    for text in ("", "1", "latest", "v1.x", "1.2000"):
        with pytest.raises(ValueError, match="kubelet version"):
            decide.parse_version(text)
