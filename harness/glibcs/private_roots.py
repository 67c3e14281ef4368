"""A private root for running a program under one glibc, with nothing of the host's in it."""

import contextlib
import filecmp
import hashlib
import os
import shutil
import stat
import time
from collections.abc import Mapping
from pathlib import Path

from harness.glibcs.build import Build, GlibcError
from harness.glibcs.cache import cache_folder, making, publish, roots_of
from harness.glibcs.elf import LARGEST
from harness.glibcs.emulators import Emulator
from harness.text.reading import read_regular

# A change to the layout below makes other roots.
_LAYOUT = b"3"
_KEPT_SECONDS = 30 * 24 * 3600
# The root, its libraries; where the sandbox puts its own /etc and kernel file systems, and this
# interpreter where it is to run.
_FOLDERS = ("", "lib", "dev", "etc", "proc", "python", "tmp")


def stage(
    build: Build,
    worker: Path,
    modules: Mapping[str, Path] | None = None,
    emulator: Emulator | None = None,
) -> Path:
    """A root with copies of a build's files in ``/lib``, ``worker`` at ``/worker``, mount points.

    It is named after its content: made once, whole, and used again by later runs. Nobody may write
    in it: mount over its folders instead. ``modules`` are further libraries by their names in
    ``/lib``, ``emulator`` is what runs the program, put beside it. Raises GlibcError where a file
    cannot be read, GlibcUnavailable where the cache cannot be written.
    """
    content = {f"lib/{name}": path for name, path in (*build.files, *(modules or {}).items())}
    content["worker"] = worker
    try:
        key = _key(build, content, emulator)
        if emulator is not None:
            content[emulator.name] = emulator.path
        root = cache_folder() / "roots" / key
        if _intact(root, content):
            with contextlib.suppress(OSError):  # a cache that cannot be written serves too
                os.utime(root)  # it is in use
            return root
        with making(key) as work:
            if not _intact(root, content):
                made = work / "root"
                for name in _FOLDERS:
                    (made / name).mkdir()
                for name, path in content.items():
                    shared = emulator is not None and path == emulator.path
                    if not (shared and _linked(path, made / name)):
                        shutil.copyfile(path, made / name)
                # it is run by another user than it is made by, whatever the umask
                for path in (made, *made.rglob("*")):
                    if path.stat().st_nlink == 1 or path.is_dir():
                        path.chmod(0o755)
                publish(made, root)
                _forget_old(root, build)
    except OSError as error:
        raise GlibcError(f"{error.filename or worker}: {error.strerror}") from None
    return root


def command(build: Build, emulator: Emulator | None = None) -> list[str]:
    """The argument list that runs the staged program inside its root."""
    if build.resolver == "go":
        return ["/worker"]
    through = [] if emulator is None else [f"/{emulator.name}"]
    # musl does not say what it is, and the worker says it in its place
    told = ["--argv0", build.version] if build.resolver == "musl" else []
    return [*through, f"/lib/{build.files[0][0]}", "--library-path", "/lib", *told, "/worker"]


def _linked(program: Path, target: Path) -> bool:
    """Make a hard link where that does: a static qemu is larger than all of glibc."""
    with contextlib.suppress(OSError):  # another file system, or another user's file
        if program.stat().st_mode & 0o005 == 0o005:
            target.hardlink_to(program)
            return True
    return False


def _forget_old(root: Path, build: Build) -> None:
    """Remove roots of the same build that another worker or an older glibc left long ago."""
    limit = time.time() - _KEPT_SECONDS
    for other in roots_of(build.id):
        if other != root and other.lstat().st_mtime < limit:
            shutil.rmtree(other, ignore_errors=True)


def _intact(root: Path, content: Mapping[str, Path]) -> bool:
    """Whether a root has just its files, each as its original: a cache may be damaged."""
    try:
        if not all(stat.S_ISDIR((root / name).lstat().st_mode) for name in _FOLDERS):
            return False
        found = {f"lib/{one.name}" for one in os.scandir(root / "lib")}
        found |= {one.name for one in os.scandir(root)} - {*_FOLDERS}
        return found == set(content) and all(
            _same(root / name, path) for name, path in content.items()
        )
    except OSError:
        return False


def _same(copy: Path, original: Path) -> bool:
    found, wanted = copy.lstat(), original.stat()
    if not stat.S_ISREG(found.st_mode) or found.st_size != wanted.st_size:
        return False
    return os.path.samestat(found, wanted) or filecmp.cmp(copy, original, shallow=False)


def _key(build: Build, content: Mapping[str, Path], emulator: Emulator | None) -> str:
    digest = hashlib.sha256(_LAYOUT)
    if emulator is not None:
        # many builds share one, so what tells it apart stands for its megabytes
        found = emulator.path.stat()
        shown = f"{emulator} {emulator.path} {found.st_size} {found.st_mtime_ns}"
        digest.update(f"{shown}\0".encode())
    for name, path in content.items():
        data = read_regular(path, LARGEST)
        digest.update(f"{name}\0{len(data)}\0".encode())
        digest.update(data)
    return f"{build.id}-{digest.hexdigest()[:16]}"
