"""Reading files that somebody else wrote: never more than a bound, and never waiting for one."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

GAI_CONF_LIMIT = 1 << 20
"""Bytes of a gai.conf given on the command line; real ones have a few thousand."""


def read_bounded(source: Path | BinaryIO, limit: int) -> bytes:
    """The content of a file or stream of at most ``limit`` bytes; pipes are as good as files.

    Raises OSError: what the system says, or that there is more.
    """
    if isinstance(source, Path):
        with source.open("rb") as stream:
            return read_bounded(stream, limit)
    data = source.read(limit + 1)
    if len(data) > limit:
        raise OSError(0, f"more than {limit} bytes")  # no errno: the machine has no part in it
    return data


def open_regular(path: Path | str, most: int | None = None, *, follow: bool = False) -> BinaryIO:
    """Open a regular file of at most ``most`` bytes; never wait for a FIFO, never wake a device.

    Parameters: ``follow`` a symbolic link at the path's last part. Raises OSError where it
    cannot be read, is no regular file or has too many bytes; ``strerror`` says which.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    descriptor = os.open(path, flags if follow else flags | os.O_NOFOLLOW)
    found = os.fstat(descriptor)
    said = ""
    if not stat.S_ISREG(found.st_mode):
        said = "a folder" if stat.S_ISDIR(found.st_mode) else "a device, pipe or socket"
    elif most is not None and found.st_size > most:
        said = f"more than {size(most)}"
    if said:
        os.close(descriptor)
        raise OSError(0, said, os.fspath(path))
    return os.fdopen(descriptor, "rb")


def read_regular(path: Path | str, most: int) -> bytes:
    """The bytes of a regular file, at most that many of them; see `open_regular`."""
    with open_regular(path, most) as stream:
        return stream.read(most)


def text_of(path: Path | str) -> str | None:
    """The text of one of the machine's own files; None where it is not there, or not to be read."""
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return None


def setting(path: Path | str) -> str | None:
    """The value in a file below /proc/sys, say; None where it is not there, or not to be read."""
    text = text_of(path)
    return None if text is None else text.strip()


def size(count: int) -> str:
    """A number of bytes for people."""
    if count >= 1 << 30:
        return f"{count / (1 << 30):.1f} GiB"
    return f"{count >> 20} MiB" if count >= 1 << 20 else f"{count >> 10} KiB"
