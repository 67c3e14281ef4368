"""A private root for running a program under one glibc, with nothing of the host's in it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from types import MappingProxyType
from typing import TYPE_CHECKING

from harness.glibcs.cache import cache_folder, install, making, publish
from harness.glibcs.errors import GlibcError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.glibcs.build import Build

# A change to the layout below makes other roots.
_LAYOUT = b"1"
_KEPT_SECONDS = 30 * 24 * 3600
# Where the sandbox puts its own /etc and kernel file systems.
_MOUNT_POINTS = ("dev", "etc", "proc", "tmp")
_NONE: Mapping[str, Path] = MappingProxyType({})


def stage(build: Build, worker: Path, modules: Mapping[str, Path] = _NONE) -> Path:
    """A root with a build's files in ``/lib``, the program at ``/worker`` and empty mount points.

    The files are copies. The root is named after its content: it is made once, whole, and
    used again by later runs; a glibc that changed in its place gets a new one.

    Args:
        build: The glibc.
        worker: The program to run under it.
        modules: Further libraries for ``/lib`` by the name each has there: name service
            modules, which glibc loads by their names.

    Returns:
        The root. Nobody may write in it: mount over its folders instead.

    Raises:
        GlibcError: A file of the build, or the program, cannot be read.
        GlibcUnavailable: The cache cannot be written.
    """
    try:
        key = _key(build, worker, modules)
        root = cache_folder() / "roots" / key
        if root.is_dir():
            _used(root)
            return root
        with making(key) as work:
            if not root.is_dir():
                made = work / "root"
                install(build, made)
                shutil.copyfile(worker, made / "worker")
                (made / "worker").chmod(0o755)
                for name, path in modules.items():
                    shutil.copyfile(path, made / "lib" / name)
                for name in _MOUNT_POINTS:
                    (made / name).mkdir()
                publish(made, root)
                _forget_old(root, build)
    except OSError as error:
        raise GlibcError(f"{error.filename or worker}: {error.strerror}") from None
    return root


def command(build: Build) -> list[str]:
    """The argument list that runs the staged program inside its root."""
    return [f"/lib/{build.files[0][0]}", "--library-path", "/lib", "/worker"]


def _used(root: Path) -> None:
    """Note that a root is in use. A cache that cannot be written serves all the same."""
    with contextlib.suppress(OSError):
        os.utime(root)


def _forget_old(root: Path, build: Build) -> None:
    """Remove roots of the same build that another worker or an older glibc left long ago."""
    limit = time.time() - _KEPT_SECONDS
    for other in root.parent.glob(f"{build.id}-*"):
        if other != root and other.stat().st_mtime < limit:
            shutil.rmtree(other, ignore_errors=True)


def _key(build: Build, worker: Path, modules: Mapping[str, Path]) -> str:
    digest = hashlib.sha256(_LAYOUT)
    for name, path in (*build.files, ("worker", worker), *modules.items()):
        content = path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return f"{build.id}-{digest.hexdigest()[:16]}"
