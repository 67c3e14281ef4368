"""What runs inside a sandbox for the tests of other people's code."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.sandbox import Box


def chrooted(box: Box, image: str) -> Iterator[str]:
    """What the loader of ``image`` says that is started in a chroot, as root of the sandbox."""
    root = Path(image)
    done = subprocess.run(
        ["/lib/ld-linux-x86-64.so.2"], preexec_fn=lambda: os.chroot(root), env={},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    yield done.stderr
