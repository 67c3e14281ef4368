"""Opening what somebody else put into a folder: a regular file of bounded size, or nothing."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import BinaryIO

#: glibc's largest library is near 3 MiB; with its debug symbols, and as a static qemu, a file
#: stays below 64 MiB. The interpreter of this process, which is read too, may be larger.
LARGEST = 128 * 1024 * 1024


def open_regular(path: Path | str, most: int = LARGEST, *, follow: bool = False) -> BinaryIO:
    """Open a regular file; never wait for a FIFO, never wake a device.

    Args:
        path: The file.
        most: How many bytes it may have.
        follow: Follow a symbolic link at its last part.

    Raises:
        OSError: It cannot be read, is no regular file or has too many bytes; ``strerror`` says it.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    descriptor = os.open(path, flags if follow else flags | os.O_NOFOLLOW)
    stream = os.fdopen(descriptor, "rb")
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_size > most:
        stream.close()
        regular = stat.S_ISREG(found.st_mode)
        said = f"more than {size(most)}" if regular else "not a regular file"
        raise OSError(0, said, os.fspath(path))
    return stream


def read_regular(path: Path | str, most: int) -> bytes:
    """The bytes of a regular file, at most that many of them; see `open_regular`."""
    with open_regular(path, most) as stream:
        return stream.read(most)


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def size(count: int) -> str:
    """A number of bytes for people."""
    if count >= 1 << 30:
        return f"{count / (1 << 30):.1f} GiB"
    return f"{count >> 20} MiB" if count >= 1 << 20 else f"{count >> 10} KiB"
