"""The glibc this process itself runs on, and this interpreter as a worker on another glibc.

The cffi lane on another glibc: the protocol is the worker's, so `WorkerLane` serves both. What
they need besides that glibc lies below ``/python`` of the private root.
"""

import os
import re
import sys
import sysconfig
from contextlib import suppress
from pathlib import Path

from harness.glibcs.build import Build, GlibcError, GlibcUnavailable
from harness.glibcs.elf import ElfError, read_elf_file
from harness.glibcs.libc_files import LIBC_NAMES, read_libc
from harness.glibcs.private_roots import command

_MAPS = Path("/proc/self/maps")
_LIBC_FILE = re.compile(r"libc(?:\.so\.6(?:\.1)?|-[0-9.]+\.so)\Z")
_HINT = "name a directory with a glibc, or fetch one with: gai-harness glibc fetch --all"
_PYTHON = "/python/bin/python"
_LIBRARIES = "/python/own"
_PROGRAM = (
    f"import sys; sys.path.append({_LIBRARIES!r}); "
    "from _core import lib; sys.exit(lib.gai_worker_main())"
)


def host() -> Build:
    """The host's build: the libc and the loader mapped into this very process.

    No path is guessed, so it holds on every distribution, and under another glibc's loader too.
    Raises GlibcUnavailable where this interpreter does not run on glibc (musl, a static Python),
    GlibcError where the mapped libc cannot be read, for instance because it was replaced meanwhile.
    """
    mapped = _mapped_files()
    libc_path = next((path for path in mapped if _LIBC_FILE.match(path.name)), None)
    if libc_path is None:
        raise _no_glibc(mapped)
    libc = read_libc(libc_path, str(libc_path))

    def library(name: str) -> Path | None:
        path = libc_path.parent / name
        return path.resolve() if path.is_file() else None

    return libc.build(_loader(mapped, libc.loader_names), library, "host", "host")


def hosted_command(build: Build) -> list[str]:
    """The argument list that runs this interpreter inside a root with `python_parts`."""
    loader, option, folder, _ = command(build)
    return [loader, option, f"{folder}:{_LIBRARIES}", _PYTHON, "-I", "-S", "-B", "-c", _PROGRAM]


def python_parts(build: Build) -> dict[str, Path]:
    """What is to lie below ``/python`` of a root: files and folders by their names there.

    They are the program, the standard library, the extension and every library they need, except
    those of ``build``, the glibc they are to run on. Raises GlibcError.
    """
    import _cffi_backend

    from harness.native import _core

    standard = Path(sysconfig.get_path("stdlib"))
    # of a virtual environment, the one it was made from
    program = Path(os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable))
    extensions = [Path(str(module.__file__)) for module in (_core, _cffi_backend)]
    libraries: dict[str, Path] = {}
    for path in _mapped_files():
        with suppress(ElfError):  # what else is mapped, like a file that is gone
            libraries[read_elf_file(path, follow=True)[0].soname or path.name] = path
    glibc = {*build.names, *host().names}
    own: dict[str, Path] = {}
    waiting = [program, *extensions]
    while waiting:
        path = waiting.pop()
        try:
            needed = read_elf_file(path, follow=True)[0].needed
        except ElfError as problem:
            raise GlibcError(f"{path}: {problem}") from None
        for name in needed:
            if name in libraries and name not in glibc and name not in own:
                own[name] = libraries[name]
                waiting.append(own[name])
    return {
        _PYTHON.removeprefix("/python/"): program,
        f"{sys.platlibdir}/{standard.name}": standard,
        **{f"own/{name}": path for name, path in own.items()},
        **{f"own/{path.name}": path for path in extensions},
    }


def _mapped_files() -> list[Path]:
    """The files whose code is mapped into this process (proc(5)), each once, in order.

    One that was replaced has its successor at the same place. Others may be mapped just to be read.
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
        if len(one) == 6 and "x" in one[1] and one[5].startswith("/")
    ]
    return [Path(name) for name in dict.fromkeys(names)]


def _loader(mapped: list[Path], names: tuple[str, ...]) -> tuple[str, Path]:
    for path in mapped:
        if path.name.startswith("ld"):
            with suppress(ElfError):
                soname = read_elf_file(path)[0].soname
                if soname in names:
                    return soname, path
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
