from __future__ import annotations

import subprocess

import pytest

from harness.glibcs import Build
from harness.glibcs.elf import ElfError, read_elf, read_elf_file
from tests.glibcs.making import MACHINES, elf


@pytest.mark.parametrize("arch", MACHINES)
def test_every_class_and_byte_order_is_read(arch: str) -> None:
    found = read_elf(elf(arch))
    assert found.arch == arch
    assert found.soname == "libc.so.6"
    assert found.needed == ("ld-linux-x86-64.so.2",)
    assert found.interpreter == "/lib64/ld-linux-x86-64.so.2"
    assert found.versions == ("libc.so.6", "GLIBC_2.2.5", "GLIBC_2.36")


def test_the_host_libc_is_read_as_its_own_kernel_would(own: Build) -> None:
    found, data = read_elf_file(own.libc)
    assert found.soname is not None
    assert found.soname.startswith("libc.so.6")
    assert found.arch == own.arch
    assert own.names[0] in (*found.needed, (found.interpreter or "").rpartition("/")[2])
    assert len(data) == own.libc.stat().st_size
    assert any(name.startswith("GLIBC_2.") for name in found.versions)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "an empty file"),
        (b"/* GNU ld script */", "not an ELF file"),
        (b"\x7fELF" + bytes(60), "unknown class"),
    ],
)
def test_what_is_no_elf_file_is_named(data: bytes, said: str) -> None:
    with pytest.raises(ElfError, match=said):
        read_elf(data)


@pytest.mark.parametrize("arch", ["amd64", "i386", "s390x"])
def test_a_file_cut_anywhere_is_refused(arch: str) -> None:
    whole = elf(arch)
    for length in range(len(whole)):
        with pytest.raises(ElfError):
            read_elf(whole[:length])


@pytest.mark.needs("readelf", "binutils")
def test_readelf_agrees(own: Build) -> None:
    path = own.libc
    said = subprocess.run(
        ["readelf", "-dV", path], capture_output=True, text=True, check=True
    ).stdout
    found, _ = read_elf_file(path)
    for name in found.versions:
        assert name in said
    for name in found.needed:
        assert f"Shared library: [{name}]" in said
