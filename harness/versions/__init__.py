"""glibc versions and architectures as ordered values: one of each for the whole package."""

from harness.versions.architectures import (
    ARCHITECTURES,
    SUPPORTED,
    Architecture,
    elf_arch,
    interpreter_arch,
    machine_arch,
)
from harness.versions.version import Version, is_version

__all__ = [
    "ARCHITECTURES",
    "SUPPORTED",
    "Architecture",
    "Version",
    "elf_arch",
    "interpreter_arch",
    "is_version",
    "machine_arch",
]
