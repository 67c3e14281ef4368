"""The per-user cache: builds that were fetched or added, and the roots made of them.

::

    builds/ID/manifest.json   what the build is (schema below)
    builds/ID/lib/            its files, under the names they are looked up by
    roots/KEY/                private roots for running a program under a build
    locks/  tmp/              one lock for each thing that is made; where it is made

A folder gets its final name only when it is complete, so that whatever is there can be used
without a lock. Its files are not believed all the same: a disk, a program or a hand may have
changed them. The cache's place: ``GAI_HARNESS_CACHE``, else the user's cache folder
(platformdirs: ``XDG_CACHE_HOME`` or ``~/.cache``).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.glibcs.build import Build
from harness.glibcs.errors import GlibcUnavailable
from harness.glibcs.files import LARGEST, sha256
from harness.text.reading import read_regular
from harness.versions import is_version

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = 1
# A manifest has a line of 150 bytes for each of a dozen files.
_LONGEST_MANIFEST = 64 * 1024
_MOST_FILES = 64
# What a command may spend on what dead ones left; the next one goes on.
_CLEARING_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is written beside a cached build's files.

    Args:
        id, version, arch, origin, name: As in `Build`.
        kind: ``package`` or ``added``.
        files: Name, size in bytes and SHA-256 of each file, the loader first, then libc.
        distribution, suite, package_version, deb_sha256: Where a package came from; empty for an
            added build.
    """

    id: str
    version: str
    arch: str
    origin: str
    kind: str
    files: tuple[tuple[str, int, str], ...]
    name: str | None = None
    distribution: str = ""
    suite: str = ""
    package_version: str = ""
    deb_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Cached:
    """A folder of the cache: a build with its manifest, or a damaged one (`build` is None)."""

    folder: Path
    manifest: Manifest | None
    build: Build | None


def cache_folder() -> Path:
    """The cache's place on this machine; it need not exist yet.

    Raises:
        GlibcUnavailable: Somebody else may write in it, and what lies there is run.
    """
    chosen = os.environ.get("GAI_HARNESS_CACHE")
    if chosen:
        folder = Path(chosen).absolute()
    else:
        from platformdirs import user_cache_dir

        folder = Path(user_cache_dir("gai-harness"))
    try:
        found = folder.stat()
    except OSError:
        return folder
    if found.st_uid not in (0, os.geteuid()):
        raise _not_own(folder, f"belongs to the user {found.st_uid}")
    if found.st_mode & stat.S_IWOTH:
        raise _not_own(folder, "may be written by every user")
    return folder


@contextlib.contextmanager
def making(key: str) -> Iterator[Path]:
    """Hold the lock for *key* and give an empty private folder, removed at the end.

    Raises:
        GlibcUnavailable: The cache cannot be written.
    """
    from filelock import FileLock

    clear_dead()
    base = cache_folder()
    try:
        base.mkdir(mode=0o755, parents=True, exist_ok=True)
        for folder in ("builds", "roots", "locks", "tmp"):
            (base / folder).mkdir(mode=0o755, exist_ok=True)
        lock = FileLock(base / "locks" / f"{key}.lock")
        lock.acquire()
    except OSError as error:
        raise _unwritable(base, error) from None
    try:
        with tempfile.TemporaryDirectory(
            prefix=f"{key}.", dir=base / "tmp", ignore_cleanup_errors=True
        ) as work:
            yield Path(work)
    finally:
        lock.release()


def clear_dead() -> None:
    """Remove the work folders of processes that were killed.

    The kernel releases a lock when its process dies, so a folder whose lock can be had is
    nobody's. Nothing is said, and nothing waits: a command that clears nothing works the same.
    """
    end = time.monotonic() + _CLEARING_SECONDS
    with contextlib.suppress(OSError, GlibcUnavailable):
        base = cache_folder()
        with os.scandir(base / "tmp") as entries:
            for entry in entries:
                _clear(entry, base / "locks" / f"{entry.name.rpartition('.')[0]}.lock")
                if time.monotonic() > end:
                    return


def _clear(entry: os.DirEntry[str], lock: Path) -> None:
    from filelock import FileLock, Timeout

    with contextlib.suppress(OSError, RecursionError, Timeout), FileLock(lock, timeout=0):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            Path(entry).unlink()


