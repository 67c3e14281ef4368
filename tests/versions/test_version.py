"""One order of glibc versions, and one table of architectures."""

import platform

import pytest

from harness.model.dialects import dialect
from harness.scenario.schema import Expect
from harness.versions import (
    ARCHITECTURES,
    SUPPORTED,
    Version,
    elf_arch,
    interpreter_arch,
    is_version,
    machine_arch,
)


def test_versions_are_ordered_by_their_numbers() -> None:
    ascending = ["2.2.5", "2.9", "2.17", "2.31", "2.42", "2.42.9000", "2.43", "3.0"]
    turned = ascending[3:] + ascending[:3]
    assert sorted(turned, key=Version.parse) == ascending
    assert str(Version.parse("2.42.9000")) == "2.42.9000"


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("2.36", (2, 36)), ("2.36-9+deb12u10", (2, 36)), ("2.5", (2, 5)), ("2.40.1", (2, 40)),
        ("2.42.9000", (2, 43)), ("2.10", (2, 10)),
    ],
)  # fmt: skip
def test_the_release_that_behaviour_depends_on(text: str, release: tuple[int, int]) -> None:
    assert Version.parse(text).release == release


@pytest.mark.parametrize(
    "text", ["", "2", "2.", ".2", "x.y", "-2.36", "2.36 ", "v2.36", "2.36\n", "glibc 2.36", "2.٣"]
)
def test_a_text_that_is_no_version(text: str) -> None:
    assert not is_version(text)
    with pytest.raises(ValueError, match=r"not a glibc version; expected one such as 2\.36"):
        Version.parse(text)


def test_a_package_revision_is_no_part_of_a_version() -> None:
    assert is_version("2.36")
    assert not is_version("2.36-9")


@pytest.mark.parametrize(
    ("spec", "fits"), [(">=2.43", True), ("==2.43", True), ("<2.43", False), ("==2.42", False)]
)
def test_a_snapshot_is_the_same_release_for_the_model_and_for_expectations(
    spec: str, fits: bool
) -> None:
    # 2.42.9000 has what 2.43 has
    assert dialect("2.40.9000") == dialect("2.41")
    assert Expect(order=("192.0.2.1",), glibc=spec).matches("2.42.9000") is fits


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
