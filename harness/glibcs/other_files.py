"""The libraries of resolvers beside glibc's: musl in a tree, c-ares beside a glibc.

They are somebody else's files, as glibc's are: read, and never run here. What version each is, its
own text says: musl's loader prints it, and ``ares_version`` gives it.
"""

import hashlib
import os
import re
from dataclasses import replace
from itertools import islice
from pathlib import Path

from harness.glibcs.build import Build, GlibcError
from harness.glibcs.discover import NoGlibc, Tree, folders_of, from_directory
from harness.glibcs.elf import Elf, ElfError, read_elf_file
from harness.model.musl_rows import FIRST
from harness.versions import Version

MUSL_LOADER = re.compile(r"ld-musl-[A-Za-z0-9_-]{1,32}\.so\.1")
CARES = "libcares.so.2"
CARES_FILE = re.compile(r"libcares\.so\.2(?:\.[0-9.]+)?")
# A text that is three numbers and nothing else; of a snapshot the release before it counts.
_RELEASE = re.compile(rb"(?<=\0)(\d{1,3}\.\d{1,4}\.\d{1,4})(?:-git-\d{1,6}-g[0-9a-f]{1,40})?(?=\0)")
_MOST_RELEASES = 100


def any_in_directory(path: Path | str, arch: str | None = None, name: str = "") -> Build:
    """The glibc in a directory, as `from_directory` finds it, or where there is none its musl.

    Raises GlibcError as that, also for several musls, of which ``arch`` names none.
    """
    try:
        return from_directory(path, arch, name)
    except NoGlibc:
        tree = Tree(Path(path), name)
        if not _loaders(tree):
            raise
        return _musl(tree, arch)


def musl_in_directory(path: Path | str, arch: str | None = None) -> Build:
    """The musl in a directory, whatever else is there. Raises GlibcError where there is none."""
    return _musl(Tree(Path(path)), arch)


def with_cares(glibc: Build, tree: Path) -> Build:
    """A glibc with the c-ares of an unpacked package beside it. Raises GlibcError without one."""
    within = Tree(tree)
    paths = (within.file(f"{folder}/{CARES}") for folder in folders_of(within))
    path = next(filter(None, paths), None)
    if path is None:
        raise GlibcError(f"{tree.name}: no {CARES} in it")
    elf, version = _read(path, CARES)
    if elf.arch != glibc.arch:
        raise GlibcError(f"{CARES}: for {elf.arch}, but libc.so.6 is for {glibc.arch}")
    if lacking := [one for one in elf.needed if one not in glibc.names]:
        raise GlibcError(f"{CARES} needs {', '.join(lacking)}, which glibc does not have")
    files = (*glibc.files, (CARES, path))
    return replace(glibc, files=files, resolver="c-ares", resolver_version=version)


def _loaders(tree: Tree) -> dict[str, Path]:
    """musl's loaders, which are the whole library, by their names; no link out of the tree."""
    found: dict[str, Path] = {}
    for folder in folders_of(tree):
        for name in filter(MUSL_LOADER.fullmatch, tree.entries(folder)):
            if (path := tree.file(f"{folder}/{name}")) is not None:
                found.setdefault(name, path)
    return found


def _musl(tree: Tree, arch: str | None) -> Build:
    found = [(name, path, *_read(path, f"{tree.name}: {name}")) for name, path in
             _loaders(tree).items()]  # fmt: skip
    kept = [one for one in found if arch in (None, one[2].arch)]
    if len(kept) != 1:
        each = ", ".join(f"{version} for {elf.arch}" for _, _, elf, version in found) or "none"
        raise GlibcError(f"{tree.name}: one musl was expected (ld-musl-ARCH.so.1), found {each}")
    name, path, elf, version = kept[0]
    if Version.parse(version) < Version.parse(FIRST):
        raise GlibcError(f"{tree.name}: musl {version}; the model begins with {FIRST}")
    key = hashlib.sha256(os.fsencode(tree.root)).hexdigest()[:12]
    return Build(
        version, elf.arch, f"directory {tree.root}", f"directory-{key}-musl-{version}-{elf.arch}",
        # the second name is the one that programs need; the loader takes it for itself
        ((name, path), ("libc.so", path)), resolver="musl", resolver_version=version,
    )  # fmt: skip


def _read(path: Path, shown: str) -> tuple[Elf, str]:
    """A library's headers and the release it names. Raises GlibcError where that is not one."""
    try:
        elf, data = read_elf_file(path)
    except ElfError as error:
        raise GlibcError(f"{shown}: {error}") from None
    named = {one[1].decode() for one in islice(_RELEASE.finditer(data), _MOST_RELEASES)}
    if len(named) != 1:
        raise GlibcError(f"{shown}: does not name its release")
    return elf, named.pop()
