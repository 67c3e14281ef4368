"""One table of architectures."""

from __future__ import annotations

import platform

import pytest

from harness.versions import (
    ARCHITECTURES,
    SUPPORTED,
    elf_arch,
    interpreter_arch,
    machine_arch,
)  # fmt: skip


def test_every_architecture_is_what_its_own_elf_header_says() -> None:
    for row in ARCHITECTURES.values():
        assert elf_arch(row.machine, row.bits, row.little, row.flag) == row.name


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ((62, 64, True, 0), "amd64"), ((62, 32, True, 0), "x32"),  # x86
        ((40, 32, True, 0x5000400), "armhf"), ((40, 32, True, 0x5000200), "armel"),
        ((22, 64, False, 0), "s390x"), ((21, 64, True, 2), "ppc64el"),
        ((999, 64, True, 0), "machine-999"),
    ],
)  # fmt: skip
def test_elf_headers(header: tuple[int, int, bool, int], name: str) -> None:
    assert elf_arch(*header) == name


@pytest.mark.parametrize(
    ("machine", "name"),
    [("x86_64", "amd64"), ("i586", "i386"), ("armv8l", "armhf"), ("x", "x")],
)
def test_what_uname_says(machine: str, name: str) -> None:
    assert machine_arch(machine) == name


def test_this_machine_is_in_the_table() -> None:
    assert machine_arch(platform.machine()) in ARCHITECTURES
    assert interpreter_arch() in ARCHITECTURES


def test_supported_architectures_are_complete() -> None:
    assert all(ARCHITECTURES[name].qemu and ARCHITECTURES[name].machines for name in SUPPORTED)
