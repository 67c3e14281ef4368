"""Finding the glibc in a directory: a root file system, an install prefix, a container image.

Nothing in the tree is run, and no symbolic link is followed out of it.
"""

import hashlib
import os
import re
import shlex
from collections.abc import Iterable, Iterator
from mmap import mmap
from pathlib import Path
from stat import S_ISDIR

from harness.glibcs.build import Build, GlibcError
from harness.glibcs.elf import ElfError, read_elf_file, sha256
from harness.glibcs.libc_files import (
    LIBC_NAMES,
    LOADER,
    MODULE_NAMES,
    Libc,
    loader_version,
    read_libc,
)
from harness.versions import SUPPORTED

# Where C libraries lie; each is also searched one level down for <triplet>/.
_FOLDERS = (
    "", "lib", "lib64", "lib32", "libx32",
    "usr/lib", "usr/lib64", "usr/lib32", "usr/libx32",
)  # fmt: skip
_MOST_LINKS = 40
# A path has at most 2,048 parts; forty links to such paths would take seconds for each name.
_MOST_STEPS = 4096
_DEEPEST = 7
_MOST_SHOWN = 8
# Up to 2.33 libraries of their own that a look-up loads; later parts of libc.
_APART = ("libnss_files", "libnss_dns", "libresolv")
SCHEMES = ("docker-archive:", "oci-archive:", "oci:", "docker://", "pid:")
PACKAGES = (".deb", ".rpm")
_TARS = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.zst")
PACKED = (
    "docker-archive:FILE, oci-archive:FILE, oci:FOLDER, docker://NAME:TAG, pid:NUMBER, a tar of a "
    "root file system, or .deb and .rpm files joined by +"
)
"""How images, packages and processes are named; behind an image may stand ``:ARCH`` or ``:all``."""
# an image without its scheme, or with a part of it: docker:NAME, registry.example:5000/NAME:TAG
_REGISTRY = re.compile(
    r"docker:/?([^/].*)|((?:localhost|[\w-]+(?:\.[\w-]+)+|[\w-]+(?=:))(?::\d+)?/[\w./-]+[:@][\w.:-]+)"
)
_NOT_SEARCHED = frozenset({"proc", "sys", "dev", "run", "tmp"})


class NoGlibc(GlibcError):
    """A tree in which there is nothing of glibc."""


class Tree:
    """A directory taken for a root of its own; a link to it is followed first.

    ``name`` is what messages call it: its path, or where it was unpacked from.
    """

    def __init__(self, root: Path, name: str = "") -> None:
        try:
            self.root = Path(os.path.realpath(root))
        except OSError:
            raise GlibcError(f"{root}: the current folder is gone; expected a directory") from None
        self.name = name or str(self.root)

    def resolve(self, inside: str) -> Path | None:
        """What is at *inside*, as a process with this root would reach it; None for nothing.

        ``..`` never leaves the tree, and an absolute link starts again at its root, unless it
        names the tree's own place on this host (an install prefix is linked that way).
        """
        pending = [part for part in reversed(inside.split("/")) if part]
        done: list[str] = []
        links = steps = 0
        while pending:
            steps += 1
            part = pending.pop()
            if part == "..":
                del done[-1:]
            if part in (".", ".."):
                continue
            try:  # no Path, which takes a deep one apart each time
                target = os.readlink("/".join([str(self.root), *done, part]))  # noqa: PTH115
            except (OSError, ValueError):  # no link, not there, not for us to see; a NUL in it
                done.append(part)
                continue
            links += 1
            if links > _MOST_LINKS or steps > _MOST_STEPS:
                return None
            if target.startswith("/"):
                done = []
                target = target.removeprefix(f"{self.root}/") if self.root != Path("/") else target
            pending.extend(part for part in reversed(target.split("/")) if part)
        found = self.root.joinpath(*done)
        try:
            return found if found.exists() else None
        except OSError:  # not for us to see, or a link to a name longer than names can be
            return None

    def file(self, inside: str) -> Path | None:
        """Like `resolve`, but only a regular file."""
        found = self.resolve(inside)
        return found if found is not None and found.is_file() else None

    def entries(self, inside: str) -> list[str]:
        """The names in a folder of the tree, sorted; none where there is no such folder."""
        folder = self.resolve(inside)
        try:
            return sorted(path.name for path in folder.iterdir()) if folder is not None else []
        except OSError:
            return []

    def shown(self, path: Path) -> str:
        """*path* as seen from the tree's root, for messages."""
        return str(path.relative_to(self.root))


