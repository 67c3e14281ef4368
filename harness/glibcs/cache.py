"""The per-user cache: builds that were fetched or added, and the roots made of them.

::

    builds/ID/manifest.json   what the build is (schema below)
    builds/ID/lib/            its files, under the names they are looked up by
    roots/KEY/                private roots for running a program under a build
    locks/  tmp/              one lock for each thing that is made; where it is made

A folder gets its final name only when it is complete, so that whatever is there can be used
without a lock. The cache's place: ``GAI_HARNESS_CACHE``, else the user's cache folder
(platformdirs: ``XDG_CACHE_HOME`` or ``~/.cache``).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.glibcs.build import Build
from harness.glibcs.errors import GlibcUnavailable
from harness.glibcs.files import sha256
from harness.versions import is_version

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = 1


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
    """The cache's place on this machine; it need not exist yet."""
    chosen = os.environ.get("GAI_HARNESS_CACHE")
    if chosen:
        return Path(chosen).absolute()
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("gai-harness"))


@contextlib.contextmanager
def making(key: str) -> Iterator[Path]:
    """Hold the lock for *key* and give an empty private folder, removed at the end.

    Raises:
        GlibcUnavailable: The cache cannot be written.
    """
    from filelock import FileLock

    base = cache_folder()
    try:
        for folder in ("builds", "roots", "locks", "tmp"):
            (base / folder).mkdir(parents=True, exist_ok=True)
        lock = FileLock(base / "locks" / f"{key}.lock")
        lock.acquire()
    except OSError as error:
        raise _unwritable(base, error) from None
    try:
        # Whoever holds the lock knows that what others left under its key was given up.
        for left in (base / "tmp").glob(f"{key}.*"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(
            prefix=f"{key}.", dir=base / "tmp", ignore_cleanup_errors=True
        ) as work:
            yield Path(work)
    finally:
        lock.release()


def publish(made: Path, final: Path) -> None:
    """Give a complete folder its final name, in the place of whatever has it."""
    made.chmod(0o755)
    if final.exists():
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
        folders = sorted((cache_folder() / "builds").iterdir())
    except OSError:
        return []
    return sorted((read_cached(one) for one in folders if one.is_dir()), key=_rank)


def _rank(entry: Cached) -> tuple[bool, bool, tuple[int, ...], str]:
    if entry.manifest is None or entry.build is None:
        return (True, True, (), entry.folder.name)
    version = entry.build.ordered_version.numbers
    return (False, entry.manifest.kind != "package", version, entry.folder.name)


def _manifest(folder: Path) -> Manifest | None:
    try:
        data = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        if data.pop("schema") != SCHEMA:
            return None
        data["files"] = tuple((str(name), int(size), str(sha)) for name, size, sha in data["files"])
        manifest = Manifest(**data)
        complete = len(manifest.files) >= 2 and all(
            "/" not in name and (folder / "lib" / name).stat().st_size == size
            for name, size, _ in manifest.files
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    texts = (manifest.id, manifest.version, manifest.arch, manifest.origin, manifest.kind)
    sound = all(isinstance(text, str) for text in texts) and is_version(manifest.version)
    return manifest if complete and sound and manifest.id == folder.name else None


def _unwritable(base: Path, error: OSError) -> GlibcUnavailable:
    return GlibcUnavailable(
        f"the cache folder {base} cannot be written ({error.strerror})",
        "name another one in the environment variable GAI_HARNESS_CACHE",
    )
