"""The sysctls that a scenario may set: of the network namespace, and of use to a look-up.

A list of those, and not of what is forbidden: some settings below net are shown in every
network namespace and are the whole machine's all the same (net.netfilter.nf_hooks_lwtunnel,
net.ipv4.neigh.default.gc_thresh1).
"""

import re
from collections.abc import Collection

from pydantic.config import JsonDict

from harness.text.nearest import nearest
from harness.text.validation import bad

from .values import Place

WHOLE = (
    "net.ipv4.fib_multipath_hash_fields", "net.ipv4.fib_multipath_hash_policy",
    "net.ipv4.fib_multipath_hash_seed", "net.ipv4.fib_multipath_use_neigh",
    "net.ipv4.fwmark_reflect", "net.ipv4.icmp_errors_use_inbound_ifaddr",
    "net.ipv4.ip_autobind_reuse", "net.ipv4.ip_default_ttl", "net.ipv4.ip_forward",
    "net.ipv4.ip_local_port_range", "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_no_pmtu_disc", "net.ipv4.ip_nonlocal_bind",
    "net.ipv4.ip_unprivileged_port_start", "net.ipv4.nexthop_compat_mode",
    "net.ipv4.ping_group_range", "net.ipv4.raw_l3mdev_accept", "net.ipv4.tcp_fwmark_accept",
    "net.ipv4.tcp_l3mdev_accept", "net.ipv4.udp_l3mdev_accept",
    "net.ipv6.anycast_src_echo_reply", "net.ipv6.auto_flowlabels", "net.ipv6.bindv6only",
    "net.ipv6.fib_multipath_hash_fields", "net.ipv6.fib_multipath_hash_policy",
    "net.ipv6.flowlabel_consistency", "net.ipv6.flowlabel_reflect",
    "net.ipv6.flowlabel_state_ranges", "net.ipv6.fwmark_reflect", "net.ipv6.idgen_delay",
    "net.ipv6.idgen_retries", "net.ipv6.ip_nonlocal_bind",
)  # fmt: skip
"""Settings of a whole network namespace."""

# `default` has other settings of neighbours that are the machine's; the kernel copies the whole
# table `conf` for each namespace
_NEIGHBOUR = (
    "app_solicit", "base_reachable_time_ms", "delay_first_probe_time", "mcast_solicit",
    "retrans_time_ms", "ucast_solicit",
)  # fmt: skip
_NAME = "[!-.0-~]+"
_PATTERN = (
    rf"^net\.ipv[46]\.(conf\.{_NAME}\.[a-z][a-z0-9_]*|neigh\.{_NAME}\.({'|'.join(_NEIGHBOUR)}))$"
)
JSON_SCHEMA: JsonDict = {"maxLength": 128, "anyOf": [{"enum": [*WHOLE]}, {"pattern": _PATTERN}]}
"""What a JSON Schema says of the names."""

_OF_INTERFACE = re.compile(rf"net\.(ipv[46])\.(conf|neigh)\.({_NAME})\.([a-z0-9_]+)")
_EVERYWHERE = ("all", "default", "lo")


def parts(key: str) -> tuple[str, ...] | None:
    """A setting's path below /proc/sys, "eth0.7" one part of it; None for one not in the lists."""
    if key in WHOLE:
        return tuple(key.split("."))
    found = _OF_INTERFACE.fullmatch(key)  # the pattern takes a millisecond to compile
    if found is None or len(key) > 128:
        return None
    known = found[4] in _NEIGHBOUR if found[2] == "neigh" else found[4][0].isalpha()
    return ("net", *found.groups()) if known and found[3].strip(".") else None


def interface_of(key: str) -> str | None:
    """The interface a setting belongs to, None for one of all, default, lo or the namespace."""
    found = _OF_INTERFACE.fullmatch(key)
    return None if found is None or found[3] in _EVERYWHERE else found[3]


def check_sysctl(key: str, interfaces: Collection[str], at: Place) -> None:
    """Refuse a setting that is not known, or not of one of the host's ``interfaces``."""
    if parts(key) is None:
        near = nearest(key, WHOLE)
        meant = f"perhaps {near}" if near is not None else "such as net.ipv6.bindv6only"
        raise bad(f"a known sysctl of a network namespace, below net, {meant}", key, at=at)
    name = interface_of(key)
    if name is not None and name not in interfaces:
        known = ", ".join([*_EVERYWHERE, *interfaces][:20])
        raise bad(f"the sysctl of an interface of the host ({known})", key, at=at)
