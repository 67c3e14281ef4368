"""glibc versions and architectures as ordered values: one of each for the whole package."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeVar, get_args

T = TypeVar("T")
_VERSION = re.compile(r"[0-9]{1,5}(?:\.[0-9]{1,5}){1,3}")
_SNAPSHOT = 9000
_EF_ARM_HARD_FLOAT = 0x400
_EF_MIPS_ABI2 = 0x20


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A glibc version that compares by its numbers: 2.9 < 2.31 < 2.42 < 2.42.9000 < 2.43.

    Args:
        numbers: ``(2, 36)``. A development snapshot has a third one, 9000 or above.
    """

    numbers: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read ``"2.36"``, or the version of a package, ``"2.36-9+deb12u10"``.

        Raises:
            ValueError: The text does not begin with two to four numbers with dots between them.
        """
        number = text.partition("-")[0]
        if not is_version(number):
            raise ValueError(f"{text!r} is not a glibc version; expected one such as 2.36")
        return cls(tuple(int(part) for part in number.split(".")))

    @property
    def release(self) -> tuple[int, int]:
        """The release it belongs to: (2, 40) for 2.40.1, and (2, 43) for the snapshot 2.42.9000.

        This is what behaviour depends on: the rows of a dialect and the ``glibc`` of an
        expectation compare it.
        """
        major, minor, *rest = self.numbers
        return major, minor + (bool(rest) and rest[0] >= _SNAPSHOT)

    def __str__(self) -> str:
        return ".".join(map(str, self.numbers))


ResolverName = Literal["glibc", "musl", "c-ares", "c-ares-nosort", "go"]
RESOLVERS: tuple[ResolverName, ...] = get_args(ResolverName)
"""Whose getaddrinfo, or what stands for it, a build has; of c-ares with ARES_AI_NOSORT, too."""


def sorting(resolver: ResolverName) -> ResolverName:
    """The resolver that is asked not to sort: that of its builds, its worker and its model."""
    return "c-ares" if resolver == "c-ares-nosort" else resolver


def named_version(glibc: str, resolver: ResolverName, resolver_version: str) -> str:
    """The version of what is asked, with its name where that is not glibc: ``musl 1.2.3``."""
    return glibc if resolver == "glibc" else f"{resolver} {resolver_version}"


def who(build: str) -> str:
    """A build in words, with the resolver's name: "glibc 2.36:amd64 (host)"."""
    return build if build.startswith(RESOLVERS[1:]) else f"glibc {build}"


def age(version: str) -> tuple[int, Version]:
    """What sorts versions from old to new: ``"2.36"``, behind those of glibc ``"musl 1.2.3"``."""
    name, _, number = version.rpartition(" ")
    return [*RESOLVERS].index(name or "glibc"), Version.parse(number)  # type: ignore[arg-type]


def history(first: object, *changes: tuple[str, object]) -> Any:
    """A field with the value it begins with, and the changes: a version, and its value from there.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Behaviour:
    ...     tries: int = history(4, ("1.20", 3))
    >>> at_version(Behaviour, "1.19").tries, at_version(Behaviour, "1.20.1").tries
    (4, 3)
    """
    return field(default=first, metadata={"changes": changes})


def at_version(kind: Callable[..., T], version: str, first: str = "0.0", what: str = "") -> T:
    """The fields of a class as they are in a version of ``what``.

    Raises ValueError for what is no version, or one older than the ``first`` that is known.
    """
    own = Version.parse(version)
    if own < Version.parse(first):
        raise ValueError(f"{what} {version}: the model begins with {first}")
    every: Any = kind
    values = (
        (each.name, value)
        for each in fields(every)
        for since, value in each.metadata["changes"]
        if Version.parse(since) <= own
    )
    return kind(**dict(values))


def is_version(text: str) -> bool:
    """Whether ``text`` has the form of a glibc version: two to four numbers, nothing else."""
    return _VERSION.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Architecture:
    """One architecture, by Debian's name, and what a kernel, an ELF header and qemu call it."""

    name: str
    machine: int  # e_machine of its ELF files
    bits: int  # their class, 32 or 64, which is also the width of C's long
    little: bool  # their byte order
    flag: int = 0  # a bit of e_flags that tells it from another one; 0 for none
    machines: tuple[str, ...] = ()  # what uname -m says on it
    qemu: str = ""  # the name of its qemu-user; empty where none is used
    supported: bool = False  # workers are built for it, and the model was compared with its glibc


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

    ``machine`` and ``flags`` are e_machine and e_flags; ``bits`` is 32 or 64, of the class.
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
