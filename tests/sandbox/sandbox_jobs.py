"""The functions the tests run inside sandboxes."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import time
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Any

from harness.model.host import Route, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.sandbox import Box
    from harness.scenario.schema import Host

_AF_UNSPEC = b"\0" * 16


def nothing(box: Box, spec: Any) -> Iterator[Any]:
    yield from ()


def built(box: Box, host: Host) -> Iterator[Any]:
    yield box.build(host)
    yield box.observe()


def connected(box: Box, spec: tuple[Host, list[Target]]) -> Iterator[Any]:
    """What observe() says of each target, and what real sockets meet."""
    host, targets = spec
    box.build(host)
    view = box.observe(targets)
    yield view
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        yield {target: _connect(sock, target, view.bindv6only) for target in targets}


def _connect(sock: socket.socket, target: Target, only_ipv6: bool) -> Route:
    """As glibc does it: one AF_INET6 socket for all, an AF_INET one where that is refused."""
    _disconnect(sock)
    address = target.address
    if isinstance(address, IPv4Address):
        plain = _connect4(address)
        if not only_ipv6:
            both = _connect6(sock, f"::ffff:{address}", 0)
            mapped = both.source.ipv4_mapped if isinstance(both.source, IPv6Address) else None
            assert plain == Route(mapped, both.error), (target, plain, both)
        return plain
    return _connect6(sock, str(address), target.scope_id)


def _connect4(address: IPv4Address) -> Route:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect((str(address), 80))
        except OSError as problem:
            return Route(None, errno.errorcode[problem.errno or 0])
        return Route(ip_address(sock.getsockname()[0]))


def _connect6(sock: socket.socket, address: str, scope_id: int) -> Route:
    try:
        sock.connect((address, 80, 0, scope_id))
    except OSError as problem:
        return Route(None, errno.errorcode[problem.errno or 0])
    return Route(ip_address(sock.getsockname()[0].partition("%")[0]))


def _disconnect(sock: socket.socket) -> None:
    # Python has no way to connect to AF_UNSPEC
    import ctypes

    ctypes.CDLL(None).connect(sock.fileno(), _AF_UNSPEC, 16)
