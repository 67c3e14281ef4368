"""Reading as much of an ELF file as is needed to know a C library, without running it.

Only what the dynamic loader itself would use is read (program headers and the dynamic
section), so stripped files work. The file is somebody else's: it is mapped, not loaded, and
everything it can ask for has a limit. Source of the layout: the System V ABI, chapter "Object
Files", and elf(5).
"""

from __future__ import annotations

import io
import mmap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.glibcs.files import LARGEST
from harness.text.reading import open_regular
from harness.versions import elf_arch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from elftools.elf.elffile import ELFFile

# A libc has about 15 segments, 30 dynamic entries, 50 versions; no name of it is longer than a
# path may be. Sections are never read, so their number costs nothing.
_MOST_SEGMENTS = 256
_MOST_ENTRIES = 1024
_MOST_VERSIONS = 1024
_LONGEST_STRING = 4096


class ElfError(Exception):
    """The file is not a complete ELF file; ``str()`` says what is wrong, without its path."""


@dataclass(frozen=True, slots=True)
class Elf:
    """What the headers of an ELF file say.

    Args:
        arch: Debian's name of the architecture, or ``machine-N`` (N is e_machine) for an unknown
            one.
        interpreter: The program interpreter (PT_INTERP): the dynamic loader's path. None if there
            is none.
        soname: The name the file is looked up by (DT_SONAME), or None.
        needed: The libraries it needs (DT_NEEDED), in order.
        versions: The symbol versions it defines (DT_VERDEF): ``GLIBC_2.2.5``, … in file order.
    """

    arch: str
    interpreter: str | None
    soname: str | None
    needed: tuple[str, ...]
    versions: tuple[str, ...]


def read_elf(data: bytes | mmap.mmap) -> Elf:
    """Read the headers of an ELF file from its bytes.

    Raises:
        ElfError: The bytes are not an ELF file, or a part its headers promise is not there.
    """
    if data[:4] != b"\x7fELF":
        raise ElfError("not an ELF file" if len(data) else "an empty file")
    if data[4:5] not in (b"\1", b"\2") or data[5:6] not in (b"\1", b"\2"):
        raise ElfError("an ELF header with an unknown class or byte order")
    from elftools.elf.elffile import ELFFile  # only who reads a library pays for it

    try:
        stream: Any = io.BytesIO(data) if isinstance(data, bytes) else data
        return _read(ELFFile(stream), data)
    except ElfError:
        raise
    except Exception:
        # pyelftools lets a dozen kinds out: its own, struct's, construct's, OverflowError …
        raise ElfError("an ELF file cut short or damaged") from None


def read_elf_file(path: Path, *, follow: bool = False) -> tuple[Elf, mmap.mmap]:
    """Read an ELF file; gives its headers and all its bytes, which are mapped, not loaded.

    Args:
        path: The file, a regular one.
        follow: Follow a symbolic link at the path's last part.

    Raises:
        ElfError: The file cannot be read or is not a complete ELF file.
    """
    try:
        with open_regular(path, LARGEST, follow=follow) as stream:
            data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError:  # mmap takes no empty file
        raise ElfError("an empty file") from None
    except OSError as error:
        raise ElfError(f"a file that cannot be read ({error.strerror})") from None
    return read_elf(data), data


def _read(file: ELFFile, data: bytes | mmap.mmap) -> Elf:
    if file["e_phnum"] > _MOST_SEGMENTS:
        raise ElfError(f"an ELF file with {file['e_phnum']} segments (a library has about 15)")
    step = file["e_phentsize"]
    segments = [
        _parse(file, "Elf_Phdr", file["e_phoff"] + number * step)
        for number in range(file["e_phnum"])
    ]
    loaded = [one for one in segments if one["p_type"] == "PT_LOAD"]
    end = max(
        file["e_shoff"] + file["e_shnum"] * file["e_shentsize"],
        *(one["p_offset"] + one["p_filesz"] for one in loaded),
        0,
    )
    if end > len(data):
        raise ElfError(f"an ELF file cut short ({len(data)} bytes of at least {end})")
    kinds = {one["p_type"]: one for one in segments}
    dynamic = _dynamic(file, kinds["PT_DYNAMIC"]) if "PT_DYNAMIC" in kinds else []
    table = dict(dynamic)
    strings = _file_offset(loaded, table["DT_STRTAB"]) if "DT_STRTAB" in table else 0
    return Elf(
        arch=_architecture(file),
        interpreter=_text(data, kinds["PT_INTERP"]["p_offset"]) if "PT_INTERP" in kinds else None,
        soname=_text(data, strings + table["DT_SONAME"]) if "DT_SONAME" in table else None,
        needed=tuple(_text(data, strings + at) for tag, at in dynamic if tag == "DT_NEEDED"),
        versions=tuple(
            _text(data, strings + at)
            for at in (_versions(file, loaded, table) if "DT_VERDEF" in table else ())
        ),
    )


def _parse(file: ELFFile, name: str, offset: int) -> Any:
    """The structure of that name at *offset*, as pyelftools reads it."""
    from elftools.common.utils import struct_parse

    return struct_parse(getattr(file.structs, name), file.stream, offset)


def _text(data: bytes | mmap.mmap, offset: int) -> str:
    end = data.find(b"\0", offset, offset + _LONGEST_STRING) if offset < len(data) else -1
    if end < 0:
        raise ElfError("an ELF file with a string outside it, or one longer than a path may be")
    return data[offset:end].decode("utf-8", "replace")


def _dynamic(file: ELFFile, segment: Any) -> list[tuple[str | int, int]]:
    entries: list[tuple[str | int, int]] = []
    step = file.structs.Elf_Dyn.sizeof()
    for number in range(min(segment["p_filesz"] // step, _MOST_ENTRIES)):
        entry = _parse(file, "Elf_Dyn", segment["p_offset"] + number * step)
        if entry["d_tag"] == "DT_NULL":
            return entries
        entries.append((entry["d_tag"], entry["d_val"]))
    if segment["p_filesz"] // step > _MOST_ENTRIES:
        raise ElfError(f"an ELF file with over {_MOST_ENTRIES} dynamic entries")
    return entries


def _file_offset(loaded: list[Any], address: int) -> int:
    for segment in loaded:
        if 0 <= address - segment["p_vaddr"] < segment["p_filesz"]:
            return int(address - segment["p_vaddr"] + segment["p_offset"])
    raise ElfError("an ELF file whose dynamic section points outside it")


def _versions(file: ELFFile, loaded: list[Any], table: dict[str | int, int]) -> Iterator[int]:
    """Where the names of the symbol versions lie in the string table."""
    offset = _file_offset(loaded, table["DT_VERDEF"])
    count = table.get("DT_VERDEFNUM", 0)
    if count > _MOST_VERSIONS:
        raise ElfError(f"an ELF file with {count} symbol versions (a libc has about 50)")
    # The count bounds the walk, so that a chain that points at itself ends too.
    for _ in range(count):
        version = _parse(file, "Elf_Verdef", offset)
        if version["vd_cnt"]:
            yield _parse(file, "Elf_Verdaux", offset + version["vd_aux"])["vda_name"]
        if not version["vd_next"]:
            break
        offset += version["vd_next"]


def _architecture(file: ELFFile) -> str:
    from elftools.elf.enums import ENUM_E_MACHINE

    machine = ENUM_E_MACHINE.get(file["e_machine"], file["e_machine"])  # a name, if it has one
    return elf_arch(machine, file.elfclass, file.little_endian, file["e_flags"])
