"""Kernel settings below net, of the network namespace this process is in."""

import errno
from pathlib import Path

from harness.scenario import sysctls

from .values import NoSandbox, SandboxError


def write(key: str, value: str) -> None:
    """Set a setting that `harness.scenario.sysctls` lists: others may be the whole machine's.

    Raises SandboxError for any other key or a value the kernel refuses, NoSandbox where
    /proc/sys is read-only.
    """
    path = sysctls.parts(key)
    if path is None:
        raise SandboxError(f"host.sysctls.{key}: no sysctl of a network namespace that is known")
    try:
        with Path("/proc/sys", *path).open("wb", buffering=0) as file:
            file.write(value.encode())
    except OSError as problem:
        if problem.errno == errno.EROFS:
            raise NoSandbox(
                "/proc/sys is read-only here, so a sandbox cannot set sysctls",
                "start the container with --security-opt systempaths=unconfined",
            ) from None
        said = "no such setting" if problem.errno == errno.ENOENT else problem.strerror
        raise SandboxError(f"host.sysctls.{key}: the kernel refused {value!r}: {said}") from None


def exists(key: str) -> bool:
    """Whether this kernel has a setting, a constant of ours."""
    return Path("/proc/sys", *key.split(".")).exists()


def read(key: str) -> str | None:
    """A setting that `write` takes; None where this kernel has none."""
    try:
        return Path("/proc/sys", *(sysctls.parts(key) or ())).read_text().strip()
    except FileNotFoundError:
        return None
