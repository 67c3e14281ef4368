"""What a command asked of the network, worked out from its system calls.

A connect() of a datagram socket sends nothing: it asks the kernel for a source, which is what
getaddrinfo's sort does with each address. So it counts as looked at until something is sent on it.
"""

import errno
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from harness.native.calls import SystemCall, as_ipv4

_MOST = 1000
_PENDING = ("EINPROGRESS", "EALREADY", "EINTR", "ERESTARTSYS", "ERESTARTNOHAND")
_SENDS = ("sendto", "sendmsg", "sendmmsg", "write")
_RECEIVES = ("recvfrom", "recvmsg", "recvmmsg", "read")
_SO_ERROR = re.compile(r"\bSO_ERROR, \[(\w+)\]")
_PROTOCOL = re.compile(r"\bIPPROTO_(\w+)")
_STREAMS = ("SOCK_STREAM", "SOCK_SEQPACKET")

Milliseconds = Annotated[float, Field(ge=0, description="milliseconds")]
Port = Annotated[int, Field(ge=0, le=65535)]


@dataclass(frozen=True, slots=True)
class Look:
    """An address for which the kernel was asked for a source, and nothing was sent there.

    ``at_ms`` is counted from the start of the command; ``error`` says why there is no source.
    """

    address: str
    port: Port
    at_ms: Milliseconds
    source: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Contact:
    """An address that was connected to, or sent to, and what came of it.

    ``at_ms`` is counted from the start of the command, ``after_ms`` from the call to its result,
    or to the close() of a socket without one; None where neither came. ``in_progress``: the call
    did not wait.
    """

    address: str
    port: Port
    protocol: Annotated[str, Field(description="tcp, udp, icmp, …")]
    at_ms: Milliseconds
    in_progress: bool
    result: Annotated[
        str, Field(description="connected, answered, sent, no answer, or an error: ECONNREFUSED")
    ]
    after_ms: Milliseconds | None


@dataclass(slots=True)
class _Event:
    address: str
    port: int
    protocol: str
    at: float
    sent: bool = False
    in_progress: bool = False
    source: str | None = None
    result: str | None = None
    until: float | None = None

    def end(self, result: str, at: float) -> None:
        self.result, self.until = result, at


@dataclass(slots=True)
class _Socket:
    protocol: str
    stream: bool
    current: _Event | None = None


class Contacts:
    """Takes the system calls of a command, and keeps what they asked of the network.

    Parameters: ``links`` are the numbers of interfaces, by which results name the zone of an
    address, and strace by the name.
    """

    def __init__(self, links: Mapping[str, int]) -> None:
        self._links = links
        self._sockets: dict[tuple[int, ...], _Socket] = {}
        self._events: list[_Event] = []
        self.left_out = 0
        """How many are not kept: there were too many."""

    def take(self, call: SystemCall) -> None:
        """Take the next call."""
        if call.name == "socket":
            self._open(call)
            return
        socket = self._sockets.get(call.on)
        if socket is None:
            return
        done = call.at + call.lasted
        current = socket.current
        if call.name == "connect":
            self._connect(socket, call)
        elif call.name in _SENDS and not socket.stream:
            self._send(socket, call)
        elif current is None:
            return
        elif call.name == "getsockname" and call.endpoint is not None and not current.sent:
            current.source = current.source or self._known(call.endpoint[0])
        elif call.name == "getsockopt" and (found := _SO_ERROR.search(call.arguments)):
            if current.result is None:
                current.end(_error_name(found[1]) or "connected", done)
        elif call.name == "close":
            current.until = current.until or done
        elif call.name in _RECEIVES and current.sent and current.result in (None, "sent"):
            if call.error not in (None, "EAGAIN", *_PENDING):
                current.end(str(call.error), done)
            elif call.error is None and call.returned is not None:
                current.end("answered", done)

    def _open(self, call: SystemCall) -> None:
        self._sockets.pop(call.made, None)
        if call.error is None and call.arguments.startswith(("AF_INET,", "AF_INET6,")):
            stream = any(word in call.arguments for word in _STREAMS)
            named = _PROTOCOL.search(call.arguments)
            protocol = named[1].lower() if named else "ip"
            if protocol in ("ip", "mptcp"):
                protocol = "tcp" if stream else "udp"
            self._sockets[call.made] = _Socket(protocol, stream)

    def _connect(self, socket: _Socket, call: SystemCall) -> None:
        done = call.at + call.lasted
        pending = call.returned is None or call.error in _PENDING
        result = None if pending else call.error
        if call.endpoint is None:
            socket.current = None  # AF_UNSPEC dissolves what was before
            return
        current = socket.current
        place = self._known(call.endpoint[0]), call.endpoint[1]
        again = current is not None and (current.address, current.port) == place
        if not (again and socket.stream and current is not None and current.result is None):
            current = self._event(socket, place, call)
            current.sent = socket.stream
            current.in_progress = call.error == "EINPROGRESS"
        if result is not None and result != "EISCONN":
            current.end(result, done)
        elif socket.stream and not pending:
            current.end("connected", done)

    def _send(self, socket: _Socket, call: SystemCall) -> None:
        place = call.endpoint
        current = socket.current
        if place is not None:
            place = self._known(place[0]), place[1]
            if current is None or (current.address, current.port) != place:
                current = self._event(socket, place, call)
        if current is None or call.error == "EAGAIN":
            return
        if not current.sent:
            current.sent, current.at = True, call.at
        if current.result in (None, "sent"):
            current.end(call.error or "sent", call.at + call.lasted)

    def _event(self, socket: _Socket, place: tuple[str, int], call: SystemCall) -> _Event:
        event = socket.current = _Event(*place, socket.protocol, call.at)
        if len(self._events) < _MOST:
            self._events.append(event)
        else:
            self.left_out += 1
        return event

    def _known(self, address: str) -> str:
        bare, percent, zone = as_ipv4(address).partition("%")
        return f"{bare}{percent}{self._links.get(zone, zone)}"

    def found(self, start: float) -> tuple[tuple[Look, ...], tuple[Contact, ...]]:
        """What was looked at and what was contacted, each in its order; ``start`` as in a call."""
        looks, contacts = [], []
        for one in sorted(self._events, key=lambda event: event.at):
            at = _ms(one.at - start)
            if not one.sent:
                looks.append(Look(one.address, one.port, at, one.source, one.result))
                continue
            after = None if one.until is None else _ms(one.until - one.at)
            contacts.append(
                Contact(
                    one.address, one.port, one.protocol, at, one.in_progress,
                    one.result or "no answer", after,
                )
            )  # fmt: skip
        return tuple(looks), tuple(contacts)


def _ms(seconds: float) -> float:
    return max(round(seconds * 1000, 3), 0.0)  # the machine's clock may be set meanwhile


def _error_name(word: str) -> str:
    """The error that SO_ERROR gave, which strace shows by its name or its number; "" for none."""
    if not word.isdecimal():
        return word
    number = int(word)
    return errno.errorcode.get(number, word) if number else ""
