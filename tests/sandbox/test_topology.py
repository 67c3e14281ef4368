from pathlib import Path
from typing import Any

import pytest

from harness.model import host as model
from harness.sandbox import DeviceNote, Pool, SandboxError, sysctls
from harness.scenario.schema import Address, Host, Interface, RouteSpec
from harness.scenario.sysctls import WHOLE, parts
from tests.sandbox import jobs
from tests.sandbox.kit import host as host_of
from tests.sandbox.kit import pairs


def build(
    pool: Pool, host: dict[str, Any] | Host
) -> tuple[model.HostView, tuple[DeviceNote, ...], dict[str, str]]:
    parsed = host if isinstance(host, Host) else Host.model_validate(host)
    notes, view, kinds = pool.run(jobs.built, parsed)
    return view, notes, kinds


def test_an_empty_host_has_only_a_loopback_interface(pool: Pool) -> None:
    view, notes, _ = build(pool, {})
    assert notes == ()
    assert [link.name for link in view.links if link.index == 1] == ["lo"]
    found = [f"{r.address}/{r.prefixlen}" for r in view.addresses]
    assert found == ["127.0.0.1/8", "::1/128"]
    for where in ("all", "lo"):
        view, *_ = build(pool, {"sysctls": {f"net.ipv6.conf.{where}.disable_ipv6": "1"}})
        assert [str(r.address) for r in view.addresses] == ["127.0.0.1"]


def test_an_interface_carries_exactly_the_addresses_listed_in_their_order(pool: Pool) -> None:
    interfaces = {
        "b": "10.0.0.9/24 10.0.0.5/24 192.0.2.1/32 10.0.1.1/16", "a": "tunnel 2001:db8::1/64",
        "c": "sit", "d": "tunnel6 fe80::1/64", "e": "",
    }  # fmt: skip
    view, *_ = build(pool, host_of(interfaces))
    indexes = {link.name: link.index for link in view.links}
    assert [indexes[name] - indexes["b"] for name in interfaces] == [*range(len(interfaces))]
    # the kernel lists an interface's primary addresses before its secondary ones
    listed = [f"{r.address}/{r.prefixlen}" for r in view.addresses if r.index != 1]
    assert " ".join(listed) == (
        "10.0.0.9/24 192.0.2.1/32 10.0.1.1/16 10.0.0.5/24 2001:db8::1/64 fe80::1/64"
    )


