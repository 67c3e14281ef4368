"""The kernel settings that matter to a source address, read from /proc/sys/net."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from harness.live.said import Said

_ROOT = Path("/proc/sys/net")
_LINKDOWN = "ignore_routes_with_linkdown"
_WHOLE = (
    "ipv6.bindv6only",
    "ipv4.fib_multipath_hash_policy",
    "ipv6.fib_multipath_hash_policy",
    "ipv4.fib_multipath_use_neigh",
)
_EVERYWHERE = (
    "ipv4.ignore_routes_with_linkdown",
    "ipv4.route_localnet",
    "ipv6.ignore_routes_with_linkdown",
    "ipv6.use_oif_addrs_only",
    "ipv6.use_optimistic",
    "ipv6.forwarding",
)


class SettingsHidden(Exception):
    """A place without /proc, where nothing can be said of the kernel's settings."""

    exit_status = 3


def sysctls(names: Iterable[str]) -> tuple[dict[str, str], list[Said]]:
    """The settings that differ from those a sandbox begins with, and what is left out.

    Parameters: ``names`` the interfaces. A setting this kernel does not have, or does not
    show, is passed over. Raises SettingsHidden where it shows none at all.
    """
    found: dict[str, str] = {}
    left_out: list[Said] = []
    if not _ROOT.is_dir():
        raise SettingsHidden(
            f"the kernel's settings cannot be read: there is no {_ROOT}; "
            "mount it: mount -t proc proc /proc"
        )

    def keep(*path: str, usual: Collection[str] = ("0",)) -> None:
        value = _read(*path)
        if value is not None and value not in usual:
            found[".".join(("net", *path))] = value

    for key in _WHOLE:
        keep(*key.split("."))
    off = _read("ipv6", "conf", "all", "disable_ipv6")
    if off is None:
        left_out.append(Said("the kernel has no IPv6 at all: in the copy it is switched off"))
        found["net.ipv6.conf.all.disable_ipv6"] = "1"
    elif off != "0":
        found["net.ipv6.conf.all.disable_ipv6"] = off
    usual = found.get("net.ipv6.conf.all.disable_ipv6", "0")
    for where in ("all", "lo", *names):
        for setting in _EVERYWHERE:
            family, _, last = setting.partition(".")
            if f"net.{family}.conf.all.{last}" not in found:
                keep(family, "conf", where, last)
        if where != "all":
            keep("ipv6", "conf", where, "disable_ipv6", usual=(usual,))
        if where not in ("all", "lo"):
            keep("ipv6", "conf", where, "use_tempaddr", usual=("0", "-1"))
    return found, left_out


def _read(*parts: str) -> str | None:
    try:
        return _ROOT.joinpath(*parts).read_text().strip()
    except OSError:
        return None


def ignores_linkdown(version: int, name: str) -> bool:
    """Whether routes over an interface without carrier are ignored. Raises nothing."""
    values = (_read(f"ipv{version}", "conf", where, _LINKDOWN) for where in ("all", name))
    return "1" in values
