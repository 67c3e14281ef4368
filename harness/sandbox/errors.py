"""What can go wrong with a sandbox, as two exceptions that travel between processes."""

from __future__ import annotations

from typing import Any


class SandboxError(Exception):
    """A host the kernel refuses, or a job that failed inside its sandbox.

    Parameters: ``message`` the one line to show; ``details`` the child's traceback where
    the failure was not foreseen, else ""; ``exit_status`` of the command that ends with it.
    """

    exit_status: int

    def __init__(self, message: str, details: str = "", exit_status: int = 2) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        self.exit_status = exit_status

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message, self.details, self.exit_status)


class SandboxUnavailable(SandboxError):
    """This machine cannot make a sandbox.

    Parameters: ``reason`` what was refused; ``hint`` what would help.
    """

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(f"{reason}; {hint}" if hint else reason, exit_status=3)
        self.reason = reason
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.reason, self.hint)


class NoSandbox(SandboxUnavailable):
    """This machine makes no sandbox at all, whatever host is wanted."""
