"""Unpacking a Debian package's libraries, trusting nothing in the archive.

dpkg-deb only decompresses; every member's name and link is judged here before a file is made,
and whatever an archive can ask for has a limit.
"""

import collections
import itertools
import os
import posixpath
import resource
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from harness.glibcs.build import GlibcError, GlibcUnavailable
from harness.glibcs.libc_files import WANTED
from harness.sandbox import programs

# glibc's largest library is near 3 MiB; with its debug symbols, and as a qemu, a file stays below
# 64 MiB.
_LARGEST = 64 * 1024 * 1024
# glibc's packages have some 300 members; the largest, qemu-user, is of about 300 MiB.
_MOST_MEMBERS = 20_000
_MOST_BYTES = 1024 * 1024 * 1024
_SECONDS = 300.0
# What dpkg-deb may take: an xz or zstd stream can ask for gigabytes.
_MOST_MEMORY = 1024 * 1024 * 1024
# NAME_MAX and PATH_MAX of Linux. A tree of the greatest depth could not be removed again before
# Python 3.13, which walks it by recursion.
_LONGEST_NAME, _LONGEST_PATH, _DEEPEST = 255, 4096, 64
# The kinds of header deb(5) allows. PAX headers and sparse files are not among them.
_LONG = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_KINDS = (
    *_LONG, tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE,
)  # fmt: skip


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
    """Unpack regular files and links out of a ``.deb`` into an empty directory.

    ``wanted`` says which members to make, by their path without a leading ``/``.

    Raises:
        GlibcError: The package is cut short or damaged, or a member of it points outside the tree.
        GlibcUnavailable: This host has no dpkg-deb.
    """
    try:
        process = subprocess.Popen(
            [programs.find("dpkg-deb") or "/usr/bin/dpkg-deb", "--fsys-tarfile", str(package)],
            env=programs.environment(),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
    except FileNotFoundError:
        raise GlibcUnavailable(
            "this host has no dpkg-deb, which opens packages", "install dpkg"
        ) from None
    except OSError as error:
        raise GlibcUnavailable(
            f"dpkg-deb cannot be started: {error.strerror}", "let it be started, or mend it"
        ) from None
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        resource.prlimit(process.pid, resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
        try:
            unpack_tar(process.stdout, tree, package.name, wanted)
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
    """Unpack what is wanted out of an uncompressed tar stream, to its end; see `unpack`.

    The stream need not be seekable; ``shown`` is how to call the archive in an error.
    """
    bounded = _Bounded(stream)
    try:
        for member, content in _members(bounded):
            name = _inside(member.name)
            if member.issym():
                _check_link(name, member.linkname)
            elif member.islnk():
                _inside(member.linkname)
            if not member.isdir() and wanted(name):
                _make(content, member, name, tree)
        # the end of the archive is padding; reading it lets dpkg-deb end by itself
        while bounded.read(65536):
            pass
    except GlibcError as error:
        raise GlibcError(f"{shown}: {error}") from None
    except (tarfile.TarError, ValueError) as error:  # ValueError: a number or a name in a header
        raise GlibcError(f"{shown}: a damaged package ({_short(str(error))})") from None


class _Bounded:
    """A stream that ends with an error when it gives too much or takes too long."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._left = stream, _MOST_BYTES
        self._end = time.monotonic() + _SECONDS

    def read(self, size: int) -> bytes:
        """So many bytes, fewer at the end."""
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise GlibcError(f"more than {_MOST_BYTES >> 20} MiB unpacked")
        if time.monotonic() > self._end:
            raise GlibcError(f"unpacking it takes over {_SECONDS:.0f} s")
        return data

    def blocks(self, size: int) -> Iterator[bytes]:
        """So many bytes in pieces, and what fills their last block. Raises GlibcError if short."""
        left = size
        while left > 0:
            piece = self.read(min(left + -left % tarfile.BLOCKSIZE, 1 << 16))
            if not piece:
                raise GlibcError("a damaged package (unexpected end of data)")
            yield piece[:left]
            left -= len(piece)


def _members(stream: _Bounded) -> Iterator[tuple[tarfile.TarInfo, Iterator[bytes]]]:
    """The members up to the end mark with their content, which is valid until the next one.

    tarfile parses single headers only: reading a whole archive, it follows what they ask for
    (a name of gigabytes, a name of a name) before anyone can look at them.
    """
    long: dict[bytes, str] = {}
    for number in itertools.count(1):
        block = stream.read(tarfile.BLOCKSIZE)
        if not block.strip(b"\0") and len(block) == tarfile.BLOCKSIZE:
            return
        found = tarfile.TarInfo.frombuf(block, tarfile.ENCODING, "surrogateescape")
        if number > _MOST_MEMBERS:
            raise GlibcError(f"more than {_MOST_MEMBERS} members")
        if found.type not in _KINDS:
            raise GlibcError(f"{_short(found.name)} is neither a file, a folder nor a link")
        is_long = found.type in _LONG
        if found.size < 0 or found.type in long or (is_long and found.size > _LONGEST_PATH):
            raise GlibcError(f"a header of {found.size} bytes before a member")
        if is_long:
            name = b"".join(stream.blocks(found.size)).partition(b"\0")[0]
            long[found.type] = name.decode(tarfile.ENCODING, "surrogateescape")
            continue
        if found.size and not found.isreg():
            raise GlibcError(f"{_short(found.name)} has content and is no file")
        found.name = long.get(tarfile.GNUTYPE_LONGNAME, found.name)
        found.linkname = long.get(tarfile.GNUTYPE_LONGLINK, found.linkname)
        long.clear()
        content = stream.blocks(found.size)
        yield found, content
        collections.deque(content, maxlen=0)  # what was not wanted


def _short(text: str) -> str:
    """What an archive says, cut for a message of one line."""
    return text if len(text) <= 200 else f"{text[:200]}…"


def _inside(name: str) -> str:
    """A member's name, relative to the root of the tree and without ``.`` parts."""
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise GlibcError(f"the member {_short(name)} points outside the package")
    long = len(os.fsencode(name)) >= _LONGEST_PATH
    if long or len(parts) > _DEEPEST or any(len(os.fsencode(one)) > _LONGEST_NAME for one in parts):
        raise GlibcError(f"the member {_short(name)} has too long or too deep a name")
    return posixpath.normpath(name)


def _check_link(name: str, target: str) -> None:
    """Refuse a link that climbs out; an absolute one starts at the tree's own root."""
    if not 0 < len(os.fsencode(target)) < _LONGEST_PATH:
        raise GlibcError(f"the link {_short(name)} has an empty or too long a target")
    depth = 0 if target.startswith("/") else name.count("/")
    for part in target.split("/"):
        depth += -1 if part == ".." else int(part not in ("", "."))
        if depth < 0:
            raise GlibcError(
                f"the link {_short(name)} to {_short(target)} points outside the package"
            )


def _make(content: Iterator[bytes], member: tarfile.TarInfo, name: str, tree: Path) -> None:
    path = _folder(tree, posixpath.dirname(name)) / posixpath.basename(name)
    if path.is_symlink() or path.exists():
        raise GlibcError(f"{_short(name)} is in the package twice")
    if member.issym():
        path.symlink_to(member.linkname)
        return
    if member.islnk():
        target = _inside(member.linkname)
        # no part of the way, the last one included, may be a link the archive has made
        source = Path(os.path.realpath(tree)) / target
        if os.path.realpath(source) != str(source) or not source.is_file():
            raise GlibcError(f"a hard link to {_short(target)}, which is not unpacked")
        path.hardlink_to(source)
        return
    if member.size > _LARGEST:
        raise GlibcError(
            f"{_short(name)} has {member.size} bytes, too many for a library or a qemu"
        )
    # "x" makes the file anew and never follows a link
    with path.open("xb") as output:
        output.writelines(content)
    path.chmod(0o755 if member.mode & 0o100 else 0o644)


def _folder(tree: Path, inside: str) -> Path:
    """Make a folder of the tree, refusing to go through a link an earlier member left."""
    here = tree
    for part in filter(None, inside.split("/")):
        here = here / part
        if here.is_symlink() or (here.exists() and not here.is_dir()):
            raise GlibcError(f"{_short(inside)} leads through a link of the package itself")
        here.mkdir(exist_ok=True)
    return here
