"""One order of glibc versions, and one table of architectures."""

import platform

import pytest

from harness import versions
from harness.versions import ARCHITECTURES, SUPPORTED, Version, is_version


def test_versions_are_ordered_by_their_numbers() -> None:
    ascending = ["2.2.5", "2.9", "2.17", "2.31", "2.42", "2.42.9000", "2.43", "3.0"]
    turned = ascending[3:] + ascending[:3]
    assert sorted(turned, key=Version.parse) == ascending
    assert str(Version.parse("2.42.9000")) == "2.42.9000"
    # a package's revision is no part of a version
    assert [is_version(text) for text in ("2.36", "2.36-9")] == [True, False]


@pytest.mark.parametrize(("text", "release"), [
    ("2.36", (2, 36)), ("2.36-9+deb12u10", (2, 36)), ("2.5", (2, 5)), ("2.40.1", (2, 40)),
    ("2.42.9000", (2, 43)), ("2.10", (2, 10)),
])  # fmt: skip
def test_the_release_that_behaviour_depends_on(text: str, release: tuple[int, int]) -> None:
    assert Version.parse(text).release == release


@pytest.mark.parametrize(
    "text", ["", "2", "2.", ".2", "x.y", "-2.36", "2.36 ", "v2.36", "2.36\n", "glibc 2.36", "2.٣"]
)
def test_a_text_that_is_no_version(text: str) -> None:
    assert not is_version(text)
    with pytest.raises(ValueError, match=r"not a glibc version; expected one such as 2\.36"):
        Version.parse(text)


def test_every_architecture_is_what_its_own_elf_header_says() -> None:
    for row in ARCHITECTURES.values():
        assert versions.elf_arch(row.machine, row.bits, row.little, row.flag) == row.name


@pytest.mark.parametrize(("header", "name"), [
    ((62, 64, True, 0), "amd64"), ((62, 32, True, 0), "x32"),  # x86
    ((40, 32, True, 0x5000400), "armhf"), ((40, 32, True, 0x5000200), "armel"),
    ((3, 32, True, 0), "i386"), ((183, 64, True, 0), "arm64"),
    ((22, 64, False, 0), "s390x"), ((21, 64, True, 2), "ppc64el"), ((243, 64, True, 5), "riscv64"),
    ((8, 64, True, 0x80000007), "mips64el"), ((0x9026, 64, True, 0), "alpha"),
    ((999, 64, True, 0), "machine-999"),
])  # fmt: skip
def test_elf_headers(header: tuple[int, int, bool, int], name: str) -> None:
    assert versions.elf_arch(*header) == name


@pytest.mark.parametrize(
    ("machine", "name"), [("x86_64", "amd64"), ("i586", "i386"), ("armv8l", "armhf"), ("x", "x")]
)
def test_what_uname_says(machine: str, name: str) -> None:
    assert versions.machine_arch(machine) == name


def test_this_machine_is_in_the_table_and_what_is_supported_is_complete() -> None:
    assert versions.machine_arch(platform.machine()) in ARCHITECTURES
    assert versions.interpreter_arch() in ARCHITECTURES
    assert all(ARCHITECTURES[name].qemu and ARCHITECTURES[name].machines for name in SUPPORTED)
