"""This machine's glibc, gai.conf and kernel, read only."""

from __future__ import annotations

import socket
from pathlib import Path

from harness.kernel.netlink import Netlink
from harness.kernel.observe import observe
from harness.model.host import HostView, Target

GAI_CONF = Path("/etc/gai.conf")


def read_gai_conf() -> bytes | None:
    """The host's gai.conf, None where there is none or it cannot be read, as for glibc."""
    try:
        return GAI_CONF.read_bytes()
    except OSError:
        return None


def look(targets: tuple[Target, ...] = ()) -> HostView:
    """The host as its kernel describes it, through dumps and route look-ups only.

    Parameters: ``targets`` the destinations to look routes up for. Raises OSError.
    """
    netlink = Netlink()
    try:
        return observe(netlink, targets)
    finally:
        netlink.close()


def service_ports(service: str | None) -> dict[tuple[str, str], int]:
    """The host's ports of a service name, keyed (name, protocol). Raises nothing.

    A port is no part of the ordering, so asking the C library for it gives nothing away.
    """
    found = {}
    if service and not service.isdigit():
        for protocol in ("tcp", "udp", "dccp", "udplite", "sctp", "mptcp"):
            try:
                found[service, protocol] = socket.getservbyname(service, protocol)
            except OSError:
                continue
    return found
