"""What sandboxes this machine can make: namespaces, mounts, devices. Each thing is tried."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from . import devices, probe_jobs, refusals
from .checks import Check
from .errors import SandboxError, SandboxUnavailable
from .pool import Pool

DEVICE_TYPES = (
    "dummy", "veth", "ifb", "bridge", "macvlan", "tun", "sit", "ipip", "ip6tnl", "vrf", "nlmon",
)  # fmt: skip
KINDS = ("ethernet", "sit", "tunnel", "tunnel6", "vrf")
"""The kinds of interface that differ for the ordering; all others are made as ethernet."""

Needs = Callable[[], tuple[Mapping[str, int], int]]
"""How many scenarios of the library need each kind of interface, and how many there are."""


def probe(needs: Needs) -> Iterator[Check]:
    """Look at this machine, from the kernel to what a sandbox can do; nothing is left behind.

    Parameters: ``needs`` is asked only when a kind of interface cannot be made. What comes
    after a "cannot" of the namespaces cannot be tried and is left out. Raises nothing.
    """
    yield _kernel()
    if not sys.platform.startswith("linux"):
        return
    try:
        with Pool() as pool:
            (inside,) = pool.run(probe_jobs.look, None)
            yield _namespaces()
            yield from _inside(inside)
            if inside.tmpfs or inside.sysctls:
                return  # no host can be built, so nothing more can be tried
            yield from _devices(pool, needs)
            yield _ipv6(pool)
            yield _capture(pool)
    except SandboxUnavailable as problem:
        yield _refused(problem.reason, problem.hint)
    except SandboxError as problem:
        yield _refused(problem.message, "report this as a bug")


def _kernel() -> Check:
    found = f"{platform.system()} {platform.release()} on {platform.machine()}"
    if sys.platform.startswith("linux"):
        return Check("kernel", "ok", found)
    return Check("kernel", "cannot", found, "sandboxes need Linux", "run this on a Linux machine")


def _namespaces() -> Check:
    uid = os.geteuid()
    who = "root" if uid == 0 else f"uid {uid}, an ordinary user"
    return Check("namespaces", "ok", f"user, network, mount, process, host name and IPC, as {who}")


def _refused(reason: str, hint: str) -> Check:
    values = [f"{one.key} = {one.value}" for one in refusals.SWITCHES if one.value is not None]
    meaning = f"no scenario can be run without them; settings here: {', '.join(values)}"
    return Check("namespaces", "cannot", reason, meaning, hint)


def _inside(inside: probe_jobs.Inside) -> Iterator[Check]:
    if inside.tmpfs:
        found = f"tmpfs: {inside.tmpfs}"
        yield Check("mounts", "cannot", found, "every sandbox needs them", refusals.hint(1))
    else:
        have = ["tmpfs"]
        have += [name for name in ("overlay", "proc") if not getattr(inside, name)]
        without = [name for name in ("overlay", "proc") if getattr(inside, name)]
        found = ", ".join(have) + (f"; not {', '.join(without)}" if without else "")
        # neither is needed: /proc/sys/net of the machine's /proc follows the reader's namespace
        yield Check("mounts", "ok", found, "nothing here needs those" if without else "")
    if inside.sysctls:
        yield Check(
            "sysctls", "cannot", inside.sysctls,
            "every host of a scenario begins with some settings of its network",
            "start the container with --security-opt systempaths=unconfined",
        )  # fmt: skip
    else:
        yield Check("sysctls", "ok", "/proc/sys/net of a sandbox can be written")
    if inside.tun:
        yield Check(
            "tun", "missing", f"{devices.TUN}: {inside.tun}",
            "tunnels need it where the kernel has none of their own: see interfaces",
            f"modprobe tun && chmod 666 {devices.TUN}; a container needs --device {devices.TUN}",
        )  # fmt: skip
    else:
        yield Check("tun", "ok", f"{devices.TUN} can be opened")


def _devices(pool: Pool, needs: Needs) -> Iterator[Check]:
    offered = dict(pool.run(probe_jobs.device_types, DEVICE_TYPES))
    have = [name for name, reason in offered.items() if not reason]
    without = [
        name if reason == "not offered" else f"{name} ({reason})"
        for name, reason in offered.items()
        if reason
    ]
    yield Check(
        "device types", "ok",
        f"{', '.join(have) or 'none'}" + (f"; not {', '.join(without)}" if without else ""),
        "others stand for those: see interfaces" if without else "",
    )  # fmt: skip
    for kind, used, hint in pool.run(probe_jobs.kinds, KINDS):
        yield _interface(kind, used, hint, needs)


def _interface(kind: str, used: str, hint: str, needs: Needs) -> Check:
    hint = hint.removeprefix("try: ")
    topic = f"interfaces: {kind}"
    if used:
        return Check(topic, "ok", f"made as {used}")
    wanted, total = needs()
    number = total if kind == "ethernet" else wanted.get(kind, 0)
    if not number:
        return Check(
            topic, "missing", "cannot be made",
            "a scenario that has one ends with status 3; none of the library has", hint,
        )  # fmt: skip
    return Check(
        topic, "cannot", "cannot be made",
        f"{number} of the {total} scenarios of the library need one and end with status 3; "
        f"the other {total - number} run", hint,
    )  # fmt: skip


def _ipv6(pool: Pool) -> Check:
    number = _first(pool, probe_jobs.dual_stack)
    if number == 1:
        return Check("IPv6", "ok", "a sandbox's host can have IPv6 addresses")
    reason = number if isinstance(number, str) else "the address given did not stay"
    return Check(
        "IPv6", "cannot", reason, "most scenarios have IPv6 addresses",
        "load the kernel module ipv6; it must not be switched off by ipv6.disable=1",
    )  # fmt: skip


def _capture(pool: Pool) -> Check:
    size = _first(pool, probe_jobs.capture)
    if isinstance(size, int):
        return Check("packet capture", "ok", "explain --pcap records the netlink traffic")
    reason, _, hint = size.partition("; ")
    hint = hint.removeprefix("try: ")
    return Check("packet capture", "missing", reason, "explain --pcap cannot be used", hint)


def _first(pool: Pool, job: Callable[..., Iterator[Any]]) -> int | str:
    """What the job yields, or the error it ended with."""
    try:
        (value,) = pool.run(job, None)
    except SandboxError as problem:
        return str(problem)
    return int(value)
