"""What one service of the host answers, in its own order, before getaddrinfo sorts.

The modules that nsswitch.conf names are called directly, through the functions glibc itself
would call (``_nss_NAME_gethostbyname4_r`` and its kin). Each call is made in a child
process, so that a module that dies or hangs is an answer, not an end.
"""

import ctypes
import os
import pickle
import re
import select
import signal
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address
from typing import Any, NamedTuple

from harness.model.dialects import NEWEST, default_hosts
from harness.model.host import Target
from harness.sandbox import syscalls
from harness.sandbox.pool import RESOLVER_VARIABLES
from harness.scenario.nameservice import parse_hosts
from harness.text.errors import InputError, signal_name

AF_UNSPEC, AF_INET, AF_INET6 = 0, 2, 10
STATUSES = ("SUCCESS", "NOTFOUND", "UNAVAIL", "TRYAGAIN")
_STATUS = {1: "SUCCESS", 0: "NOTFOUND", -1: "UNAVAIL", -2: "TRYAGAIN"}
NO_MODULE = "has no function getaddrinfo could call"
_MOST = 1 << 22
_LONGEST = 1024  # as a scenario's nsswitch
_BRACKETS = re.compile(r"\[[^\]]*(\]|$)")
_ERANGE = 34


class ServiceReply(NamedTuple):
    """The status a service gives, the addresses in its order, and the name that has them."""

    status: str
    targets: tuple[Target, ...] = ()
    name: str | None = None


class ConfiguredService(NamedTuple):
    """One service of nsswitch.conf's hosts line, and the words in brackets behind it."""

    name: str
    conditions: tuple[str, ...] = ()

    @property
    def returns(self) -> set[str]:
        """The statuses after which no other is asked."""
        returns = {"SUCCESS"}
        for word in self.conditions:
            status, _, action = word.partition("=")
            named = status.lstrip("!").upper()
            if named in STATUSES:
                meant = {one for one in STATUSES if (one == named) is not status.startswith("!")}
                returns = returns | meant if action.lower() == "return" else returns - meant
        return returns

    @property
    def merges(self) -> bool:
        """Whether its addresses are to be merged with the next one's."""
        return "SUCCESS=MERGE" in map(str.upper, self.conditions)


def ask_service(service: ConfiguredService, name: str, timeout: float) -> ServiceReply:
    """What a service gives for a name and both families: its status, or how it failed in words.

    A child of this process asks; ``timeout`` is in seconds.
    """
    reading, writing = os.pipe()

    def ask() -> None:
        os.close(reading)
        for variable in RESOLVER_VARIABLES:  # as a session of a lane, which has none at all
            os.environ.pop(variable, None)
        with os.fdopen(writing, "wb") as stream:
            pickle.dump(_ask_one(service, name), stream)

    child = syscalls.forked(ask)
    os.close(writing)
    found = None
    with os.fdopen(reading, "rb") as stream:
        ready, _, _ = select.select([stream], [], [], timeout)
        if not ready:
            os.kill(child, signal.SIGKILL)
        else:
            with suppress(EOFError, pickle.UnpicklingError):
                found = pickle.load(stream)
    _, ending = os.waitpid(child, 0)
    if not ready:
        return ServiceReply(f"no answer within {timeout:g} s")
    if os.WIFSIGNALED(ending):
        return ServiceReply(f"died with {signal_name(os.WTERMSIG(ending))}")
    return found or ServiceReply("gave no answer")


def hosts_words(text: str | None) -> str | None:
    """What a nsswitch.conf's last hosts line says, without its comment.

    Raises InputError for one too long: that of a process may be made to keep its reader busy.
    """
    lines = (raw.partition("#")[0].partition(":") for raw in (text or "").splitlines())
    own = [rest for database, colon, rest in lines if colon and database.strip() == "hosts"]
    words = own[-1].strip() if own else None
    if words is not None and len(words) > _LONGEST:
        wanted = f"at most {_LONGEST} characters"
        raise InputError("/etc/nsswitch.conf", None, "hosts", wanted, str(len(words)))
    return words


def hosts_line(text: str | None) -> list[ConfiguredService] | None:
    """The services of a nsswitch.conf's last hosts line."""
    words = hosts_words(text)
    if words is None:
        return None
    services: list[ConfiguredService] = []
    for word in re.findall(r"\[[^\]]*\]|[^\s\[]+", words):
        if not word.startswith("["):
            services.append(ConfiguredService(word))
        elif services:
            last = services.pop()
            services.append(ConfiguredService(last.name, (*last.conditions, *word[1:-1].split())))
    return services


