"""A glibc build as a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.versions import Version

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Build:
    """One glibc build: where its files lie on this machine and what they are.

    Args:
        version: As the C library itself says: ``"2.36"``, ``"2.42.9000"``.
        arch: Debian's name of the architecture, read from the ELF header: ``"amd64"``.
        origin: For people: ``"host"``, ``"debian bookworm 2.36-9+deb12u10"``,
            ``"directory /opt/glibc"``.
        loader: The dynamic loader's file (a real file, never a symbolic link).
        libraries: libc itself and the other libraries of this build that a lookup may load. Real
            files.
        id: A stable key, usable as a file name: the same build has the same key in every run.
        names: The name each of ``(loader, *libraries)`` is looked up by, in that order: its
            soname. Empty where that is the file's own name.
        name: The name given with ``glibc add``; None for other builds.
    """

    version: str
    arch: str
    origin: str
    loader: Path
    libraries: tuple[Path, ...]
    id: str
    names: tuple[str, ...] = ()
    name: str | None = None

    @property
    def ordered_version(self) -> Version:
        """The version as a value that compares by its numbers."""
        return Version.parse(self.version)

    @property
    def label(self) -> str:
        """A short title that tells builds of one version apart: ``2.36:amd64 (host)``."""
        return f"{self.version}:{self.arch} ({self.origin})"

    @property
    def files(self) -> tuple[tuple[str, Path], ...]:
        """Every file with the name it is looked up by, the loader first."""
        paths = (self.loader, *self.libraries)
        return tuple(zip(self.names or (path.name for path in paths), paths, strict=True))
