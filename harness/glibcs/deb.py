"""Unpacking a Debian package's libraries, trusting nothing in the archive.

dpkg-deb only decompresses; every member's name and link is judged here before a file is made.
"""

from __future__ import annotations

import hashlib
import posixpath
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from harness.glibcs.errors import GlibcError, GlibcUnavailable
from harness.glibcs.parts import WANTED

# glibc's largest library is near 3 MiB; with its debug symbols, and as a qemu, a file stays below
# 64 MiB.
_LARGEST = 64 * 1024 * 1024


def is_glibc(name: str) -> bool:
    """Whether a member of a package, by its path, is a library of a lookup or a loader.

    They lie under ``lib*``, ``usr/lib*`` and, as packages for cross-compilers have them,
    ``usr/*-linux-gnu*/lib``.
    """
    parts = name.removeprefix("usr/").split("/")
    if "-linux-gnu" in parts[0]:
        del parts[0]
    return len(parts) > 1 and parts[0].startswith("lib") and WANTED.match(parts[-1]) is not None


def unpack(package: Path, tree: Path, wanted: Callable[[str], bool] = is_glibc) -> None:
    """Unpack regular files and symbolic links out of a ``.deb`` into an empty directory.

    Args:
        package: The ``.deb``.
        tree: The directory.
        wanted: Which members to make, by their path without a leading ``/``; by default the
            libraries of a lookup.

    Raises:
        GlibcError: The package is cut short or damaged, or a member of it points outside the tree.
        GlibcUnavailable: This machine has no dpkg-deb.
    """
    try:
        process = subprocess.Popen(
            ["dpkg-deb", "--fsys-tarfile", str(package)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
    except FileNotFoundError:
        raise GlibcUnavailable(
            "this machine has no dpkg-deb, which opens packages", "install dpkg"
        ) from None
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        try:
            unpack_tar(process.stdout, tree, package.name, wanted)
            # the end of the archive is padding; reading it lets dpkg-deb end by itself
            while process.stdout.read(65536):
                pass
        except (tarfile.TarError, EOFError) as error:
            process.kill()
            raise GlibcError(f"{package.name}: a damaged package ({error})") from None
        except BaseException:
            process.kill()
            raise
        said = process.stderr.read().decode("utf-8", "replace").strip()
    if process.returncode != 0:
        reason = (said.splitlines() or ["dpkg-deb failed"])[-1].strip()
        raise GlibcError(f"{package.name}: a damaged package ({reason})")


def unpack_tar(
    stream: IO[bytes], tree: Path, shown: str, wanted: Callable[[str], bool] = is_glibc
) -> None:
    """Unpack what is wanted out of a tar stream; see `unpack`.

    Args:
        stream: An uncompressed tar archive; it need not be seekable.
        tree: The directory to unpack into.
        shown: How to call the archive in an error.
        wanted: Which members to make.
    """
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            name = _inside(member.name, shown)
            if member.issym():
                _inside_link(name, member.linkname, shown)
            elif member.islnk():
                _inside(member.linkname, shown)
            elif not (member.isreg() or member.isdir()):
                raise GlibcError(f"{shown}: {member.name} is neither a file, a folder nor a link")
            if not member.isdir() and wanted(name):
                _make(archive, member, name, tree, shown)


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _inside(name: str, shown: str) -> str:
    """A member's name, relative to the root of the tree and without ``.`` parts."""
    if name.startswith("/") or ".." in name.split("/") or "\0" in name:
        raise GlibcError(f"{shown}: the member {name} points outside the package")
    return posixpath.normpath(name)


def _inside_link(name: str, target: str, shown: str) -> None:
    """Refuse a link that climbs out; an absolute one starts at the tree's own root."""
    depth = 0 if target.startswith("/") else name.count("/")
    for part in target.split("/"):
        depth += -1 if part == ".." else int(part not in ("", "."))
        if depth < 0:
            raise GlibcError(f"{shown}: the link {name} to {target} points outside the package")


def _make(
    archive: tarfile.TarFile, member: tarfile.TarInfo, name: str, tree: Path, shown: str
) -> None:
    path = _folder(tree, posixpath.dirname(name), shown) / posixpath.basename(name)
    if path.is_symlink() or path.exists():
        raise GlibcError(f"{shown}: {name} is in the package twice")
    if member.issym():
        path.symlink_to(member.linkname)
        return
    if member.islnk():
        _copy_hard_link(tree, _inside(member.linkname, shown), path, shown)
        return
    if member.size > _LARGEST:
        raise GlibcError(
            f"{shown}: {name} has {member.size} bytes, too many for a library or a qemu"
        )
    data = archive.extractfile(member)
    if data is None:
        raise GlibcError(f"{shown}: {name} has no content")
    # "x" makes the file anew and never follows a link
    with path.open("xb") as output:
        shutil.copyfileobj(data, output)
    if path.stat().st_size != member.size:
        raise GlibcError(f"{shown}: {name} is cut short")
    path.chmod(0o755 if member.mode & 0o100 else 0o644)


def _copy_hard_link(tree: Path, target: str, path: Path, shown: str) -> None:
    source = tree / target
    parents = [tree.joinpath(*Path(target).parts[:depth]) for depth in range(1, target.count("/"))]
    if any(one.is_symlink() for one in (*parents, source)) or not source.is_file():
        raise GlibcError(f"{shown}: a hard link to {target}, which is not unpacked")
    shutil.copyfile(source, path)
    path.chmod(0o755)


def _folder(tree: Path, inside: str, shown: str) -> Path:
    """Make a folder of the tree, refusing to go through a link an earlier member left."""
    here = tree
    for part in filter(None, inside.split("/")):
        here = here / part
        if here.is_symlink() or (here.exists() and not here.is_dir()):
            raise GlibcError(f"{shown}: {inside} leads through a link of the package itself")
        here.mkdir(exist_ok=True)
    return here
