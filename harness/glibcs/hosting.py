"""This interpreter and its extension as a worker, started by another glibc's loader.

The cffi lane on another glibc: the protocol is the worker's, so `WorkerLane` serves both. What
they need besides that glibc lies below ``/python`` of the private root.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from harness.glibcs.elf import ElfError, read_elf_file
from harness.glibcs.errors import GlibcError
from harness.glibcs.host_libc import host, mapped_files
from harness.glibcs.private_roots import command

if TYPE_CHECKING:
    from harness.glibcs.build import Build

_PYTHON = "/python/bin/python"
_LIBRARIES = "/python/own"
_PROGRAM = (
    f"import sys; sys.path.append({_LIBRARIES!r}); "
    "from _core import lib; sys.exit(lib.gai_worker_main())"
)


def hosted_command(build: Build) -> list[str]:
    """The argument list that runs this interpreter inside a root with `python_parts`."""
    loader, option, folder, _ = command(build)
    return [loader, option, f"{folder}:{_LIBRARIES}", _PYTHON, "-I", "-S", "-B", "-c", _PROGRAM]


def python_parts(build: Build) -> dict[str, Path]:
    """The program, the standard library, the extension and every library they need.

    Args:
        build: The glibc they are to run on: its libraries are not among the parts.

    Returns:
        Files and folders by the name each has below ``/python``.

    Raises:
        GlibcError: A library of this interpreter cannot be read.
    """
    import _cffi_backend

    from harness.native import _core

    standard = Path(sysconfig.get_path("stdlib"))
    # of a virtual environment, the one it was made from
    program = Path(os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable))
    extensions = [Path(str(module.__file__)) for module in (_core, _cffi_backend)]
    libraries = _mapped_libraries()
    glibc = {name for name, _ in (*build.files, *host().files)}
    own: dict[str, Path] = {}
    waiting = [program, *extensions]
    while waiting:
        for name in _needed(waiting.pop()):
            if name in libraries and name not in glibc and name not in own:
                own[name] = libraries[name]
                waiting.append(own[name])
    return {
        _PYTHON.removeprefix("/python/"): program,
        f"{sys.platlibdir}/{standard.name}": standard,
        **{f"own/{name}": path for name, path in own.items()},
        **{f"own/{path.name}": path for path in extensions},
    }


def _mapped_libraries() -> dict[str, Path]:
    """The libraries of this process by the name that they are looked up by."""
    found: dict[str, Path] = {}
    for path in mapped_files():
        with suppress(ElfError):  # what else is mapped: locales, caches
            found[read_elf_file(path, follow=True)[0].soname or path.name] = path
    return found


def _needed(path: Path) -> tuple[str, ...]:
    try:
        return read_elf_file(path, follow=True)[0].needed
    except ElfError as problem:
        raise GlibcError(f"{path}: {problem}") from None