def malformed(text: str | None) -> str | None:
    """What of a nsswitch.conf's last hosts line is malformed; None where nothing is."""
    for found in _BRACKETS.finditer(hosts_words(text) or ""):
        try:
            parse_hosts(f"files {found[0]}")
        except ValueError:
            return found[0].strip()
    return None


def hosts_services(text: str | None) -> list[ConfiguredService]:
    """The services that this host's glibc asks by a nsswitch.conf; it passes over strange words."""
    # "glibc 2.36"; a host with another C library has no name service of this kind
    version = (os.confstr("CS_GNU_LIBC_VERSION") or "").rpartition(" ")[2]
    usual = f"hosts: {default_hosts(version or NEWEST)}"
    return hosts_line(text) or hosts_line(usual) or []


class _Tuple(ctypes.Structure):
    """One element of the list gethostbyname4_r gives (glibc's nss.h, an interface for modules)."""


_Tuple._fields_ = [
    ("next", ctypes.POINTER(_Tuple)),
    ("name", ctypes.c_char_p),
    ("family", ctypes.c_int),
    ("address", ctypes.c_uint8 * 16),
    ("scope_id", ctypes.c_uint32),
]


class _Hostent(ctypes.Structure):
    """struct hostent of netdb.h."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("aliases", ctypes.POINTER(ctypes.c_char_p)),
        ("addrtype", ctypes.c_int),
        ("length", ctypes.c_int),
        ("addresses", ctypes.POINTER(ctypes.POINTER(ctypes.c_uint8))),
    ]


def _ask_one(service: ConfiguredService, name: str) -> ServiceReply:
    """One service, as getaddrinfo asks it: both families at once where it can."""
    # read resolv.conf and host.conf, as getaddrinfo has done when it calls a module: the files
    # module would not know of ``multi on`` otherwise, and stop at its first line
    with suppress(AttributeError):
        ctypes.CDLL("libc.so.6")["__res_init"]()
    both = _function(service.name, "gethostbyname4_r")
    if both is not None:
        return _called(both, name, AF_UNSPEC)
    single = _function(service.name, "gethostbyname2_r")
    if single is None:
        return ServiceReply(NO_MODULE)
    found: list[Target] = []
    statuses = []
    for one in (AF_INET6, AF_INET):
        status, targets, _ = _called(single, name, one)
        statuses.append(status)
        found += targets
    return ServiceReply("SUCCESS" if found else statuses[-1], tuple(found))


def _function(service: str, what: str) -> Any:
    """A module's function; files and dns are part of libc itself since 2.34."""
    for library in (f"libnss_{service}.so.2", "libc.so.6"):
        with suppress(OSError, AttributeError):
            return getattr(ctypes.CDLL(library), f"_nss_{service}_{what}")
    return None


def _called(function: Any, name: str, family: int) -> ServiceReply:
    """What gethostbyname4_r, or gethostbyname2_r for one ``family``, gives in the end."""
    size = 4096
    while True:
        errno, reason = ctypes.c_int(0), ctypes.c_int(0)
        buffer = ctypes.create_string_buffer(size)
        rest = (buffer, ctypes.c_size_t(size), ctypes.byref(errno), ctypes.byref(reason))
        first, host = ctypes.POINTER(_Tuple)(), _Hostent()
        if family == AF_UNSPEC:
            number = function(name.encode(), ctypes.byref(first), *rest, None)
        else:
            number = function(name.encode(), family, ctypes.byref(host), *rest)
        if number == -2 and errno.value == _ERANGE and size < _MOST:
            size *= 2
            continue
        targets: list[Target] = []
        told = first.contents.name if number == 1 and first else None
        while number == 1 and first:
            item = first.contents
            targets.append(_target(item.family, bytes(item.address), item.scope_id))
            first = item.next
        while number == 1 and host.addresses and host.addresses[len(targets)]:
            raw = bytes(host.addresses[len(targets)][: host.length])
            targets.append(_target(family, raw, 0))
        known = told.decode(errors="replace") if told else None
        return ServiceReply(_STATUS.get(number, f"status {number}"), tuple(targets), known)


def _target(family: int, raw: bytes, scope_id: int) -> Target:
    if family == AF_INET:
        return Target(IPv4Address(raw[:4]))
    return Target(IPv6Address(raw[:16]), scope_id)
