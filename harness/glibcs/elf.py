"""Reading as much of an ELF file as is needed to know a C library, without running it.

Only what the dynamic loader itself would use is read (program headers and the dynamic
section), so stripped files work. Source of the layout: the System V ABI, chapter "Object
Files", and elf(5).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_PT_LOAD, _PT_DYNAMIC, _PT_INTERP = 1, 2, 3
_DT_NEEDED, _DT_STRTAB, _DT_SONAME = 1, 5, 14
_DT_VERDEF, _DT_VERDEFNUM = 0x6FFFFFFC, 0x6FFFFFFD
_EF_ARM_HARD_FLOAT = 0x400
_EF_MIPS_ABI2 = 0x20
# Far above any C library with its debug symbols, far below what would fill the memory.
_LARGEST = 512 * 1024 * 1024

# (e_machine, bits, little endian) -> Debian's architecture name.
_ARCHITECTURES: dict[tuple[int, int, bool], str] = {
    (3, 32, True): "i386",
    (4, 32, False): "m68k",
    (8, 32, True): "mipsel",
    (8, 32, False): "mips",
    (8, 64, True): "mips64el",
    (8, 64, False): "mips64",
    (15, 32, False): "hppa",
    (18, 32, False): "sparc",
    (20, 32, False): "powerpc",
    (21, 64, True): "ppc64el",
    (21, 64, False): "ppc64",
    (22, 64, False): "s390x",
    (22, 32, False): "s390",
    (40, 32, True): "armel",  # armhf differs in e_flags only
    (42, 32, True): "sh4",
    (43, 64, False): "sparc64",
    (50, 64, True): "ia64",
    (62, 64, True): "amd64",
    (62, 32, True): "x32",
    (183, 64, True): "arm64",
    (183, 64, False): "arm64be",
    (195, 32, True): "arc",
    (243, 64, True): "riscv64",
    (243, 32, True): "riscv32",
    (258, 64, True): "loong64",
    (0x9026, 64, True): "alpha",
}


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


@dataclass(frozen=True, slots=True)
class _Segment:
    kind: int
    offset: int
    address: int
    size: int


class _Reader:
    """Fields of one ELF file at given offsets, in its own byte order and word size."""

    def __init__(self, data: bytes) -> None:
        if data[:4] != b"\x7fELF" or len(data) < 52:
            raise ElfError("not an ELF file" if data else "an empty file")
        if data[4] not in (1, 2) or data[5] not in (1, 2):
            raise ElfError("an ELF header with an unknown class or byte order")
        self.data = data
        self.bits = 32 * data[4]
        self.little = data[5] == 1
        self._order = "<" if self.little else ">"

    def fields(self, layout: str, offset: int) -> tuple[int, ...]:
        """The integers at *offset*; ``N`` in *layout* stands for a word of the file's class."""
        word = "Q" if self.bits == 64 else "I"
        try:
            found: tuple[int, ...] = struct.unpack_from(
                self._order + layout.replace("N", word), self.data, offset
            )
        except (struct.error, OverflowError):
            raise ElfError("an ELF file cut short") from None
        return found

    def text(self, offset: int) -> str:
        end = self.data.find(b"\0", offset)
        if offset < 0 or end < 0:
            raise ElfError("an ELF file with a string outside it")
        return self.data[offset:end].decode("utf-8", "replace")


