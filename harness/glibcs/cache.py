"""The per-user cache: builds that were fetched or added, and the roots made of them.

::

    builds/ID/manifest.json   what the build is: `keep` writes it
    builds/ID/lib/            its files, under the names they are looked up by
    roots/KEY/                private roots for running a program under a build
    locks/  tmp/              one lock for each thing that is made; where it is made

A folder gets its final name only when it is complete, so that whatever is there can be used
without a lock. Its files are not believed all the same: a disk, a program or a hand may have
changed them. The cache's place: ``GAI_HARNESS_CACHE``, else the user's cache folder
(platformdirs: ``XDG_CACHE_HOME`` or ``~/.cache``).
"""

import contextlib
import errno
import json
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from harness.glibcs.build import Build, GlibcError, GlibcUnavailable
from harness.glibcs.discover import PACKAGES
from harness.glibcs.elf import LARGEST, sha256
from harness.model.dialects import NEWEST, dialect, told
from harness.text.reading import read_regular
from harness.versions import RESOLVERS, Version, is_version

SCHEMA = 1
# A manifest has a line of 150 bytes for each of a dozen files.
_LONGEST_MANIFEST = 64 * 1024
_MOST_FILES = 64
# What a manifest need not have, and all of its texts; a build calls its suite the release.
_USUAL = {
    "distribution": "", "suite": "", "package_version": "", "source": "", "digest": "",
    "resolver": "glibc", "resolver_version": "",
}  # fmt: skip
_TEXTS = {"id", "version", "arch", "origin", "kind", *_USUAL}
_AS_BUILD = _TEXTS - {"kind", "suite"}
# What a command may spend on what dead ones left; the next one goes on.
_CLEARING_SECONDS = 1.0
# The key, and what tempfile adds to it.
_WORK_NAME = re.compile(r"(.+)\.[a-z0-9_]{8}")


def cache_folder() -> Path:
    """The cache's place on this host; it need not exist yet.

    Raises GlibcUnavailable where somebody else may write in it: what lies there is run.
    """
    chosen = os.environ.get("GAI_HARNESS_CACHE")
    if chosen:
        try:
            folder = Path(chosen).absolute()
        except FileNotFoundError:
            raise _unusable(Path(chosen), "is below a current folder that is gone") from None
    else:
        from platformdirs import user_cache_dir

        folder = Path(user_cache_dir("gai-harness"))
    try:
        found = folder.stat()
    except OSError:
        return folder
    why = ""
    if found.st_uid not in (0, os.geteuid()):
        why = f"belongs to the user {found.st_uid}"
    elif found.st_mode & stat.S_IWOTH:
        why = "may be written by every user"
    elif found.st_mode & stat.S_IWGRP and found.st_gid not in (0, os.getegid()):
        why = f"may be written by the group {found.st_gid}"
    if why:
        raise _unusable(folder, f"{why}, so that what lies in it may not be yours")
    return folder


@contextlib.contextmanager
def making(key: str) -> Iterator[Path]:
    """Hold the lock for *key* and give an empty private folder, removed at the end.

    Raises GlibcUnavailable where the cache cannot be written, or has no room for what is made.
    """
    from filelock import FileLock

    clear_dead()
    base = cache_folder()
    try:
        base.mkdir(mode=0o755, parents=True, exist_ok=True)
        for folder in ("builds", "roots", "locks", "tmp", "qemu"):
            (base / folder).mkdir(mode=0o755, exist_ok=True)
            if (base / folder).is_symlink():
                raise OSError(errno.ELOOP, f"its folder {folder} is a link")
        lock = FileLock(base / "locks" / f"{key}.lock")
        lock.acquire()
    except OSError as error:
        raise _unusable(base, f"cannot be written ({error.strerror})") from None
    try:
        with tempfile.TemporaryDirectory(
            prefix=f"{key}.", dir=base / "tmp", ignore_cleanup_errors=True
        ) as work:
            yield Path(work)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise _unusable(base, f"cannot hold more ({error.strerror})") from None
    finally:
        lock.release()


