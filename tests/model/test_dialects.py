"""The table of differences. Facts, section 5, and 2.6."""

from dataclasses import fields
from itertools import pairwise

import pytest

from harness.model.dialects import ROWS, Dialect, dialect, differences, told
from tests.model.kit import EVERY_DIALECT, VERSIONS

FEATURES = {field.name for field in fields(Dialect)} - {"glibc", "arch"}
MINORS = range(5, 45)
# the first release in which a feature holds, as in all after it
BEGINS = {
    8: "rule9_ipv4_in_subnet_only scopev4_configurable",
    17: "rfc1918_is_global",
    19: "loopback_source_by_127_0_0_1",
    25: "zone_numbers_checked",
    26: "node_local_zone_names interface_names_whole",
    27: "no_data_told_by_family",
    29: "numeric_names_whole",
    32: "files_keep_errno",
    35: "files_before_dns",
    36: "continue_discards last_family_noted no_aaaa_known empty_answers_alike short_errors_match "
    "owners_compared",
    41: "merge_ends_lookup gaiconf_numbers_checked strict_error_known",
    42: "mptcp_known",
}
AT_TIMES = {
    "families_asked_together": [*range(9, 17)],
    "mapped_beside_ipv6": [*range(5, 24), *range(26, 45)],
    "rule7_fills_in_unknown": [*range(8, 19)],
    "unavailable_is_system_error": [17],
    "failure_of_both_told": [*range(5, 12), *range(20, 45)],
}
HOLDING = AT_TIMES | {
    name: [*range(first, 45)] for first, names in BEGINS.items() for name in names.split()
}


@pytest.mark.parametrize("feature", HOLDING)
def test_in_which_releases_a_feature_holds(feature: str) -> None:
    held = HOLDING[feature]
    assert [n for n in MINORS if getattr(dialect(f"2.{n}"), feature)] == held
    for one, other in (*pairwise(MINORS), *pairwise(MINORS[::-1])):
        between = differences(dialect(f"2.{one}"), dialect(f"2.{other}"))
        told = [row.value for row in between if row.feature == feature]
        assert told == [other in held] * ((one in held) != (other in held)), (one, other)


def test_nothing_else_changed_from_2_31_on() -> None:
    # at 2.34 another systemd stands beside it
    changed = [new for old, new in pairwise(VERSIONS) if dialect(old) != dialect(new)]
    assert changed == ["2.32", "2.34", "2.35", "2.36", "2.41", "2.42"]
    assert all(dialect(one.glibc, one.arch) == one for one in EVERY_DIALECT)
    assert dialect("2.40.9000") == dialect("2.41")  # a snapshot has what the next release has


@pytest.mark.parametrize("arch", ["armhf", "ppc64el", "s390x"])
def test_one_build_measures_the_first_of_two_otherwise(arch: str) -> None:
    # run on all three: Debian's 2.36, built by GCC 12, and the releases around it
    kept = {v: dialect(v, arch).first_of_pair_keeps_top_bit for v in ("2.31", "2.36", "2.41")}
    assert kept == {"2.31": True, "2.36": False, "2.41": True}
    assert dialect("2.36", "amd64").first_of_pair_keeps_top_bit


@pytest.mark.parametrize(
    ("arch", "shift", "bits"),
    [
        ("amd64", "modulo", 64), ("arm64", "modulo", 64), ("i386", "modulo", 32),
        ("riscv64", "modulo", 64), ("armhf", "zero", 32), ("ppc64el", "zero", 64),
        ("s390x", "zero", 64),
    ],
)  # fmt: skip
def test_processors(arch: str, shift: str, bits: int) -> None:
    # fact 2.6, run on all seven
    every = [dialect(glibc, arch) for glibc in VERSIONS]
    assert {(one.shift_by_32, one.word_bits) for one in every} == {(shift, bits)}
    empty = 0xFFFFFFFF if shift == "modulo" else 0
    masks = {0: empty, 1: 0x80000000, 24: 0xFFFFFF00, 32: 0xFFFFFFFF}
    assert {length: every[0].netmask(length) for length in masks} == masks


def test_every_row_has_evidence_and_every_feature_a_beginning() -> None:
    general = {row.feature for row in ROWS if row.since == (2, 5) and row.archs is None}
    assert general == FEATURES == {row.feature for row in ROWS}
    assert all("[run" in row.evidence or "[read" in row.evidence for row in ROWS)
    for feature in FEATURES:
        since = [row.since for row in ROWS if row.feature == feature]
        assert since == sorted(since)


def test_before_the_table_begins() -> None:
    with pytest.raises(ValueError, match=r"2\.5"):
        dialect("2.4")


def test_a_row_is_told_one_value() -> None:
    row = "rfc1918_is_global=false"
    assert told(dialect("2.36"), [row, row]) == told(dialect("2.36"), [row])
    with pytest.raises(ValueError, match="=false and rfc1918_is_global=true: a row has one value"):
        told(dialect("2.36"), [row, "rfc1918_is_global=true"])
