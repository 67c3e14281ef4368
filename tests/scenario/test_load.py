"""What a good file becomes: normal forms, short forms, gai.conf, specifiers."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from harness.scenario import ScenarioError, gai_conf_files, load
from harness.scenario.schema import Address, Expect
from tests.costs import calls_of
from tests.scenario.kit import loaded, refusal

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
     (">2.36", "2.36", False), ("<=2.36", "2.36.9000", False), (None, "2.5", True),
     # a snapshot has what the next release has
     (">=2.43", "2.42.9000", True), ("==2.43", "2.42.9000", True), ("<2.43", "2.42.9000", False),
     ("==2.42", "2.42.9000", False)],
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


# --- what limits cost: work grows with the file, and what is too much is one line

HEAD = "name: x\nhost:\n  interfaces:\n    eth0: {addresses: [10.0.0.1/8, '2001:db8::1/64']}\n"
LOOKUPS = "lookups: [{name: web}]\n"


def routes(count: int) -> str:
    lines = [
        f"  - {{to: 172.16.{n >> 8}.{n & 255}/32, via: 10.0.0.2, from: 10.0.0.1}}\n"
        for n in range(count)
    ]
    return HEAD + "  routes:\n" + "".join(lines) + LOOKUPS


def members(count: int) -> str:
    names = [f"e{n}" for n in range(count)]
    lines = "".join(f"    {name}: {{}}\n" for name in names)
    vrf = f"    red: {{kind: vrf, table: 10, interfaces: [{', '.join(names)}]}}\n"
    return HEAD + lines + vrf + LOOKUPS


def zones(count: int) -> str:
    lines = "".join(f"    e{n}: {{}}\n" for n in range(count))
    names = "".join(f"  - fe80::{n:x}%e{n}\n" for n in range(count))
    return f"{HEAD}{lines}names:\n  web:\n{names}resolver: nss\n{LOOKUPS}"


def faults(count: int) -> str:
    return HEAD + LOOKUPS + "names:\n  web:\n" + "  - nothing\n" * count


def work(text: str, path: Path) -> int:
    """The calls, of Python and of C, that loading a file takes: no clock, the same each time."""
    path.write_text(text)

    def act() -> None:
        with suppress(ScenarioError):
            load(path)

    return calls_of(act)


@pytest.mark.parametrize("kind", [routes, members, zones, faults])
def test_twice_the_file_is_twice_the_work(kind: Callable[[int], str], tmp_path: Path) -> None:
    path = tmp_path / "many.yaml"
    work(kind(10), path)  # what is imported and cached at the first load
    once, twice = work(kind(150), path), work(kind(300), path)
    assert twice < 2.2 * once


@pytest.mark.parametrize(
    ("lookups", "field"),
    [("[{name: web}, {name: WEB.}, {name: web}, {name: web}, {name: web}]", "lookups[4]"),
     ("[{name: web, socktype: any}, {name: web, socktype: any}]", "lookups[1]")],
)  # fmt: skip
def test_look_ups_times_addresses_have_a_limit(lookups: str, field: str, tmp_path: Path) -> None:
    addresses = ", ".join(f"10.1.{n >> 8}.{n & 255}" for n in range(4096))
    error = refusal(tmp_path, f"{HEAD}names: {{web: [{addresses}]}}\nlookups: {lookups}\n")
    assert error.field == field
    assert "at most 16384 addresses together" in str(error)


def test_aliases_count_as_what_they_stand_for(tmp_path: Path) -> None:
    rows = ["  a0: &a0 [192.0.2.1, 192.0.2.2]"]
    rows += [f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20)]
    error = refusal(tmp_path, HEAD + LOOKUPS + "names:\n" + "\n".join(rows) + "\n")
    assert "at most 65536 values, aliases included" in str(error)


def test_an_error_names_some_of_many_interfaces(tmp_path: Path) -> None:
    lines = "".join(f"    e{n}: {{}}\n" for n in range(2000))
    text = f"{HEAD}{lines}  routes: [{{to: 192.0.2.0/24, dev: none}}]\n{LOOKUPS}"
    said = str(refusal(tmp_path, text))
    assert "e10 and 1990 more" in said
    assert len(said) < 1000