# a tun device, or where there is none an ethernet, stands for what this kernel lacks
KINDS = {
    "ethernet": {1}, "bridge": {1}, "bond": {1}, "vlan": {1}, "macvlan": {1}, "tun": {0xFFFE, 1},
    "wireguard": {0xFFFE, 1}, "gre": {778, 0xFFFE, 1}, "ppp": {512, 1},
    "sit": {model.ARPHRD_SIT}, "tunnel": {model.ARPHRD_TUNNEL}, "tunnel6": {model.ARPHRD_TUNNEL6},
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_the_link_type_of_a_kind_and_what_stands_for_it(pool: Pool, kind: str) -> None:
    view, notes, kinds = build(pool, {"interfaces": {"x": {"kind": kind, "addresses": []}}})
    assert next(link.type for link in view.links if link.name == "x") in KINDS[kind]
    said = [note for note in notes if note.name == "x"]
    same = {"ethernet": ("dummy", "veth"), "tunnel": ("ipip",), "tunnel6": ("ip6tnl",)}
    assert bool(said) == (kinds["x"] not in (kind, *same.get(kind, ())))
    assert all(note.text.startswith(f"{kind} made as {kinds['x']}") for note in said)


def test_an_interface_name_with_dots_and_a_sysctl_of_it(pool: Pool) -> None:
    settings = {"net.ipv6.conf.eth0.7.disable_ipv6": 1, "net.ipv6.bindv6only": 1}
    view, *_ = build(pool, host_of({"eth0.7": "", "peer2": "10.0.0.1/24"}, sysctls=settings))
    assert view.bindv6only
    assert {"eth0.7", "peer2"} <= {link.name for link in view.links}


def unchecked(**parts: Any) -> Host:
    """A host as the kernel would have to judge it: the schema's own checks are skipped."""
    return Host.model_construct(**({"interfaces": {}, "routes": (), "sysctls": {}} | parts))


def ethernet(*addresses: str) -> Interface:
    return Interface(addresses=tuple(Address(address=a) for a in addresses))


def with_setting(key: str, value: str = "x", *addresses: str) -> Host:
    return unchecked(interfaces={"eth0": ethernet(*addresses)}, sysctls={key: value})


NEAR = {"eth0": ethernet("10.0.0.1/24")}
FROM = RouteSpec.model_validate({"to": "10.2.0.0/16", "dev": "eth0", "from": "10.7.7.7"})
NOWHERE = RouteSpec.model_validate(pairs("to 10.9.0.0/24 dev eth0 from 10.0.0.1 scope nowhere"))
GATEWAYS = tuple(
    RouteSpec(to=to, via=via)
    for to, via in (("10.3.0.0/16", "10.0.0.2"), ("10.2.0.0/16", "10.1.0.1"))
)
OFF = "net.ipv6.conf.eth0.disable_ipv6"
# the beginning of the message, and the host
REFUSED = {
    "host.routes[1]: the kernel refused 10.2.0.0/16 via 10.1.0.1: Network is unreachable":
        unchecked(interfaces=NEAR, routes=GATEWAYS),
    "host.routes[0]: the kernel refused 10.2.0.0/16 dev eth0 from 10.7.7.7: Invalid argument":
        unchecked(interfaces=NEAR, routes=(FROM,)),
    "host.routes[0]: there is no interface eth9":
        unchecked(routes=(RouteSpec(to="10.2.0.0/16", dev="eth9"),)),
    "host.interfaces.eth0.addresses[1]: the kernel refused 2001:db8::1/64: ":
        unchecked(interfaces={"eth0": ethernet("2001:db8::1/64", "2001:db8::1/64")}),
    "host.interfaces.eth0.addresses[0]: the kernel refused 2001:db8::1/64: Permission denied":
        with_setting(OFF, "1", "2001:db8::1/64"),
    "host.sysctls.net.ipv6.conf.eth1.disable_ipv6: the kernel refused '1': no such setting":
        with_setting("net.ipv6.conf.eth1.disable_ipv6", "1"),
    "host.sysctls.net.ipv6.bindv6only: the kernel refused 'many': Invalid argument":
        with_setting("net.ipv6.bindv6only", "many"),
    "host.sysctls.kernel.hostname: no sysctl of a network namespace that is known":
        with_setting("kernel.hostname"),
    "host.routes[0]: the kernel refused 10.9.0.0/24 dev eth0 from 10.0.0.1":
        unchecked(interfaces=NEAR, routes=(NOWHERE,)),
    "host.rules[1]: the kernel refused the rule of priority 5":
        Host.model_validate({"rules": [pairs("priority 5 family inet table 7")] * 2}),
    "host.interfaces.name-that-is-far-too-long: the kernel refused a ":
        unchecked(interfaces={"name-that-is-far-too-long": ethernet()}),
}  # fmt: skip


@pytest.mark.parametrize("message", REFUSED)
def test_a_refusal_names_the_field(pool: Pool, message: str) -> None:
    with pytest.raises(SandboxError) as caught:
        list(pool.run(jobs.built, REFUSED[message]))
    assert (str(caught.value).startswith(message), caught.value.details) == (True, "")
    assert "\n" not in str(caught.value)


def test_what_is_inside_is_private(pool: Pool) -> None:
    (seen,) = pool.run(jobs.surroundings, Host())
    etc = "host.conf hosts networks nsswitch.conf protocols resolv.conf services"
    assert seen == {
        "etc": etc.split(), "run": [], "hostname": "sandbox", "pid": 1, "pids": ["1"],
        "uid": (0, 0),
    }  # fmt: skip


def test_a_box_holds_one_host(pool: Pool) -> None:
    with pytest.raises(SandboxError, match="one host"):
        list(pool.run(jobs.built_twice, Host()))


# --- every sysctl that a scenario may set is the sandbox's own: the machine's stays as it was

ROOT = Path("/proc/sys/net")
# what the kernel shows in every network namespace and is the machine's, or may be
ELSEWHERE = (
    "net.netfilter.nf_hooks_lwtunnel", "net.netfilter.nf_conntrack_max", "net.core.somaxconn",
    "net.core.bpf_jit_enable", "net.ipv4.neigh.default.gc_thresh1", "net.ipv4.tcp_mem",
    "net.ipv4.tcp_allowed_congestion_control", "net.unix.max_dgram_qlen", "net.ipv4.route.flush",
    "net.ipv6.icmp.ratelimit", "net.bridge.bridge-nf-call-iptables", "net.mptcp.enabled",
)  # fmt: skip
TRICKS = (
    "", "net", "net.", "net..x", "kernel.core_pattern", "/etc/passwd", "net/../kernel/core_pattern",
    "net.ipv4.conf.../..", "net.ipv4.conf....x",
    "net.ipv4.conf.../../../kernel.core_pattern", "net.//.//.kernel.hostname",
    "net.ipv4.conf.lo/../../../../kernel.core_pattern", "net.ipv4.conf.lo\0.forwarding",
    "net.ipv6.bindv6only\n", "net.ipv4.conf.lo.forwarding\n", "net.ipv4.conf.l\no.forwarding",
    f"net.ipv4.conf.{'a' * 200}.forwarding",
)  # fmt: skip


def readings() -> dict[str, str]:
    """The machine's values of all settings, but for those that count or cannot be read."""
    found = {}
    for path in sorted(ROOT.rglob("*")):
        if path.is_file() and "stable_secret" not in path.name:
            try:
                found[str(path.relative_to(ROOT))] = path.read_text()
            except OSError:
                continue
    return {name: value for name, value in found.items() if "conntrack_count" not in name}


def test_each_is_written_in_a_sandbox_and_the_machine_keeps_its_own(pool: Pool) -> None:
    before = readings()
    host = Host.model_validate({"interfaces": {"eth0": {}}})
    (changed,) = pool.run(jobs.sysctls_changed, host)
    assert readings() == before
    here = {key for key in WHOLE if ROOT.parent.joinpath(*parts(key) or ()).exists()}
    missing = {key for key in here if key not in changed}
    assert not missing, "no other value could be written"
    assert sum(".conf." in key for key in changed) > 100
    assert any(".neigh.eth0." in key for key in changed)


@pytest.mark.parametrize("key", [*ELSEWHERE, *TRICKS])
def test_any_other_is_refused(key: str) -> None:
    assert parts(key) is None
    with pytest.raises(SandboxError, match="no sysctl of a network namespace"):
        sysctls.write(key, "1")
