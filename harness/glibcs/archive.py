"""Unpacking the libraries out of packages and image layers, trusting nothing in an archive.

dpkg-deb, rpm2archive and zstd only decompress; every member's name and link is judged here before
a file is made, and whatever an archive can ask for has a limit.
"""

import collections
import gzip
import hashlib
import itertools
import os
import posixpath
import resource
import subprocess
import tarfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, cast

from harness.glibcs.build import GlibcError, GlibcUnavailable
from harness.glibcs.libc_files import WANTED
from harness.sandbox import programs
from harness.text.reading import open_regular

_SECONDS = 300.0
# What a program that decompresses may take: an xz or zstd stream can ask for gigabytes.
_MOST_MEMORY = 1024 * 1024 * 1024
# NAME_MAX and PATH_MAX of Linux. A tree of the greatest depth could not be removed again before
# Python 3.13, which walks it by recursion.
_LONGEST_NAME, _LONGEST_PATH, _DEEPEST = 255, 4096, 64
_LONGEST_PAX = 1024 * 1024  # extended attributes are in it
_LONG = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_FILES = (
    tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE,
)  # fmt: skip
_PAX = (tarfile.XHDTYPE, tarfile.XGLTYPE)
_PROGRAMS = {
    ".deb": ("dpkg-deb", "dpkg", "--fsys-tarfile"),
    ".rpm": ("rpm2archive", "rpm2archive (a package of its own, or part of rpm)", "-"),
    ".xz": ("xz", "xz-utils", "-dcq"),
    ".zst": ("zstd", "zstd", "-dcq"),
}
_MAGIC = {b"\xfd7zXZ\0": ".xz", b"\x28\xb5\x2f\xfd": ".zst"}


class LinkedElsewhere(GlibcError):
    """Wanted members are hard links to others, which were not; ``targets`` are those."""

    def __init__(self, shown: str, targets: frozenset[str]) -> None:
        first = _short(min(targets))
        super().__init__(f"{shown}: a hard link to {first}, which is not unpacked")
        self.targets = targets


@dataclass(frozen=True, slots=True)
class Kind:
    """What an archive of a kind may hold.

    A package has the kinds of header that deb(5) allows. What is ``loose`` (a container's file
    system) may also have PAX headers, devices, which are passed over, and a file twice, of which
    the later one stays.
    """

    members: int
    size: int  # bytes, unpacked
    loose: bool
    # glibc's largest library is near 3 MiB; with its debug symbols, and as a qemu, a file stays
    # below 64 MiB
    largest: int = 64 << 20


#: glibc's packages have some 300 members; the largest, qemu-user, is of about 300 MiB.
PACKAGE = Kind(20_000, 1 << 30, loose=False)
IMAGE = Kind(2_000_000, 32 << 30, loose=True)


class Room:
    """What may still be unpacked, out of one archive or all layers of an image: bytes, bytes of
    what is made of them, and time.
    """

    def __init__(self, size: int, made: int, seconds: float) -> None:
        self.size, self.made, self.seconds = size, made, seconds
        self._left, self._left_made = size, made
        self._end = time.monotonic() + seconds

    def take(self, size: int) -> None:
        """Take so many bytes. Raises GlibcError where that is too much, or it is too late."""
        self._left -= size
        if self._left < 0:
            raise GlibcError(f"more than {self.size >> 20} MiB unpacked")
        if time.monotonic() > self._end:
            raise GlibcError(f"unpacking it takes over {self.seconds:.0f} s")

    def make(self, size: int) -> None:
        """Take the bytes of a file that is made. Raises GlibcError where that is too much."""
        self._left_made -= size
        if self._left_made < 0:
            raise GlibcError(f"more than {self.made >> 20} MiB of libraries")


def is_glibc(name: str) -> bool:
    """Whether a member of a package, by its path, is a library of a lookup or a loader.

    Those are under ``lib*``, ``usr/lib*`` and, of cross-compilers, ``usr/*-linux-gnu*/lib``.
    """
    parts = name.removeprefix("usr/").split("/")
    if "-linux-gnu" in parts[0]:
        del parts[0]
    return len(parts) > 1 and parts[0].startswith("lib") and WANTED.match(parts[-1]) is not None