def publish(made: Path, final: Path) -> None:
    """Give a complete folder its final name, in the place of whatever has it."""
    made.chmod(0o755)
    if os.path.lexists(final):
        old = made.parent / "replaced"
        final.rename(old)
    made.rename(final)


def install(build: Build, folder: Path) -> tuple[tuple[str, int, str], ...]:
    """Copy a build's files to ``folder/lib`` under the names they are looked up by.

    Returns:
        Name, size and SHA-256 of each, as a manifest has them.
    """
    library = folder / "lib"
    library.mkdir(parents=True, exist_ok=True)
    files: list[tuple[str, int, str]] = []
    for name, path in build.files:
        shutil.copyfile(path, library / name)
        (library / name).chmod(0o755)
        files.append((name, (library / name).stat().st_size, sha256(library / name)))
    return tuple(files)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of a build's folder."""
    text = json.dumps({"schema": SCHEMA, **asdict(manifest)}, indent=1)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")


def read_cached(folder: Path) -> Cached:
    """Read a build's folder; a damaged one is told by its missing manifest and build."""
    manifest = _manifest(folder)
    if manifest is None:
        return Cached(folder, None, None)
    paths = [folder / "lib" / name for name, _, _ in manifest.files]
    build = Build(
        version=manifest.version,
        arch=manifest.arch,
        origin=manifest.origin,
        loader=paths[0],
        libraries=tuple(paths[1:]),
        id=manifest.id,
        names=tuple(name for name, _, _ in manifest.files),
        name=manifest.name,
    )
    return Cached(folder, manifest, build)


def cached() -> list[Cached]:
    """Every build in the cache by ascending version, packages first; damaged ones last."""
    try:
        with os.scandir(cache_folder() / "builds") as entries:
            folders = [Path(one) for one in entries if one.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return sorted(map(read_cached, folders), key=_rank)


def roots_of(build_id: str) -> list[Path]:
    """The private roots made of a build."""
    try:
        with os.scandir(cache_folder() / "roots") as entries:
            return [Path(one) for one in entries if one.name.startswith(f"{build_id}-")]
    except OSError:
        return []


def _rank(entry: Cached) -> tuple[bool, bool, tuple[int, ...], str]:
    if entry.manifest is None or entry.build is None:
        return (True, True, (), entry.folder.name)
    version = entry.build.ordered_version.numbers
    return (False, entry.manifest.kind != "package", version, entry.folder.name)


def _manifest(folder: Path) -> Manifest | None:
    try:
        data = json.loads(read_regular(folder / "manifest.json", _LONGEST_MANIFEST))
        if data.pop("schema") != SCHEMA:
            return None
        data["files"] = tuple((name, size, digest) for name, size, digest in data["files"])
        manifest = Manifest(**data)
        sound = _sound(manifest) and all(
            _is_file(folder / "lib" / name, size) for name, size, _ in manifest.files
        )
    # RecursionError: a hundred thousand brackets
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return manifest if sound and manifest.id == folder.name else None


def _sound(manifest: Manifest) -> bool:
    """Whether every field is what its annotation says: JSON may hold anything there."""
    fields = asdict(manifest)
    name, files = fields.pop("name"), fields.pop("files")
    texts = (*fields.values(), *(text for file in files for text in (file[0], file[2])))
    return (
        all(isinstance(text, str) for text in (*texts, name or ""))
        and is_version(manifest.version)
        and 2 <= len(files) <= _MOST_FILES
        and all(
            type(size) is int and "/" not in file and "\0" not in file for file, size, _ in files
        )
    )


def _is_file(path: Path, size: int) -> bool:
    found = path.lstat()
    return stat.S_ISREG(found.st_mode) and found.st_size == size <= LARGEST


def _not_own(folder: Path, why: str) -> GlibcUnavailable:
    return GlibcUnavailable(
        f"the cache folder {folder} {why}, so that what lies in it may not be yours",
        "name another one in the environment variable GAI_HARNESS_CACHE",
    )


def _unwritable(base: Path, error: OSError) -> GlibcUnavailable:
    return GlibcUnavailable(
        f"the cache folder {base} cannot be written ({error.strerror})",
        "name another one in the environment variable GAI_HARNESS_CACHE",
    )
