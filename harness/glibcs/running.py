"""The glibc this process itself runs on."""

from __future__ import annotations

import re
from pathlib import Path

from harness.glibcs.build import Build
from harness.glibcs.elf import ElfError, read_elf_file
from harness.glibcs.errors import GlibcError, GlibcUnavailable
from harness.glibcs.parts import LIBC_NAMES, library_names, read_libc

_MAPS = Path("/proc/self/maps")
_SELF = Path("/proc/self/exe")
_LIBC_FILE = re.compile(r"libc(?:\.so\.6(?:\.1)?|-[0-9.]+\.so)\Z")
_HINT = "name a directory with a glibc, or fetch one with: gai-harness glibc fetch --all"


def host() -> Build:
    """The host's build: the libc and the loader mapped into this very process.

    No path is guessed, so it holds on every distribution, and also when this interpreter was
    started through another glibc's loader.

    Raises:
        GlibcUnavailable: This interpreter does not run on glibc (a musl host, a static Python).
        GlibcError: The mapped libc cannot be read, for instance because it was replaced meanwhile.
    """
    mapped = mapped_files()
    libc_path = next((path for path in mapped if _LIBC_FILE.match(path.name)), None)
    if libc_path is None:
        raise _no_glibc(mapped, _interpreter())
    libc = read_libc(libc_path, str(libc_path))
    loader_name, loader = _loader(mapped, libc.loader_names)
    names, libraries = [loader_name, libc.soname], [libc_path]
    for name in library_names(libc.soname):
        library = libc_path.parent / name
        if library.is_file():
            names.append(name)
            libraries.append(library.resolve())
    return Build(
        version=libc.version,
        arch=libc.arch,
        origin="host",
        loader=loader,
        libraries=tuple(libraries),
        id=f"host-{libc.version}-{libc.arch}",
        names=tuple(names),
    )


def mapped_files() -> list[Path]:
    """The files that are mapped into this process (proc(5)), each once, in order.

    Raises:
        GlibcUnavailable: There is no /proc.
    """
    found: dict[Path, None] = {}
    try:
        lines = _MAPS.read_text(errors="surrogateescape").splitlines()
    except OSError as error:
        raise GlibcUnavailable(f"{_MAPS}: {error.strerror}", "mount a /proc") from None
    for line in lines:
        fields = line.split(maxsplit=5)
        if len(fields) == 6 and fields[5].startswith("/"):
            found[_present(fields[5])] = None
    return list(found)


def _present(shown: str) -> Path:
    """A mapped file's path; one replaced by an update has its successor at the same place."""
    # The kernel writes a newline in a name as \012 and marks unlinked files at the end.
    return Path(shown.replace("\\012", "\n").removesuffix(" (deleted)"))


def _loader(mapped: list[Path], names: tuple[str, ...]) -> tuple[str, Path]:
    for path in mapped:
        if not path.name.startswith("ld"):
            continue
        try:
            elf, _ = read_elf_file(path)
        except ElfError:
            continue
        if elf.soname in names:
            return elf.soname, path
    raise GlibcError(
        f"the dynamic loader of this process ({' or '.join(names)}) is not among its mapped files"
    )


def _interpreter() -> str | None:
    try:
        return read_elf_file(_SELF, follow=True)[0].interpreter
    except ElfError:
        return None


def _no_glibc(mapped: list[Path], interpreter: str | None) -> GlibcUnavailable:
    musl = [str(path) for path in mapped if "musl" in path.name]
    if interpreter and "musl" in interpreter:
        musl.insert(0, interpreter)
    if musl:
        return GlibcUnavailable(f"this Python runs on musl ({musl[0]}), not on glibc", _HINT)
    return GlibcUnavailable(f"this Python has no {LIBC_NAMES[0]} of glibc loaded", _HINT)
