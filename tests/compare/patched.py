"""A real glibc that carries a patch: other values in the address tables built into its libc.

glibc's default label and precedence tables are arrays of (prefix, its length, a value) among
the constants of libc.so.6. A copy of the host's glibc in which one such value is another is
what a distribution's patch of these tables would give, and needs no compiler.
"""

import shutil
import struct
from ipaddress import IPv6Network
from pathlib import Path

from elftools.elf.sections import SymbolTableSection

from harness.glibcs import Build, host


def install_prefix(folder: Path, build: Build | None = None) -> Path:
    """An install prefix with a copy of a glibc (the host's): its files in ``lib/``."""
    library = folder / "lib"
    library.mkdir(parents=True)
    for name, path in (build or host()).files:
        shutil.copyfile(path, library / name)
        (library / name).chmod(0o755)
    return folder


def patch(prefix: Path, network: str, value: int, patched: int) -> None:
    """Give the entry of a network in a default table, which has ``value``, another one.

    AssertionError where libc.so.6 has not exactly one such entry.
    """
    libc = prefix / "lib/libc.so.6"
    data = libc.read_bytes()
    known = IPv6Network(network)
    key = known.network_address.packed + struct.pack("=I", known.prefixlen)
    entry = key + struct.pack("=i", value)
    assert data.count(entry) == 1, f"{libc}: {data.count(entry)} entries {network} {value}"
    libc.write_bytes(data.replace(entry, key + struct.pack("=i", patched)))


def ipv4_first(folder: Path, build: Build | None = None) -> Path:
    """A glibc that prefers IPv4: the precedence of ::ffff:0:0/96 is 100 instead of 10."""
    prefix = install_prefix(folder, build)
    patch(prefix, "::ffff:0:0/96", 10, 100)
    return prefix


# What kills a process with SIGSEGV: hlt; a load from address 0.
_DEATH = {"amd64": b"\xf4", "i386": b"\xf4", "arm64": bytes.fromhex("000080d2000040f9")}


def dying(folder: Path, build: Build | None = None) -> Path:
    """A glibc whose getaddrinfo dies of SIGSEGV as soon as it is called."""
    from elftools.elf.elffile import ELFFile

    prefix = install_prefix(folder, build)
    libc = prefix / "lib/libc.so.6"
    with libc.open("rb") as stream:
        elf = ELFFile(stream)
        table = elf.get_section_by_name(".dynsym")
        assert isinstance(table, SymbolTableSection)
        symbols = table.get_symbol_by_name("getaddrinfo")
        assert symbols
        (symbol,) = symbols
        (offset,) = elf.address_offsets(symbol["st_value"])
    death = _DEATH[(build or host()).arch]
    data = bytearray(libc.read_bytes())
    data[offset : offset + len(death)] = death
    libc.write_bytes(data)
    return prefix