def read_elf(data: bytes) -> Elf:
    """Read the headers of an ELF file from its bytes.

    Raises:
        ElfError: The bytes are not an ELF file, or a part its headers promise is not there.
    """
    reader = _Reader(data)
    _, machine, _ = reader.fields("HHI", 16)
    _, phoff, shoff, flags, _, phentsize, phnum, shentsize, shnum, _ = reader.fields(
        "NNNIHHHHHH", 24
    )
    segments = [_segment(reader, phoff + index * phentsize) for index in range(phnum)]
    ends = [segment.offset + segment.size for segment in segments if segment.kind == _PT_LOAD]
    ends.append(shoff + shnum * shentsize)
    if max(ends) > len(data):
        raise ElfError(f"an ELF file cut short ({len(data)} bytes of at least {max(ends)})")
    interpreter = None
    dynamic: list[tuple[int, int]] = []
    for segment in segments:
        if segment.kind == _PT_INTERP:
            interpreter = reader.text(segment.offset)
        elif segment.kind == _PT_DYNAMIC:
            dynamic = _dynamic(reader, segment)
    table = dict(dynamic)
    strings = _file_offset(segments, table[_DT_STRTAB]) if _DT_STRTAB in table else 0
    return Elf(
        arch=_architecture(machine, reader.bits, reader.little, flags),
        interpreter=interpreter,
        soname=reader.text(strings + table[_DT_SONAME]) if _DT_SONAME in table else None,
        needed=tuple(reader.text(strings + value) for tag, value in dynamic if tag == _DT_NEEDED),
        versions=_versions(reader, segments, table, strings),
    )


def read_elf_file(path: Path) -> tuple[Elf, bytes]:
    """Read an ELF file; gives its headers and all its bytes.

    Raises:
        ElfError: The file cannot be read or is not a complete ELF file.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise ElfError(f"a file of more than {_LARGEST >> 20} MiB")
        data = path.read_bytes()
    except OSError as error:
        raise ElfError(f"a file that cannot be read ({error.strerror})") from None
    return read_elf(data), data


def machine_arch(name: str) -> str:
    """Debian's architecture name for ``uname -m``'s; unknown names are returned as they are."""
    known = {
        "x86_64": "amd64",
        "i486": "i386",
        "i586": "i386",
        "i686": "i386",
        "aarch64": "arm64",
        "armv7l": "armhf",
        "armv8l": "armhf",
        "ppc64le": "ppc64el",
        "loongarch64": "loong64",
    }
    return known.get(name, name)


def _segment(reader: _Reader, offset: int) -> _Segment:
    if reader.bits == 64:
        kind, _, at, address, _, size = reader.fields("IIQQQQ", offset)
    else:
        kind, at, address, _, size = reader.fields("IIIII", offset)
    return _Segment(kind, at, address, size)


def _dynamic(reader: _Reader, segment: _Segment) -> list[tuple[int, int]]:
    entries: list[tuple[int, int]] = []
    step = reader.bits // 4
    for offset in range(segment.offset, segment.offset + segment.size, step):
        tag, value = reader.fields("NN", offset)
        if tag == 0:
            break
        entries.append((tag, value))
    return entries


def _file_offset(segments: list[_Segment], address: int) -> int:
    for segment in segments:
        if segment.kind == _PT_LOAD and 0 <= address - segment.address < segment.size:
            return address - segment.address + segment.offset
    raise ElfError("an ELF file whose dynamic section points outside it")


def _versions(
    reader: _Reader, segments: list[_Segment], table: dict[int, int], strings: int
) -> tuple[str, ...]:
    if _DT_VERDEF not in table:
        return ()
    offset = _file_offset(segments, table[_DT_VERDEF])
    names: list[str] = []
    # The count bounds the walk, so that a chain that points at itself ends too.
    for _ in range(min(table.get(_DT_VERDEFNUM, 0), 4096)):
        _, _, _, count, _, aux, following = reader.fields("HHHHIII", offset)
        if count:
            names.append(reader.text(strings + reader.fields("I", offset + aux)[0]))
        if not following:
            break
        offset += following
    return tuple(names)


def _architecture(machine: int, bits: int, little: bool, flags: int) -> str:
    if machine == 40 and flags & _EF_ARM_HARD_FLOAT:
        return "armhf"
    if machine == 8 and bits == 32 and flags & _EF_MIPS_ABI2:
        return "mipsn32el" if little else "mipsn32"
    return _ARCHITECTURES.get((machine, bits, little), f"machine-{machine}")
