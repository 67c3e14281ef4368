"""Kernel settings below net, of the network namespace this process is in."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import NoSandbox, SandboxError

if TYPE_CHECKING:
    from collections.abc import Collection

_ROOT = Path("/proc/sys/net")
_PART = re.compile(r"[A-Za-z0-9_/:@+~!#$^&*()=,;<>?{}|'\"`\[\]\\-]+")
_OF_INTERFACE = re.compile(r"net\.(ipv[46])\.(conf|neigh)\.(.+)\.([a-z0-9_]+)")


def interface_of(key: str, interfaces: Collection[str]) -> str | None:
    """The interface a setting belongs to, None for one of all, default, lo or the namespace.

    Parameters: ``key`` as "net.ipv6.conf.eth0.disable_ipv6"; ``interfaces`` those there are.
    """
    match = _OF_INTERFACE.fullmatch(key)
    if match is None:
        return None
    name = match[3].replace("/", ".")
    return name if name in interfaces else None


def write(key: str, value: str, interfaces: Collection[str] = ()) -> None:
    """Set one setting.

    Parameters: ``key`` in dots; in an interface's name the dots may stand as they are or,
    as sysctl(8) has it, as slashes. ``interfaces`` the names that may occur in ``key``.
    Raises SandboxError for a key outside net or a value the kernel refuses,
    NoSandbox where /proc/sys is read-only.
    """
    path = _path(key, interfaces)
    try:
        with path.open("wb", buffering=0) as file:
            file.write(value.encode())
    except OSError as problem:
        if problem.errno == errno.EROFS:
            raise NoSandbox(
                "/proc/sys is read-only here, so a sandbox cannot set sysctls",
                "a container must leave /proc unmasked (systempaths=unconfined)",
            ) from None
        said = "no such setting" if problem.errno == errno.ENOENT else problem.strerror
        raise SandboxError(f"host.sysctls.{key}: the kernel refused {value!r}: {said}") from None


def exists(key: str) -> bool:
    """Whether this kernel has a setting. Parameters: ``key`` in dots, without interfaces."""
    return _path(key, ()).exists()


def _path(key: str, interfaces: Collection[str]) -> Path:
    name = interface_of(key, interfaces)
    if name is not None:
        family, group, _, last = _OF_INTERFACE.fullmatch(key).groups()  # type: ignore[union-attr]
        return _ROOT / family / group / name / last
    first, *parts = key.split(".")
    if first != "net" or not parts or not all(_PART.fullmatch(part) for part in parts):
        raise SandboxError(f"host.sysctls.{key}: only settings below net can be set")
    parts = [part.replace("/", ".") for part in parts]
    if any("/" in part or part.strip(".") == "" for part in parts):
        raise SandboxError(f"host.sysctls.{key}: only settings below net can be set")
    return _ROOT.joinpath(*parts)