def clear_dead() -> None:
    """Remove the work folders of processes that were killed.

    The kernel releases a lock when its process dies, so a folder whose lock can be had is
    nobody's. Only folders that `making` can have made are touched, through a descriptor: what
    lies in the place of ``tmp`` may lead to anybody's folder. Nothing is said, nothing waits.
    """
    end = time.monotonic() + _CLEARING_SECONDS
    with contextlib.suppress(OSError, GlibcUnavailable):
        base = cache_folder()
        if (base / "locks").is_symlink():
            return
        tmp = os.open(base / "tmp", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            for name in os.listdir(tmp):  # noqa: PTH208 - of a descriptor
                made = _WORK_NAME.fullmatch(name)
                if made is not None:
                    _clear(name, tmp, base / "locks" / f"{made[1]}.lock")
                if time.monotonic() > end:
                    return
        finally:
            os.close(tmp)


def _clear(name: str, tmp: int, lock: Path) -> None:
    from filelock import FileLock, Timeout

    with contextlib.suppress(OSError, RecursionError, Timeout):
        if not stat.S_ISREG(lock.lstat().st_mode):  # `making` takes the lock first
            return
        with FileLock(lock, timeout=0):
            shutil.rmtree(name, ignore_errors=True, dir_fd=tmp)


def publish(made: Path, final: Path) -> None:
    """Give a complete folder its final name, in the place of whatever has it."""
    made.chmod(0o755)
    if os.path.lexists(final):
        old = made.parent / f"replaced-{final.name}"
        final.rename(old)
    made.rename(final)


def keep(build: Build, work: Path, kind: str) -> Build:
    """Copy a build into the cache; gives the one there.

    ``work`` is the private folder that `making` gave, ``kind`` how it came: as a ``package``,
    ``added``, as an ``image`` (or packages, or a process) that was named once, ``built``.
    Raises GlibcError where it was damaged while it was written.
    """
    made = work / "build"
    (made / "lib").mkdir(parents=True)
    files: list[tuple[str, int, str]] = []
    for name, path in build.files:
        copy = made / "lib" / name
        shutil.copyfile(path, copy)
        copy.chmod(0o755)
        files.append((name, copy.stat().st_size, sha256(copy)))
    manifest = {name: getattr(build, name) for name in (*sorted(_AS_BUILD), "name", "rows")}
    manifest |= {"schema": SCHEMA, "kind": kind, "suite": build.release, "files": files}
    text = json.dumps(manifest, indent=1)
    (made / "manifest.json").write_text(text + "\n", encoding="utf-8")
    final = folder_of(build.id)
    publish(made, final)
    kept = read_cached(final)
    if kept is None:
        raise GlibcError(f"{final}: damaged while it was written")
    return kept


def folder_of(build_id: str) -> Path:
    """Where the cache has a build, or would have it."""
    return cache_folder() / "builds" / build_id


def read_cached(folder: Path) -> Build | None:
    """The build in a folder of the cache; None where it is damaged."""
    try:
        data = json.loads(read_regular(folder / "manifest.json", _LONGEST_MANIFEST))
        added = date.fromtimestamp((folder / "manifest.json").lstat().st_mtime).isoformat()
        texts = {**_USUAL, **data}
        texts.pop("deb_sha256", None)  # what others called the digest
        name, rows = texts.pop("name", None), tuple(texts.pop("rows", ()))
        schema, files = texts.pop("schema"), texts.pop("files")
        told(dialect(NEWEST), rows)  # ValueError for what is no row
        every = [name or "", *texts.values()]
        every += [text for soname, _, digest in files for text in (soname, digest)]
        # JSON may hold anything in the place of each
        if not (
            (schema, texts["id"]) == (SCHEMA, folder.name)
            and texts.keys() == _TEXTS
            and all(isinstance(text, str) for text in every)
            and is_version(texts["version"])
            and texts["resolver"] in RESOLVERS
            and is_version(texts["resolver_version"] or texts["version"])
            and (1 if texts["resolver"] == "go" else 2) <= len(files) <= _MOST_FILES
            and all(type(size) is int and not {"/", "\0"} & {*one} for one, size, _ in files)
            and all(_has_size(folder / "lib" / one, size) for one, size, _ in files)
        ):
            return None
    # RecursionError: a hundred thousand brackets
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return Build(
        **{key: texts[key] for key in _AS_BUILD},
        files=tuple((soname, folder / "lib" / soname) for soname, _, _ in files),
        name=name,
        rows=rows,
        state=_state(texts["kind"], texts["source"]),
        added=added,
        release=texts["suite"],
    )


def _state(kind: str, source: str) -> str:
    if kind != "image":
        return {"package": "cached", "built": "built"}.get(kind, "added")
    if source.endswith(PACKAGES):
        return "package"
    return "process" if source.startswith("process ") else "image"


def cached() -> list[Build]:
    """Every build in the cache: of each resolver, glibc first, those of packages, by version."""
    return sorted(filter(None, map(read_cached, _folders())), key=_rank)


def damaged() -> list[Path]:
    """The folders of builds that are damaged."""
    return sorted(folder for folder in _folders() if read_cached(folder) is None)


def _folders() -> list[Path]:
    return [Path(one) for one in entries("builds") if one.is_dir(follow_symlinks=False)]


def roots_of(build_id: str) -> list[Path]:
    """The private roots made of a build."""
    return [Path(one) for one in entries("roots") if one.name.startswith(f"{build_id}-")]


def entries(name: str) -> list[os.DirEntry[str]]:
    """What is in a folder of the cache; nothing where that cannot be read, or is a link."""
    with contextlib.suppress(OSError):
        place = cache_folder() / name
        if not place.is_symlink():
            with os.scandir(place) as found:
                return list(found)
    return []


def _rank(build: Build) -> tuple[int, bool, tuple[int, ...], str]:
    version = Version.parse(build.resolver_version or build.version).numbers
    return RESOLVERS.index(build.resolver), build.state != "cached", version, build.id


def _has_size(path: Path, size: int) -> bool:
    """Whether it is a regular file of that size, and no larger than a library may be."""
    found = path.lstat()
    return stat.S_ISREG(found.st_mode) and found.st_size == size <= LARGEST


def _unusable(folder: Path, why: str) -> GlibcUnavailable:
    return GlibcUnavailable(
        f"the cache folder {folder} {why}",
        "name another one in the environment variable GAI_HARNESS_CACHE",
    )
