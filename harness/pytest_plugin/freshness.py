"""Whether a process still reads gai.conf: glibc does so once, at the first list it sorts."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from harness.glibcs import host
from harness.model.dialects import dialect
from harness.model.gaiconf import parse_gai_conf
from harness.sandbox import kernel, namespaces
from harness.sandbox.names import replace, write_names

_GAI_CONF = Path("/etc/gai.conf")
_NAME = "gai-harness-probe"
# no network is needed: rule 6 decides between two that cannot be reached
_ORDER = ("192.0.2.1", "198.51.100.1")
_STALE = (
    "this pytest process has sorted addresses before, and glibc reads gai.conf once per process, "
    "so code forked from it cannot see the gai.conf of this host; run the code by "
    "box.command([sys.executable, …]), or this test in a run of its own"
)
_TURNS = b"precedence ::ffff:0:0/96 10\nprecedence ::ffff:198.51.100.0/120 90\n"


class StaleGaiConf(Exception):
    """A pytest process whose glibc has read another gai.conf before and keeps to it."""


def matters(gai_conf: bytes | None) -> bool:
    """Whether a host's gai.conf says anything else than this machine's; None for no file."""
    build = host()
    spoken = dialect(build.version, build.arch)
    try:
        kept = _GAI_CONF.read_bytes()
    except OSError:
        kept = b""
    wanted = parse_gai_conf(gai_conf or b"", spoken)
    return bool(wanted.undefined) or wanted != parse_gai_conf(kept, spoken)


def check() -> None:
    """In a process inside a sandbox: try whether its glibc reads a gai.conf.

    A child does it, with a network and an /etc of its own. Raises StaleGaiConf.
    """
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if _reads() else 1
        finally:
            os._exit(status)
    if os.waitpid(child, 0)[1] != 0:
        raise StaleGaiConf(_STALE)


def _reads() -> bool:
    kernel.unshare(kernel.CLONE_NEWNS | kernel.CLONE_NEWNET)
    namespaces.mount_tmpfs("/etc")
    write_names(Path("/etc"), {_NAME: _ORDER}, "files")
    replace(_GAI_CONF, _TURNS)
    found = socket.getaddrinfo(_NAME, None, socket.AF_INET, socket.SOCK_STREAM)
    return [info[4][0] for info in found] == list(reversed(_ORDER))
