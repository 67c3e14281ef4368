"""What comes back from a sandbox: what was built, and what went wrong."""

from dataclasses import dataclass
from traceback import format_exception
from typing import NamedTuple, Self

LOOPBACK_INDEX = 1
PEER_INDEX = 1_000_000
"""Hidden ends of veth pairs get this index plus their interface's, out of the way."""


class Closing:
    """What is to be closed, also by leaving a with block; `close` is harmless when repeated."""

    def close(self) -> None:
        """Leave no process and no open file behind."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Device:
    """One interface as it was made: its name, the kernel's type that was used, its index."""

    name: str
    used: str
    index: int


class DeviceNote(NamedTuple):
    """Something to know of one interface: its name, and the rest in words."""

    name: str
    text: str


class SandboxError(Exception):
    """A host the kernel refuses, or a job that failed inside its sandbox.

    ``details`` has the child's traceback where the failure was not foreseen; ``exit_status`` is
    that of the command that ends with it.
    """

    def __init__(self, message: str, details: str = "", exit_status: int = 2) -> None:
        super().__init__(message)
        self.message, self.details, self.exit_status = message, details, exit_status

    @classmethod
    def unforeseen(cls, what: str, problem: BaseException) -> Self:
        """What failed, in words, and how, with the traceback."""
        last = " ".join(f"{type(problem).__name__}: {problem}".split())  # without its notes
        return cls(f"{what}: {last}", "".join(format_exception(problem)))


class SandboxUnavailable(SandboxError):
    """This host cannot make a sandbox: what was refused, and what would help."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(f"{reason}; {hint}" if hint else reason, exit_status=3)
        self.reason, self.hint = reason, hint


class NoSandbox(SandboxUnavailable):
    """This host makes no sandbox at all, whatever host is wanted."""
