"""A glibc build as a value, and what can go wrong with one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from harness.text.shown import escaped
from harness.versions import RESOLVERS, ResolverName, Version, named_version


@dataclass(frozen=True, slots=True)
class Build:
    """One glibc build: where its files lie on this host and what they are; "" is unknown.

    As a line of ``glibc list`` it may be one that can be fetched, or damaged: without files.

    Args:
        version: As the C library itself says: ``"2.36"``, ``"2.42.9000"``.
        arch: Debian's name of the architecture, read from the ELF header: ``"amd64"``.
        origin: For people: ``"host"``, ``"debian bookworm 2.36-9+deb12u10"``,
            ``"directory /opt/glibc"``.
        id: A stable key, usable as a file name: the same build has the same key in every run.
        files: Its real files by the name each is looked up by (its soname): the dynamic loader,
            libc itself, then the other libraries that a lookup may load. No JSON has them.
        name: The name given with ``glibc add``; None for other builds.
        rows: Rows of the dialect table in which it differs from Debian's build of its version, as
            its libc or ``glibc add --row`` tells: ``"gaiconf_numbers_checked=true"``.
        resolver: What in it is asked. Of musl and Go the version is their own; c-ares stands
            beside a glibc, whose version it is.
        resolver_version: Of another resolver than glibc, its version: ``"1.18.1"``.
        state: ``host``; of the cache ``cached`` (fetched), ``added`` (with ``glibc add``),
            ``built`` (of Go), ``image``, ``package`` or ``process`` (named to ``--glibc``), or
            ``damaged`` (fetch or add it again: it has no version); ``available`` (can be fetched:
            the version is the one expected).
        added: The day it came into the cache: ``"2026-11-29"``.
        distribution: Whose it is, as os-release(5) there says.
        release: The distribution's suite or release.
        package_version: Its package's.
        source: What it was taken from.
        digest: The whole SHA-256 of an image's manifest, of a package or tar, of the digests of
            several joined by ``+``, or of a process's libc.
    """

    version: str
    arch: str
    origin: str
    id: str
    files: tuple[tuple[str, Path], ...] = field(default=(), metadata={"exclude": True})
    name: str | None = None
    rows: tuple[str, ...] = ()
    resolver: ResolverName = "glibc"
    resolver_version: str = ""
    state: str = ""
    added: str = ""
    distribution: str = ""
    release: str = ""
    package_version: str = ""
    source: str = ""
    digest: str = ""

    @property
    def loader(self) -> Path:
        """The dynamic loader's file."""
        return self.files[0][1]

    @property
    def libc(self) -> Path:
        """The file of libc itself."""
        return self.files[1][1]

    @property
    def names(self) -> tuple[str, ...]:
        """The names its files are looked up by, in their order."""
        return tuple(name for name, _ in self.files)

    @property
    def ordered_version(self) -> Version:
        """The version as a value that compares by its numbers."""
        return Version.parse(self.version)

    @property
    def named_version(self) -> str:
        """The version of what is asked, with its name where that is not glibc: ``musl 1.2.3``."""
        return named_version(self.version, self.resolver, self.resolver_version)

    @property
    def is_other(self) -> bool:
        """Whether another resolver than glibc's is asked in it."""
        return self.resolver != "glibc"

    @property
    def is_given(self) -> bool:
        """Whether it was named to one command, and so is no part of later ones."""
        return self.state in ("image", "package", "process")

    @property
    def named(self) -> tuple[str, ...]:
        """All that it is called behind its resolver's name: a version, its id, its own name."""
        return (self.resolver_version or self.version, self.id, *filter(None, (self.name,)))

    @property
    def label(self) -> str:
        """A short title that tells builds of one version apart: ``2.36:amd64 (host)``."""
        return f"{self.named_version}:{self.arch} ({self.origin})"


class GlibcError(Exception):
    """A tree, a package or a specification that cannot be used as a glibc build.

    ``str()`` is the one line shown. ``exit_status`` is the status the command line ends with:
    2 here (wrong input), 3 in the subclasses (this host cannot do it). ``fetch`` are the words
    with which ``glibc fetch`` brings what is missing; none where it cannot. ``parts`` are the
    errors of which `together` made this one.
    """

    exit_status: int = 2
    fetch: tuple[str, ...] = ()
    parts: tuple[GlibcError, ...] = ()

    def __init__(self, line: str) -> None:
        # names out of a tree or a library may have line breaks and control characters
        super().__init__(escaped(line))


class GlibcUnavailable(GlibcError):
    """A build that cannot be had on this host; ``hint`` names what would help."""

    exit_status = 3

    def __init__(self, reason: str, hint: str, fetch: tuple[str, ...] = ()) -> None:
        super().__init__(f"{reason}; {hint}")
        self.reason = reason
        self.hint = hint
        self.fetch = fetch


class GlibcMissing(GlibcError):
    """A build that is not on this host, although it may be had; ``spec`` as it was asked for."""

    exit_status = 3

    def __init__(self, spec: str, hint: str, fetch: tuple[str, ...] = ()) -> None:
        super().__init__(f"{_listed([spec])} is not on this host; {hint}")
        self.spec = spec
        self.hint = hint
        self.fetch = fetch


def together(missing: Sequence[GlibcError]) -> GlibcError:
    """Several as one: all their words, what is known of those that cannot be fetched, the command.

    Those that cannot be fetched are of `GlibcMissing`.
    """
    if len(missing) == 1:
        return missing[0]
    missing = [part for one in missing for part in one.parts or (one,)]
    named = [
        (one.spec,) if isinstance(one, GlibcMissing) and not one.fetch else one.fetch
        for one in missing
    ]
    reason = f"not on this host: {_listed(dict.fromkeys(chain(*named)))}"
    if emulated := [one.reason for one in missing if isinstance(one, GlibcUnavailable)]:
        reason += f" ({'; '.join(dict.fromkeys(emulated))})"
    words = tuple(dict.fromkeys(word for one in missing for word in one.fetch))
    hints = [f"gai-harness glibc fetch {' '.join(words)}"] if words else []
    elsewhere: dict[str, list[str]] = {}
    for one in missing:
        if isinstance(one, GlibcMissing) and not one.fetch:
            elsewhere.setdefault(one.hint, []).append(one.spec)
    for hint, specs in elsewhere.items():  # the command stands last
        hints.insert(0, f"for {', '.join(dict.fromkeys(specs))}: {hint}")
    made = GlibcUnavailable(reason, "; ".join(hints), words)
    made.parts = tuple(missing)
    return made


def _listed(specs: Iterable[str]) -> str:
    """Builds as a line names them: those of glibc first, whose words do not say it."""
    parted: tuple[list[str], list[str]] = [], []
    for spec in specs:
        parted[spec.partition("=")[0] in RESOLVERS].append(spec)
    versions, others = parted
    return ", ".join([*([f"glibc {', '.join(versions)}"] if versions else []), *others])
