"""The glibc this process itself runs on."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from harness.glibcs.build import Build
from harness.glibcs.elf import ElfError, read_elf_file
from harness.glibcs.errors import GlibcError, GlibcUnavailable
from harness.glibcs.libc_files import LIBC_NAMES, read_libc

_MAPS = Path("/proc/self/maps")
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
        raise _no_glibc(mapped)
    libc = read_libc(libc_path, str(libc_path))

    def library(name: str) -> Path | None:
        path = libc_path.parent / name
        return path.resolve() if path.is_file() else None

    loader = _loader(mapped, libc.loader_names)
    return libc.build(libc_path, loader, library, "host", "host")


def mapped_files() -> list[Path]:
    """The files that are mapped into this process (proc(5)), each once, in order.

    One that was replaced by an update has its successor at the same place.

    Raises:
        GlibcUnavailable: There is no /proc.
    """
    try:
        maps = _MAPS.read_text(errors="surrogateescape")
    except OSError as error:
        raise GlibcUnavailable(f"{_MAPS}: {error.strerror}", "mount a /proc") from None
    fields = [line.split(maxsplit=5) for line in maps.splitlines()]
    # The kernel writes a newline in a name as \012 and marks unlinked files at the end.
    names = [
        one[5].replace("\\012", "\n").removesuffix(" (deleted)")
        for one in fields
        if len(one) == 6 and one[5].startswith("/")
    ]
    return [Path(name) for name in dict.fromkeys(names)]


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


def _no_glibc(mapped: list[Path]) -> GlibcUnavailable:
    musl = [str(path) for path in mapped if "musl" in path.name]
    with suppress(ElfError):
        interpreter = read_elf_file(Path("/proc/self/exe"), follow=True)[0].interpreter or ""
        musl = [interpreter, *musl] if "musl" in interpreter else musl
    if musl:
        return GlibcUnavailable(f"this Python runs on musl ({musl[0]}), not on glibc", _HINT)
    return GlibcUnavailable(f"this Python has no {LIBC_NAMES[0]} of glibc loaded", _HINT)
