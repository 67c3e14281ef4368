"""Kernel settings below net, of the network namespace this process is in."""

import errno
from pathlib import Path

from harness.scenario import sysctls
from harness.text.reading import setting

from .namespaces import write as put
from .userns_diagnosis import unconfined
from .values import NoSandbox, SandboxError


def write(key: str, value: str, *, optional: bool = False) -> None:
    """Set a setting that `harness.scenario.sysctls` lists: others may be the whole machine's.

    ``optional``: nothing is done where this kernel has none. Raises SandboxError for any other key
    or a value the kernel refuses, NoSandbox where /proc/sys is read-only.
    """
    path = sysctls.parts(key)
    if path is None:
        raise SandboxError(f"host.sysctls.{key}: no sysctl of a network namespace that is known")
    try:
        put("/".join(("/proc/sys", *path)), value)
    except OSError as problem:
        if problem.errno == errno.EROFS:
            raise NoSandbox(
                "/proc/sys is read-only here, so a sandbox cannot set sysctls",
                unconfined("systempaths"),
            ) from None
        missing = problem.errno == errno.ENOENT
        if not (missing and optional):
            said = "no such setting" if missing else problem.strerror
            why = f"the kernel refused {value!r}: {said}"
            raise SandboxError(f"host.sysctls.{key}: {why}") from None


def read(key: str) -> str | None:
    """A setting that `write` takes; None where this kernel has none."""
    return setting(Path("/proc/sys", *(sysctls.parts(key) or ())))
