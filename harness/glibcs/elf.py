"""Reading as much of an ELF file as is needed to know a C library, without running it.

Only what the dynamic loader would use is read (program headers, the dynamic section), so
stripped files work. The file is somebody else's: it is mapped, not loaded, and everything it
can ask for has a limit. Source: the System V ABI, chapter "Object Files", and elf(5).
"""

import hashlib
import io
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.text.reading import open_regular
from harness.versions import elf_arch

#: Bytes of a file that is read: glibc's largest library is near 3 MiB; with its debug symbols, and
#: as a static qemu, a file stays below 64 MiB. The interpreter of this process may be larger.
LARGEST = 128 * 1024 * 1024
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
    """What the headers of an ELF file say."""

    arch: str  # Debian's name, or machine-N (N is e_machine) for an unknown one
    interpreter: str | None  # PT_INTERP: the dynamic loader's path
    soname: str | None  # DT_SONAME: the name the file is looked up by
    needed: tuple[str, ...]  # DT_NEEDED
    versions: tuple[str, ...]  # DT_VERDEF: GLIBC_2.2.5, … in file order


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_elf(data: bytes | mmap.mmap) -> Elf:
    """Read the headers of an ELF file from its bytes; ElfError where one is not there whole."""
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
    """The headers of an ELF file, and all its bytes, which are mapped, not loaded.

    ``follow`` a symbolic link at the path's last part. Raises ElfError where it cannot be read,
    is no regular file or not a complete ELF file.
    """
    try:
        with open_regular(path, LARGEST, follow=follow) as stream:
            data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError:  # mmap takes no empty file
        raise ElfError("an empty file") from None
    except OSError as error:
        raise ElfError(f"a file that cannot be read ({error.strerror})") from None
    return read_elf(data), data


def _read(file: Any, data: bytes | mmap.mmap) -> Elf:
    from elftools.elf.enums import ENUM_E_MACHINE

    count, step = file["e_phnum"], file["e_phentsize"]
    if count > _MOST_SEGMENTS:
        raise ElfError(f"an ELF file with {count} segments (a library has about 15)")
    segments = [_parse(file, "Elf_Phdr", file["e_phoff"] + at * step) for at in range(count)]
    loaded = [one for one in segments if one["p_type"] == "PT_LOAD"]
    ends = [one["p_offset"] + one["p_filesz"] for one in loaded]
    end = max(file["e_shoff"] + file["e_shnum"] * file["e_shentsize"], *ends, 0)
    if end > len(data):
        raise ElfError(f"an ELF file cut short ({len(data)} bytes of at least {end})")
    kinds = {one["p_type"]: one for one in segments}
    dynamic = _dynamic(file, kinds["PT_DYNAMIC"]) if "PT_DYNAMIC" in kinds else []
    table = dict(dynamic)
    strings = _file_offset(loaded, table["DT_STRTAB"]) if "DT_STRTAB" in table else 0
    versions = _versions(file, loaded, table) if "DT_VERDEF" in table else ()
    machine = ENUM_E_MACHINE.get(file["e_machine"], file["e_machine"])  # a name, if it has one
    return Elf(
        arch=elf_arch(machine, file.elfclass, file.little_endian, file["e_flags"]),
        interpreter=_text(data, kinds["PT_INTERP"]["p_offset"]) if "PT_INTERP" in kinds else None,
        soname=_text(data, strings + table["DT_SONAME"]) if "DT_SONAME" in table else None,
        needed=tuple(_text(data, strings + at) for tag, at in dynamic if tag == "DT_NEEDED"),
        versions=tuple(_text(data, strings + at) for at in versions),
    )


def _parse(file: Any, name: str, offset: int) -> Any:
    from elftools.common.utils import struct_parse

    return struct_parse(getattr(file.structs, name), file.stream, offset)


def _text(data: bytes | mmap.mmap, offset: int) -> str:
    end = data.find(b"\0", offset, offset + _LONGEST_STRING) if offset < len(data) else -1
    if end < 0:
        raise ElfError("an ELF file with a string outside it, or one longer than a path may be")
    return data[offset:end].decode("utf-8", "replace")


def _dynamic(file: Any, segment: Any) -> list[tuple[str | int, int]]:
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


def _versions(file: Any, loaded: list[Any], table: dict[str | int, int]) -> Iterator[int]:
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
