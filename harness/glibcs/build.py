"""A glibc build as a value, and its version as an ordered value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering
from typing import TYPE_CHECKING

from harness.glibcs.errors import GlibcError

if TYPE_CHECKING:
    from pathlib import Path

_VERSION = re.compile(r"[0-9]{1,5}(?:\.[0-9]{1,5}){1,3}\Z")


@total_ordering
@dataclass(frozen=True, slots=True)
class GlibcVersion:
    """A glibc version that compares by its numbers: 2.9 < 2.31 < 2.42 < 2.42.9000 < 2.43.

    Args:
        parts: The numbers, ``(2, 36)``. A development snapshot carries a third one, 9000.
    """

    parts: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> GlibcVersion:
        """Read ``"2.36"``.

        Raises:
            GlibcError: The text is not two to four numbers with dots between them.
        """
        if not is_version(text):
            raise GlibcError(f"{text!r} is not a glibc version; expected one such as 2.36")
        return cls(tuple(int(part) for part in text.split(".")))

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, GlibcVersion):
            return NotImplemented
        return self.parts < other.parts

    def __str__(self) -> str:
        return ".".join(str(part) for part in self.parts)


def is_version(text: str) -> bool:
    """Whether *text* has the form of a glibc version."""
    return _VERSION.match(text) is not None


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
    def ordered_version(self) -> GlibcVersion:
        """The version as a value that compares by its numbers."""
        return GlibcVersion.parse(self.version)

    @property
    def label(self) -> str:
        """A short title that tells builds of one version apart: ``2.36:amd64 (host)``."""
        return f"{self.version}:{self.arch} ({self.origin})"

    @property
    def files(self) -> tuple[tuple[str, Path], ...]:
        """Every file with the name it is looked up by, the loader first."""
        paths = (self.loader, *self.libraries)
        return tuple(zip(self.names or (path.name for path in paths), paths, strict=True))
