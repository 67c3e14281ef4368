"""Kernel settings below net, of the network namespace this process is in."""

import errno
import os
from collections.abc import Mapping
from pathlib import Path

from harness.scenario import sysctls

from .userns_diagnosis import unconfined
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
        _put(os.path.join("/proc/sys", *path), value)  # noqa: PTH118 - thirteen times per sandbox
    except OSError as problem:
        raise _refused(key, value, problem) from None


def begin(settings: Mapping[str, str]) -> None:
    """Set those of our own constants that this kernel has, none of an interface with a dot.

    Raises as `write`.
    """
    for key, value in settings.items():
        try:
            _put(f"/proc/sys/{key.replace('.', '/')}", value)
        except FileNotFoundError:
            continue
        except OSError as problem:
            raise _refused(key, value, problem) from None


def _put(path: str, value: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
    try:
        os.write(descriptor, value.encode())
    finally:
        os.close(descriptor)


def _refused(key: str, value: str, problem: OSError) -> SandboxError:
    if problem.errno == errno.EROFS:
        return NoSandbox(
            "/proc/sys is read-only here, so a sandbox cannot set sysctls",
            unconfined("systempaths"),
        )
    said = "no such setting" if problem.errno == errno.ENOENT else problem.strerror
    return SandboxError(f"host.sysctls.{key}: the kernel refused {value!r}: {said}")


def exists(key: str) -> bool:
    """Whether this kernel has a setting, a constant of ours."""
    return Path("/proc/sys", *key.split(".")).exists()


def read(key: str) -> str | None:
    """A setting that `write` takes; None where this kernel has none."""
    try:
        return Path("/proc/sys", *(sysctls.parts(key) or ())).read_text().strip()
    except FileNotFoundError:
        return None
