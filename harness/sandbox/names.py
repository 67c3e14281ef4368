"""The private files of name service: everything glibc reads under /etc for a look-up."""

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Literal

Resolver = Literal["files", "dns", "nss", "nss_by_family"]

# The services every sandbox knows, from IANA's registry: enough for look-ups by service
# name, and the same on every machine. Those without other protocols exist for tcp and for udp.
_PORTS = {
    "discard": 9, "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "domain": 53, "http": 80,
    "kerberos": 88, "pop3": 110, "ntp": 123, "imap2": 143, "snmp": 161, "ldap": 389, "https": 443,
    "submission": 587, "ldaps": 636, "imaps": 993, "nfs": 2049, "mysql": 3306, "postgresql": 5432,
    "shell": 514, "syslog": 514,
}  # fmt: skip
_PROTOCOLS_OF = {
    "discard": ("tcp", "udp", "sctp", "dccp"), "shell": ("tcp",), "syslog": ("udp",),
}  # fmt: skip
_ALIASES = {"discard": ("sink", "null"), "http": ("www",)}
_LISTED = {
    (name, protocol): port
    for name, port in _PORTS.items()
    for protocol in _PROTOCOLS_OF.get(name, ("tcp", "udp"))
}
SERVICES: Mapping[tuple[str, str], int] = MappingProxyType(
    {
        (each, protocol): port
        for (name, protocol), port in _LISTED.items()
        for each in (name, *_ALIASES.get(name, ()))
    }
)
"""The port of each (service, protocol) pair that the private services file lists."""

PROTOCOLS: Mapping[str, int] = MappingProxyType({
    "ip": 0, "icmp": 1, "tcp": 6, "udp": 17, "dccp": 33, "ipv6-icmp": 58, "sctp": 132,
    "udplite": 136,
})  # fmt: skip
"""The protocol numbers that the private protocols file lists."""

_CONSTANTS = {
    "services": "".join(
        f"{' '.join((name, f'{port}/{protocol}', *_ALIASES.get(name, ())))}\n"
        for (name, protocol), port in _LISTED.items()
    ),
    "protocols": "".join(f"{name} {number}\n" for name, number in PROTOCOLS.items()),
    "networks": "",
}

NAME_SERVERS = "127.0.0.1", "127.0.0.2", "127.0.0.3"
_MODULE_FILE = "gaiharness.names"  # of the name service module, csrc/NSS.md
# what they are called in nsswitch.conf; of the last one there is no module
_MODULES = {"nss": "gaiharness", "nss_by_family": "gai_family", "missing": "gai_missing"}
_MINIMUM_STEP = 1_000_000  # ns between two versions of a file


def write_names(etc: Path, names: Mapping[str, Sequence[str]], resolver: Resolver) -> None:
    """Write hosts, nsswitch.conf, resolv.conf and host.conf.

    The addresses of ``names``, in order, go into the hosts file when ``resolver`` is "files", and
    into the name service module's own when it is "nss" or "nss_by_family", where scope ids are
    numbers. Raises OSError.
    """
    lines = [f"{address} {name}" for name, addresses in names.items() for address in addresses]
    module = lines if resolver.startswith("nss") else None
    files = lines if resolver == "files" else ()
    # musl asks DNS all the same, where nobody listens
    resolv_conf = () if resolver == "dns" else ("options timeout:1",)
    write_services(etc, resolver, files, module, resolv_conf=resolv_conf)


def write_services(
    etc: Path,
    hosts: str | None,
    files: Sequence[str] | None = (),
    module: Sequence[str] | None = None,
    multi: bool = True,
    resolv_conf: Sequence[str] = (),
    servers: int = 1,
) -> None:
    """Write the same files for several services.

    ``hosts`` is nsswitch.conf's line, where "nss" means the name service module; ``files`` are the
    lines of the hosts file, ``module`` those of the module's; None is for none; ``multi`` is
    host.conf's; ``resolv_conf`` are more lines of that file, after so many ``servers``.
    Raises OSError.
    """
    resolv_conf = (*(f"nameserver {one}" for one in NAME_SERVERS[:servers]), *resolv_conf)
    modules = rf"\b({'|'.join(_MODULES)})\b"
    listed = re.sub(modules, lambda kind: _MODULES[kind[0]], hosts or "")
    switch = [f"hosts: {listed}"] if hosts else []
    texts: dict[str, str | None] = {
        "hosts": _lines(files),
        _MODULE_FILE: _lines(module),
        "nsswitch.conf": _lines(
            [*switch, "services: files", "networks: files", "protocols: files"]
        ),
        "resolv.conf": _lines(resolv_conf),
        "host.conf": f"multi {'on' if multi else 'off'}\n",
    }
    for name, text in texts.items():
        replace(etc / name, None if text is None else text.encode())


def _lines(lines: Sequence[str] | None) -> str | None:
    return None if lines is None else "".join(f"{line}\n" for line in lines)


def write_constants(etc: Path) -> None:
    """Write services, protocols and networks, which are the same for every host. Raises OSError."""
    for name, text in _CONSTANTS.items():
        replace(etc / name, text.encode())


def replace(path: Path, data: bytes | None, mtime: int | None = None) -> None:
    """Put a file with ``data`` in place of another in one step, or remove it (None).

    Without ``mtime`` (in nanoseconds) a process that checks the file's time sees every change: two
    versions are never from the same instant, however fast they follow each other. Raises OSError.
    """
    if data is None:
        path.unlink(missing_ok=True)
        return
    new = path.with_name(f".{path.name}.new")
    # opened once: a gai.conf is written for every few look-ups
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    try:
        while data:
            data = data[os.write(file, data) :]
        with suppress(FileNotFoundError):
            made = os.fstat(file)
            if mtime is None:
                mtime = max(made.st_mtime_ns, path.stat().st_mtime_ns + _MINIMUM_STEP)
            os.utime(file, ns=(made.st_atime_ns, mtime))
    finally:
        os.close(file)
    new.rename(path)