def unpack(package: Path, tree: Path, wanted: Callable[[str], bool] = is_glibc) -> None:
    """Unpack regular files and links out of a ``.deb`` or ``.rpm`` into an empty directory.

    ``wanted`` says which members to make, by their path without a leading ``/``. Raises GlibcError
    for a package that is damaged or points outside the tree, GlibcUnavailable where nothing opens
    it.
    """
    kind = replace(PACKAGE, loose=package.suffix == ".rpm")
    with opened(package) as stream:
        unpack_tar(stream, tree, package.name, wanted, kind)


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The uncompressed tar stream in a package, or in a tar compressed by gzip, xz or zstd.

    Raises as `unpack` does, what is raised while the stream is read included.
    """
    try:
        opened_file = open_regular(path, follow=True)
    except OSError as error:
        raise GlibcError(f"{path.name}: cannot be read: {error.strerror}") from None
    with opened_file as file:
        magic = os.pread(file.fileno(), 6, 0)
        suffix = next((_MAGIC[one] for one in _MAGIC if magic.startswith(one)), path.suffix)
        with _decompressed(suffix, path, file) as raw:
            # rpm2archive writes through gzip
            zipped = suffix == ".rpm" or magic.startswith(b"\x1f\x8b")
            plain = gzip.open(raw) if zipped else raw  # noqa: SIM115 - it holds nothing of its own
            try:
                yield cast(IO[bytes], plain)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise GlibcError(f"{path.name}: damaged ({_short(str(error))})") from None


def started(name: str, *words: str, stdin: IO[bytes] | int, stderr: int) -> subprocess.Popen[bytes]:
    """A program of this host on somebody else's file, with a bound on memory. Raises OSError."""
    process = subprocess.Popen(
        [programs.find(name) or f"/usr/bin/{name}", *words],
        env={**programs.environment(), "LC_ALL": "C"},
        stdin=stdin, stdout=subprocess.PIPE, stderr=stderr,
    )  # fmt: skip
    resource.prlimit(process.pid, resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    return process


@contextmanager
def _decompressed(suffix: str, path: Path, file: IO[bytes]) -> Iterator[IO[bytes]]:
    """What the program for such files writes; the file itself where none is needed."""
    if suffix not in _PROGRAMS:
        yield file
        return
    name, package, *options = _PROGRAMS[suffix]
    named = [str(path)] if suffix == ".deb" else []  # dpkg-deb reads no pipe and no input
    try:
        process = started(name, *options, *named, stdin=file, stderr=subprocess.PIPE)
    except FileNotFoundError:
        what = f"{name}, which opens {suffix} files"
        raise GlibcUnavailable(f"this host has no {what}", f"install {package}") from None
    except OSError as error:
        raise GlibcUnavailable(
            f"{name} cannot be started: {error.strerror}", "let it be started, or mend it"
        ) from None
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        try:
            yield process.stdout
        except BaseException:
            process.kill()
            raise
        said = process.stderr.read().decode("utf-8", "replace").strip()
    if process.returncode != 0:
        reason = (said.splitlines() or [f"{name} failed"])[-1].strip()
        raise GlibcError(f"{path.name}: a damaged package ({reason})")


def unpack_tar(
    stream: IO[bytes],
    tree: Path,
    shown: str,
    wanted: Callable[[str], bool] = is_glibc,
    kind: Kind = PACKAGE,
    linked: frozenset[str] = frozenset(),
    room: Room | None = None,
) -> str:
    """Unpack what is wanted out of an uncompressed tar stream, to its end; gives its SHA-256.

    See `unpack`. The stream need not be seekable; ``shown`` is how to call the archive in an error.
    ``room`` is what it shares with others; by default it has its kind's size for itself.
    Raises LinkedElsewhere as well, whose ``targets`` are the members to take along in a second
    pass, as ``linked``; what is of no look-up may then do without its target.
    """
    room = room or Room(kind.size, kind.size, _SECONDS)
    bounded, elsewhere = _Bounded(stream, room), set[str]()
    try:
        for member, content in _members(bounded, kind):
            if kind.loose:
                member.name = member.name.lstrip("/")
                member.linkname = member.linkname.lstrip("/") if member.islnk() else member.linkname
                if not wanted(_inside(member.name)) and _inside(member.name) not in linked:
                    continue
            name = _fitting(member.name)
            if member.issym():
                _check_link(name, member.linkname)
            elif member.islnk():
                _fitting(member.linkname)
            if not member.isdir() and (wanted(name) or name in linked):
                if _make(content, member, name, tree, kind, room):
                    continue
                if is_glibc(name) or not linked:
                    elsewhere.add(_fitting(member.linkname))
        # the end of the archive is padding; reading it lets who decompresses end by itself
        while bounded.read(65536):
            pass
    except GlibcError as error:
        raise GlibcError(f"{shown}: {error}") from None
    except (tarfile.TarError, ValueError) as error:  # ValueError: a number or a name in a header
        raise GlibcError(f"{shown}: a damaged package ({_short(str(error))})") from None
    if elsewhere:
        raise LinkedElsewhere(shown, frozenset(elsewhere))
    return bounded.digest.hexdigest()


class _Bounded:
    def __init__(self, stream: IO[bytes], room: Room) -> None:
        self._stream, self._room = stream, room
        self.digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        """So many bytes, fewer at the end."""
        data = self._stream.read(size)
        self.digest.update(data)
        self._room.take(len(data))
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


def _members(stream: _Bounded, kind: Kind) -> Iterator[tuple[tarfile.TarInfo, Iterator[bytes]]]:
    """The members up to the end mark with their content, which is valid until the next one.

    tarfile parses single headers only: reading a whole archive, it follows what they ask for
    (a name of gigabytes, a name of a name) before anyone can look at them.
    """
    before: dict[str, str] = {}  # what headers before a member say of it, by PAX's names
    long = dict(zip(_LONG, ("path", "linkpath"), strict=True))
    for number in itertools.count(1):
        block = stream.read(tarfile.BLOCKSIZE)
        if not block.strip(b"\0") and len(block) == tarfile.BLOCKSIZE:
            return
        found = tarfile.TarInfo.frombuf(block, tarfile.ENCODING, "surrogateescape")
        if number > kind.members:
            raise GlibcError(f"more than {kind.members} members")
        pax = kind.loose and found.type in _PAX
        if not pax and found.type not in (*_LONG, *_FILES) and not kind.loose:
            raise GlibcError(f"{_short(found.name)} is neither a file, a folder nor a link")
        limit = _LONGEST_PAX if pax else _LONGEST_PATH
        again = long.get(found.type, "") in before
        if found.size < 0 or again or (found.type in (*_LONG, *_PAX) and found.size > limit):
            raise GlibcError(f"a header of {found.size} bytes before a member")
        if pax or found.type in _LONG:
            content = b"".join(stream.blocks(found.size))
            if not pax:
                text = content.partition(b"\0")[0]
                before[long[found.type]] = text.decode(tarfile.ENCODING, "surrogateescape")
            elif found.type == tarfile.XHDTYPE:
                before |= _records(content)
            continue
        found.size = int(before.get("size", found.size))
        if found.size < 0 or (found.size and not found.isreg() and not kind.loose):
            raise GlibcError(f"{_short(found.name)} has content and is no file")
        found.name = before.get("path", found.name)
        found.linkname = before.get("linkpath", found.linkname)
        before.clear()
        data = stream.blocks(found.size)
        if found.type in _FILES:
            yield found, data
        collections.deque(data, maxlen=0)  # what was not wanted


def _records(header: bytes) -> dict[str, str]:
    """The three records of a PAX header that count here (pax(1): "LENGTH KEY=VALUE", a line)."""
    found: dict[str, str] = {}
    while header:
        length = int(header.partition(b" ")[0])
        record, header = header[:length], header[length:]
        key, _, value = record.partition(b" ")[2].removesuffix(b"\n").partition(b"=")
        if length <= 0:
            raise GlibcError("a damaged header before a member")
        if key in (b"path", b"linkpath", b"size"):
            found[key.decode()] = value.decode(tarfile.ENCODING, "surrogateescape")
    return found


def _short(text: str) -> str:
    """What an archive says, cut for a message of one line."""
    return text if len(text) <= 200 else f"{text[:200]}…"


def _inside(name: str) -> str:
    """A member's name, relative to the root of the tree and without ``.`` parts."""
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise GlibcError(f"the member {_short(name)} points outside the package")
    return posixpath.normpath(name)


def _fitting(name: str) -> str:
    """The same of a name that may be made: one that is neither too long nor too deep."""
    parts = name.split("/")
    long = len(os.fsencode(name)) >= _LONGEST_PATH
    if long or len(parts) > _DEEPEST or any(len(os.fsencode(one)) > _LONGEST_NAME for one in parts):
        raise GlibcError(f"the member {_short(name)} has too long or too deep a name")
    return _inside(name)


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


def _make(
    content: Iterator[bytes], member: tarfile.TarInfo, name: str, tree: Path, kind: Kind, room: Room
) -> bool:
    """Make a member; False for a hard link to what is not in the tree."""
    path = _folder(tree, posixpath.dirname(name)) / posixpath.basename(name)
    if path.is_symlink() or path.exists():
        if kind.loose and not path.is_dir():
            path.unlink()
        else:
            raise GlibcError(f"{_short(name)} is in the package twice")
    if member.issym():
        path.symlink_to(member.linkname)
        return True
    if member.islnk():
        target = _fitting(member.linkname)
        # no part of the way, the last one included, may be a link the archive has made
        source = Path(os.path.realpath(tree)) / target
        if os.path.realpath(source) != str(source) or not source.is_file():
            return False
        path.hardlink_to(source)
        return True
    if member.size > kind.largest:
        if kind.loose and not is_glibc(name):
            return True  # a tree is usable without what it says of itself
        raise GlibcError(
            f"{_short(name)} has {member.size} bytes, too many for a library or a qemu"
        )
    room.make(member.size)
    # "x" makes the file anew and never follows a link
    with path.open("xb") as output:
        output.writelines(content)
    path.chmod(0o755 if member.mode & 0o100 else 0o644)
    return True


def _folder(tree: Path, inside: str) -> Path:
    """Make a folder of the tree, refusing to go through a link an earlier member left."""
    here = tree
    for part in filter(None, inside.split("/")):
        here = here / part
        if here.is_symlink() or (here.exists() and not here.is_dir()):
            raise GlibcError(f"{_short(inside)} leads through a link of the package itself")
        here.mkdir(exist_ok=True)
    return here
