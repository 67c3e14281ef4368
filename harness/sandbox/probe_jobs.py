"""What `probe` runs inside throw-away sandboxes: it tries, and says how it went."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from harness.kernel.netlink import Netlink
from harness.scenario.schema import Host

from . import devices, kernel, sysctls
from .devices import Workshop
from .errors import SandboxError, SandboxUnavailable

if TYPE_CHECKING:
    from .box import Box

_FIRST_INDEX = 1000


@dataclass(frozen=True, slots=True)
class Inside:
    """What a sandbox of this machine can do; each text is the reason why not, "" when it can."""

    tmpfs: str
    overlay: str
    proc: str
    sysctls: str
    tun: str


def look(box: Box, _spec: None) -> Iterator[Inside]:
    """Mounts, settings and the tun device of a sandbox."""
    scratch = box.tmpdir()
    yield Inside(
        tmpfs=_tried(lambda: _tmpfs(scratch)),
        overlay=_tried(lambda: _overlay(scratch)),
        # where it cannot be mounted, /proc is that of the machine
        proc="" if str(Path("/proc/self").readlink()) == str(os.getpid()) else "not mounted anew",
        sysctls=_tried(lambda: sysctls.write("net.ipv4.conf.default.route_localnet", "0")),
        tun=_tried(_open_tun),
    )


def device_types(_box: Box, wanted: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Each of the kernel's device types with the reason why it cannot be made, "" if it can."""
    sock = Netlink()
    workshop = Workshop(sock)
    try:
        # macvlan and the like sit on another device
        below = workshop.make("below", "ethernet", _FIRST_INDEX - 1)
        for index, kind in enumerate(wanted, _FIRST_INDEX):
            yield kind, devices.offered(workshop, kind, index, below)
    finally:
        workshop.close()
        sock.close()


def kinds(_box: Box, wanted: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """Each kind of interface a scenario can have, the device used, and how to get one if none."""
    sock = Netlink()
    workshop = Workshop(sock)
    try:
        for index, kind in enumerate(wanted, _FIRST_INDEX):
            try:
                made = workshop.make(f"try{index}", kind, index, table=100)
            except SandboxUnavailable as problem:
                yield kind, "", problem.hint
            except SandboxError as problem:
                yield kind, "", problem.message
            else:
                yield kind, made.used, ""
    finally:
        workshop.close()
        sock.close()


def dual_stack(box: Box, _spec: None) -> Iterator[int]:
    """How many times a host has the IPv6 address it was given."""
    addresses = ["192.0.2.1/24", "2001:db8::1/64"]
    box.build(Host.model_validate({"interfaces": {"eth0": {"addresses": addresses}}}))
    found = [one.address for one in box.observe().addresses]
    yield found.count(ip_address("2001:db8::1"))


def capture(box: Box, _spec: None) -> Iterator[int]:
    """The size of a capture of a sandbox's netlink traffic, in bytes."""
    box.build(Host.model_validate({"interfaces": {"eth0": {"addresses": ["192.0.2.1/24"]}}}))
    capturing = box.capture()
    box.observe()
    yield len(capturing.pcap())


def _tried(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as problem:
        return problem.strerror or str(problem)
    except SandboxUnavailable as problem:
        return problem.reason
    except SandboxError as problem:
        return problem.message
    return ""


def _tmpfs(scratch: Path) -> None:
    place = scratch / "tmpfs"
    place.mkdir()
    kernel.mount("tmpfs", str(place), "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=1m")


def _overlay(scratch: Path) -> None:
    parts = {name: scratch / name for name in ("lower", "upper", "work", "merged")}
    for part in parts.values():
        part.mkdir()
    data = f"lowerdir={parts['lower']},upperdir={parts['upper']},workdir={parts['work']},userxattr"
    kernel.mount("overlay", str(parts["merged"]), "overlay", 0, data)


def _open_tun() -> None:
    try:
        os.close(os.open(devices.TUN, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK))
    except OSError as problem:
        if problem.errno == errno.ENOENT:
            raise OSError(problem.errno, f"{devices.TUN} does not exist") from None
        raise