def mode(path: Path | str) -> int:
    """The mode of what is at a path that somebody named; 0 where nothing is there.

    Raises GlibcError where that cannot be told: a folder not to be searched, too long a name.
    """
    try:
        return Path(path).stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):  # the last one for a NUL
        return 0
    except OSError as error:
        raise GlibcError(f"{path}: cannot be looked at: {error.strerror}") from None


def is_packed(spec: str) -> bool:
    """Whether a specification names an image, packages, a tar or a process."""
    return spec.startswith(SCHEMES) or spec.endswith((*_TARS, *PACKAGES))


def image_and_arch(spec: str) -> tuple[str, str | None]:
    """An image, and the architecture that its specification ends with, if it does.

    Of a registry's it stands behind a tag or digest, since ``NAME:all`` is a tag itself.
    """
    image, _, arch = spec.rpartition(":")
    if (arch != "all" and arch not in SUPPORTED) or not image.startswith(SCHEMES):
        return spec, None
    is_tag = ":" not in image.rpartition("/")[2] and image.startswith("docker://")
    return (spec, None) if is_tag or mode(spec.partition(":")[2]) else (image, arch)


def from_directory(path: Path | str, arch: str | None = None, name: str = "") -> Build:
    """The glibc build in a directory of any layout; its files stay there.

    ``path`` is a root file system, an install prefix, an unpacked image or the library folder
    itself, ``arch`` what to take where there is a glibc of several, ``name`` what messages call it.
    Raises GlibcError: there is no glibc (a musl tree, a build folder), several, or a broken one.
    """
    directory = Path(path)
    if not S_ISDIR(found_mode := mode(directory)):
        kind = "is not a directory" if found_mode else "does not exist"
        near = _REGISTRY.fullmatch(str(path))
        image = f", or docker://{near[1] or near[2]}, an image of a registry" if near else ""
        raise GlibcError(f"{path}: {kind}; expected a directory with a glibc in it{image}")
    tree = Tree(directory, name)
    if tree.file("config.status") and any(map(tree.file, ("libc.so", "elf/ld.so", "libc_pic.a"))):
        made = f"{tree.root}-install"
        raise GlibcError(
            f"{tree.name}: glibc was built here and is not installed; expected what "
            f"make -C {shlex.quote(str(tree.root))} install DESTDIR={shlex.quote(made)} makes"
        )
    found = list(_libcs(tree, folders_of(tree))) or list(_libcs(tree, _walk(tree)))
    folder, libc = _one(tree, found, arch)

    def library(name: str) -> Path | None:
        path = tree.file(f"{folder}/{name}")
        if path is None and name in MODULE_NAMES:  # of other packages, that lie below usr
            path = tree.file(f"usr/{folder}/{name}")
        if path is not None:
            _same_arch(tree, path, libc.arch)
        return path

    key = hashlib.sha256(os.fsencode(tree.root)).hexdigest()[:12]
    loader = _loader(tree, folder, libc)
    build = libc.build(loader, library, f"directory {tree.root}", f"directory-{key}")
    lacking = [name for name in _APART if not any(one.startswith(name) for one in build.names)]
    if lacking and build.ordered_version.release < (2, 34):
        raise GlibcError(
            f"{tree.name}: glibc {build.version} without {', '.join(lacking)}; expected beside "
            "libc.so.6, since a look-up loads them up to 2.33"
        )
    return build


def folders_of(tree: Tree) -> Iterator[str]:
    """The folders of a tree where C libraries usually lie, whether they are there or not."""
    for folder in _FOLDERS:
        yield folder
        for name in tree.entries(folder):
            # <triplet>/, as Debian and its kin have it
            if name.count("-") >= 1 and ("linux" in name or "gnu" in name):
                yield f"{folder}/{name}"


