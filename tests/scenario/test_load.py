"""What a good file becomes: normal forms, short forms, gai.conf, specifiers."""

from pathlib import Path

import pytest

from harness.scenario import gai_conf_files
from harness.scenario.schema import Address, Expect
from tests.scenario.kit import loaded

TEXT = """\
name: example
host:
  interfaces:
    eth0:
      addresses:
        - 172.18.45.2
        - {address: 10.9.0.1/32, peer: 10.9.0.2, label: "eth0:1", flags: [deprecated]}
        - 2001:DB8:1:0::2/64
    eth1: {}
  routes:
    - {to: default, via: 10.9.0.2}
    - {to: "::/0", via: "fe80::1%eth0", metric: 5}
    - {to: 192.0.2.0/24, via: 198.51.100.1, dev: eth1, on-link: true}
  sysctls: {net.ipv6.bindv6only: 0, net.ipv4.ip_forward: true}
names:
  web: [172.31.80.8, "2001:0db8::1", "::ffff:1.2.3.4"]
lookups:
  - name: web
    service: 80
    flags: [passive, AI_ALL, 2048, "0x1000"]
    expect: {order: [172.31.80.8, 2001:DB8::1], decided_by: 6, glibc: ">=2.8 , <2.41"}
  - name: 2130706433
"""


def test_normal_forms(tmp_path: Path) -> None:
    read = loaded(tmp_path, TEXT)
    scenario = read.scenario
    first, second, third = scenario.host.interfaces["eth0"].addresses
    assert first == Address(address="172.18.45.2/32")
    assert (second.peer, second.label, second.flags) == ("10.9.0.2/32", "eth0:1", ("deprecated",))
    assert (str(second.ip), second.prefixlen, str(second.peer_ip)) == ("10.9.0.1", 32, "10.9.0.2")
    assert third.address == "2001:db8:1::2/64"
    assert list(scenario.host.interfaces) == ["eth0", "eth1"]
    networks = [str(route.network) for route in scenario.host.routes]
    assert networks == ["0.0.0.0/0", "::/0", "192.0.2.0/24"]
    assert (scenario.host.routes[1].via, scenario.host.routes[1].dev) == ("fe80::1", "eth0")
    assert scenario.host.sysctls == {"net.ipv6.bindv6only": "0", "net.ipv4.ip_forward": "1"}
    assert scenario.names["web"] == ("172.31.80.8", "2001:db8::1", "::ffff:1.2.3.4")
    look, number = scenario.lookups
    assert (look.service, look.flags) == ("80", ("AI_PASSIVE", "AI_ALL", "0x800", "0x1000"))
    assert look.expect[0].order == ("172.31.80.8", "2001:db8::1")
    assert look.expect[0].glibc == ">=2.8,<2.41"
    assert number.name == "2130706433"
    assert (read.gai_conf, read.gai_conf_name) == (None, "default")


def test_nothing_of_a_scenario_can_be_changed(tmp_path: Path) -> None:
    scenario = loaded(tmp_path, TEXT).scenario
    with pytest.raises(ValueError, match="frozen"):
        scenario.name = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        scenario.names["more"] = ()  # type: ignore[index]


def test_quoted_words_are_text_and_aliases_are_values(tmp_path: Path) -> None:
    names = 'names: {"no": &a [192.0.2.1], b: *a}\nlookups: [{name: "no"}]\n'
    scenario = loaded(tmp_path, f"name: x\nhost: {{}}\n{names}").scenario
    assert scenario.lookups[0].name == "no"
    assert scenario.names == {"no": ("192.0.2.1",), "b": ("192.0.2.1",)}


def test_gai_conf_inline_beside_and_in_the_catalogue(tmp_path: Path) -> None:
    catalogue = gai_conf_files()["rfc6724.conf"].read_bytes()
    for said, content, name in (
        ("|\n  precedence ::/0 1\n", b"precedence ::/0 1\n", "inline"),
        ('""', b"", "inline"),
        ("{file: rfc6724.conf}", catalogue, "rfc6724.conf"),
        ("{file: rfc6724.conf}", b"# mine\xff\n", "rfc6724.conf"),
    ):
        text = f"name: x\nhost: {{}}\nlookups: [{{name: localhost}}]\ngai_conf: {said}"
        read = loaded(tmp_path, text)
        assert (read.gai_conf, read.gai_conf_name) == (content, name)
        if content == catalogue:
            (tmp_path / "rfc6724.conf").write_bytes(b"# mine\xff\n")


@pytest.mark.parametrize(
    ("spec", "version", "fits"),
    [(">=2.8", "2.36", True), (">=2.8", "2.7", False), ("<2.41", "2.9", True),
     ("<2.41,>=2.31", "2.41", False), ("==2.36", "2.36", True), ("!=2.36", "2.36", False),
     (">2.36", "2.36", False), ("<=2.36", "2.36.9000", False), (None, "2.5", True)],
)  # fmt: skip
def test_specifiers_and_architectures(spec: str | None, version: str, fits: bool) -> None:
    assert Expect(order=("192.0.2.1",), glibc=spec).matches(version) is fits
    expect = Expect(order=("192.0.2.1",), glibc=spec, arch=("armhf", "s390x"))
    assert not expect.matches(version)
    assert expect.matches(version, "armhf") is fits


def test_a_node_with_a_thousand_interfaces_can_be_written(tmp_path: Path) -> None:
    numbers = range(1000)
    veths = "".join(f"    veth{n}: {{addresses: [10.0.{n // 250}.{n % 250}]}}\n" for n in numbers)
    settings = "".join(
        f"    net.ipv4.conf.veth{n}.rp_filter: 0\n    net.ipv6.conf.veth{n}.use_tempaddr: 2\n"
        for n in numbers
    )
    host = f"host:\n  interfaces:\n{veths}  sysctls:\n{settings}"
    scenario = loaded(tmp_path, f"name: a\n{host}lookups: [{{name: localhost}}]\n").scenario
    assert (len(scenario.host.interfaces), len(scenario.host.sysctls)) == (1000, 2000)
