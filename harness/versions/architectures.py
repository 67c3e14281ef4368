"""The architectures by Debian's names, with what a kernel, an ELF header and qemu call them."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass

_EF_ARM_HARD_FLOAT = 0x400
_EF_MIPS_ABI2 = 0x20


@dataclass(frozen=True, slots=True)
class Architecture:
    """One architecture.

    Args:
        name: Debian's name: ``"amd64"``.
        machine: ``e_machine`` of its ELF files.
        bits: Their class, 32 or 64, which is also the width of C's ``long``.
        little: Their byte order.
        flag: A bit of ``e_flags`` that tells it from another one; 0 for none.
        machines: What ``uname -m`` says on it.
        qemu: The name of its qemu-user; empty where none is used.
        supported: Workers are built for it, and the model has been compared with its glibc.
    """

    name: str
    machine: int
    bits: int
    little: bool
    flag: int = 0
    machines: tuple[str, ...] = ()
    qemu: str = ""
    supported: bool = False


_LITTLE, _BIG = True, False
_ROWS = (
    Architecture("amd64", 62, 64, _LITTLE, 0, ("x86_64",), "x86_64", True),
    Architecture("i386", 3, 32, _LITTLE, 0, ("i386", "i486", "i586", "i686"), "i386", True),
    Architecture("arm64", 183, 64, _LITTLE, 0, ("aarch64",), "aarch64", True),
    Architecture("armhf", 40, 32, _LITTLE, _EF_ARM_HARD_FLOAT, ("armv7l", "armv8l"), "arm", True),
    Architecture("ppc64el", 21, 64, _LITTLE, 0, ("ppc64le",), "ppc64le", True),
    Architecture("riscv64", 243, 64, _LITTLE, 0, ("riscv64",), "riscv64", True),
    Architecture("s390x", 22, 64, _BIG, 0, ("s390x",), "s390x", True),
    Architecture("armel", 40, 32, _LITTLE, qemu="arm"),
    Architecture("alpha", 0x9026, 64, _LITTLE),
    Architecture("arc", 195, 32, _LITTLE),
    Architecture("arm64be", 183, 64, _BIG),
    Architecture("hppa", 15, 32, _BIG),
    Architecture("ia64", 50, 64, _LITTLE),
    Architecture("loong64", 258, 64, _LITTLE, 0, ("loongarch64",)),
    Architecture("m68k", 4, 32, _BIG),
    Architecture("mips", 8, 32, _BIG),
    Architecture("mips64", 8, 64, _BIG),
    Architecture("mips64el", 8, 64, _LITTLE),
    Architecture("mipsel", 8, 32, _LITTLE),
    Architecture("mipsn32", 8, 32, _BIG, _EF_MIPS_ABI2),
    Architecture("mipsn32el", 8, 32, _LITTLE, _EF_MIPS_ABI2),
    Architecture("powerpc", 20, 32, _BIG),
    Architecture("ppc64", 21, 64, _BIG),
    Architecture("riscv32", 243, 32, _LITTLE),
    Architecture("s390", 22, 32, _BIG),
    Architecture("sh4", 42, 32, _LITTLE),
    Architecture("sparc", 18, 32, _BIG),
    Architecture("sparc64", 43, 64, _BIG),
    Architecture("x32", 62, 32, _LITTLE),
)
ARCHITECTURES: dict[str, Architecture] = {row.name: row for row in _ROWS}
"""Every known architecture by Debian's name."""

SUPPORTED = tuple(row.name for row in _ROWS if row.supported)
"""Those that workers are built for and whose glibc the model has been compared with."""


def elf_arch(machine: int, bits: int, little: bool, flags: int) -> str:
    """Debian's name for what an ELF header says; ``machine-N`` for an unknown one.

    Args:
        machine: ``e_machine``.
        bits: 32 or 64, of the class.
        little: The byte order.
        flags: ``e_flags``.
    """
    fitting = [
        row
        for row in _ROWS
        if (row.machine, row.bits, row.little) == (machine, bits, little)
        and flags & row.flag == row.flag
    ]
    # of two that fit, the one that asks for a flag is meant
    return max(fitting, key=lambda row: row.flag).name if fitting else f"machine-{machine}"


def machine_arch(machine: str) -> str:
    """Debian's name for what ``uname -m`` says; an unknown one is returned as it is."""
    return next((row.name for row in _ROWS if machine in row.machines), machine)


def interpreter_arch() -> str:
    """Debian's name of the architecture that this Python was built for."""
    arch = machine_arch(platform.machine())
    # a 32-bit Python runs on a 64-bit kernel too
    return "i386" if arch == "amd64" and sys.maxsize < 1 << 32 else arch