def _walk(tree: Tree) -> Iterator[str]:
    """Every folder of the tree, for layouts nobody foresaw (``DESTDIR`` and ``/opt``)."""
    for where, folders, _ in os.walk(tree.root, followlinks=False):
        inside = os.path.relpath(where, tree.root)
        if inside.count("/") >= _DEEPEST:
            folders.clear()
        if inside == ".":
            folders[:] = [name for name in folders if name not in _NOT_SEARCHED]
        folders.sort()
        yield inside


def _libcs(tree: Tree, folders: Iterable[str]) -> Iterator[tuple[str, Libc]]:
    """The libc files with the folder of each, each once, however many ways lead to it."""
    seen: set[tuple[Path, str]] = set()
    contents: set[str] = set()
    for folder in folders:
        for name in LIBC_NAMES:
            path = tree.file(f"{folder}/{name}")
            if path is None:
                if name in tree.entries(folder):
                    raise _dangling(tree, f"{folder}/{name}")
                continue
            if (path, name) in seen:
                continue
            seen.add((path, name))
            libc = read_libc(path, f"{tree.name}: {tree.shown(path)}")
            # An image unpacked without its links has the same file under two names.
            content = sha256(path)
            if content not in contents:
                contents.add(content)
                yield folder, libc


def _dangling(tree: Tree, inside: str) -> GlibcError:
    name = inside.strip("/")
    if tree.resolve(inside) is not None:
        return GlibcError(f"{tree.name}: {name} is not a regular file; expected a part of glibc")
    return GlibcError(f"{tree.name}: {name} is a link to a file that is not in the tree")


def _one(tree: Tree, found: list[tuple[str, Libc]], arch: str | None) -> tuple[str, Libc]:
    if not found:
        raise NoGlibc(f"{tree.name}: {_instead(tree)}")
    kept = [one for one in found if arch in (None, one[1].arch)]
    if len(kept) == 1:
        return kept[0]
    each = ", ".join(
        f"{libc.version} for {libc.arch} in {tree.shown(libc.path)}"
        for _, libc in found[:_MOST_SHOWN]
    )
    if not kept:
        raise GlibcError(f"{tree.name}: no glibc for {arch}; found {each}")
    expected = "expected one"
    if len({libc.arch for _, libc in kept}) == len(kept):
        expected += " (FOLDER:ARCH names it, for glibc add --arch)"
    raise GlibcError(f"{tree.name}: several glibcs ({each}); {expected}")


def _instead(tree: Tree) -> str:
    """What a tree without a glibc has in its place."""
    for folder in folders_of(tree):
        for name in tree.entries(folder):
            if name.startswith("ld-musl-"):
                where = f"{folder}/{name}".strip("/")
                return (
                    f"a musl tree ({where}); expected one with glibc (for --resolver: musl=FOLDER)"
                )
    return "no libc.so.6 in it; expected a root file system or an install prefix with glibc"


def _loader(tree: Tree, beside: str, libc: Libc) -> tuple[str, Path]:
    """The dynamic loader that belongs to a libc, by the name the libc itself gives."""
    names = libc.loader_names or tuple(filter(LOADER.match, tree.entries(beside)))
    for name in names:
        for folder in (beside, *_FOLDERS):
            path = tree.file(f"{folder}/{name}")
            if path is not None:
                version = loader_version(_same_arch(tree, path, libc.arch))
                if version not in (None, libc.version):
                    raise GlibcError(
                        f"{tree.name}: the loader {tree.shown(path)} is of glibc {version}, "
                        f"libc.so.6 of {libc.version}; expected both from one build"
                    )
                return name, path
            if name in tree.entries(folder):
                raise _dangling(tree, f"{folder}/{name}")
    expected = " or ".join(names) or "ld-linux*.so.*"
    raise GlibcError(
        f"{tree.name}: glibc {libc.version} without its dynamic loader; expected {expected}"
    )


def _same_arch(tree: Tree, path: Path, arch: str) -> mmap:
    shown = f"{tree.name}: {tree.shown(path)}"
    try:
        elf, data = read_elf_file(path)
    except ElfError as error:
        raise GlibcError(f"{shown}: {error}; expected a part of glibc") from None
    if elf.arch != arch:
        raise GlibcError(f"{shown}: for {elf.arch}, but libc.so.6 is for {arch}")
    return data
