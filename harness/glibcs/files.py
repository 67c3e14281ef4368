"""The files of a glibc build: how large one may be, and its sum."""

from __future__ import annotations

import hashlib
from pathlib import Path

#: glibc's largest library is near 3 MiB; with its debug symbols, and as a static qemu, a file
#: stays below 64 MiB. The interpreter of this process, which is read too, may be larger.
LARGEST = 128 * 1024 * 1024


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
