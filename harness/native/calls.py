"""Lines of strace as values: the calls of one process or of many, some in two pieces.

Source: strace(1), its output with and without -f, -ttt, -T and -y.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

_LINE = re.compile(r"(?:(?P<pid>\d+) +)?(?:(?P<at>\d+\.\d+) )?(?P<rest>.*)", re.DOTALL)
_BEGUN = re.compile(r"(?P<call>.*?) *<unfinished \.\.\.>(?P<end>.*)", re.DOTALL)
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(?P<end>.*)", re.DOTALL)
_CALL = re.compile(
    r"(?P<name>\w+)\((?P<arguments>.*)\)\s+= (?P<returned>-?\d+|\?)(?P<file><[^>]*>)?"
    r"(?: (?P<error>E[A-Z0-9]+)\b)?.*?(?: <(?P<lasted>\d+\.\d+)>)?",
    re.DOTALL,
)
_END = re.compile(r"\+\+\+ (?:exited with (?P<status>\d+)|killed by (?P<signal>\w+)).*\+\+\+")
_ADDRESS = re.compile(
    r'inet_addr\("(?P<four>[0-9.]+)"\)|inet_pton\(AF_INET6, "(?P<six>[0-9a-f:.]+)"'
)
_PORT = re.compile(r"sin6?_port=htons\((\d+)\)")
_SCOPE = re.compile(r'sin6_scope_id=(?:if_nametoindex\("(?P<name>[^"]+)"\)|(?P<id>\d+))')
_FILE = re.compile(r"(?P<number>\d+)(?:<socket:\[(?P<inode>\d+)\]>)?")


@dataclass(frozen=True, slots=True)
class SystemCall:
    """One call: ``at`` in seconds since 1970, ``lasted`` in seconds, ``returned`` None for none."""

    name: str
    arguments: str
    returned: int | None
    error: str | None = None
    pid: int = 0
    at: float = 0.0
    lasted: float = 0.0
    file: str = ""

    @property
    def endpoint(self) -> tuple[str, int] | None:
        """The address and the port among its arguments, None where there is none."""
        address = address_in(self.arguments)
        port = _PORT.search(self.arguments)
        return None if address is None or port is None else (address, int(port[1]))

    @property
    def made(self) -> tuple[int, ...]:
        """What tells the descriptor that it returned from others; see `on`."""
        return self._key(f"{self.returned}{self.file}")

    @property
    def on(self) -> tuple[int, ...]:
        """What tells the descriptor that is its first argument from others.

        That is the socket's own number, which threads and children share, or else the process.
        """
        return self._key(self.arguments)

    def _key(self, text: str) -> tuple[int, ...]:
        found = _FILE.match(text)
        if found is None:
            return (self.pid, -1)
        inode = found["inode"]
        return (self.pid, int(found["number"])) if inode is None else (int(inode),)


@dataclass(frozen=True, slots=True)
class ProcessEnd:
    """The end of a process: its status, or the name of the signal that killed it."""

    pid: int
    at: float
    status: int | None
    signal: str | None


class Reader:
    """Reads lines as they come; a call whose line another one interrupted is put together."""

    def __init__(self) -> None:
        self._begun: dict[int, tuple[float, str]] = {}

    def read(self, line: str) -> SystemCall | ProcessEnd | None:
        """What a line says; None where it says nothing that is whole."""
        parts = _LINE.fullmatch(line.rstrip("\n"))
        assert parts is not None
        pid, at, rest = int(parts["pid"] or 0), float(parts["at"] or 0), parts["rest"]
        if end := _END.match(rest):
            status = None if end["status"] is None else int(end["status"])
            return ProcessEnd(pid, at, status, end["signal"])
        if resumed := _RESUMED.match(rest):
            at, call = self._begun.pop(pid, (at, ""))
            rest = call + resumed["end"]
        elif begun := _BEGUN.match(rest):
            rest = begun["call"] + begun["end"]
            if not begun["end"]:
                self._begun[pid] = at, rest
                return None
        call_ = _CALL.fullmatch(rest)
        if call_ is None:
            return None
        return SystemCall(
            name=call_["name"],
            arguments=call_["arguments"],
            returned=None if call_["returned"] == "?" else int(call_["returned"]),
            error=call_["error"],
            pid=pid,
            at=at,
            lasted=float(call_["lasted"] or 0),
            file=call_["file"] or "",
        )

    def unfinished(self) -> list[SystemCall]:
        """The calls that had not returned when the last line came."""
        found = []
        for pid, (at, text) in self._begun.items():
            name, _, arguments = text.partition("(")
            found.append(SystemCall(name, arguments, None, pid=pid, at=at))
        return found


def address_in(text: str) -> str | None:
    """The address, with its zone, in a call's arguments; None where there is none."""
    match = _ADDRESS.search(text)
    if match is None:
        return None
    if match["four"] is not None:
        return match["four"]
    address: str = match["six"]
    scope = _SCOPE.search(text)
    if scope is not None and (scope["name"] or scope["id"] != "0"):
        address += f"%{scope['name'] or scope['id']}"
    return address


def as_ipv4(address: str) -> str:
    """The IPv4 address that an AF_INET6 socket shows as ::ffff:a.b.c.d; any other as it is."""
    one = ip_address(address.partition("%")[0])
    mapped = one.ipv4_mapped if isinstance(one, IPv6Address) else None
    return address if mapped is None else str(mapped)
