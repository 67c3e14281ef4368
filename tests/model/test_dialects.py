"""The table of differences. Facts, section 5, and 2.6."""

from dataclasses import asdict, fields

import pytest

from harness.model.dialects import ROWS, Dialect, Row, dialect, differences, told
from tests.model.kit import EVERY_DIALECT, VERSIONS

FEATURES = {field.name for field in fields(Dialect)} - {"glibc", "arch"}


# (feature, last version of the old value, first of the new one)
@pytest.mark.parametrize(
    ("feature", "before", "since"),
    [
        ("rule9_ipv4_in_subnet_only", "2.7", "2.8"),
        ("scopev4_configurable", "2.7", "2.8"),
        ("rfc1918_is_global", "2.16", "2.17"),
        ("rfc1918_is_global", "2.9", "2.17"),  # versions are numbers, not texts
        ("loopback_source_by_127_0_0_1", "2.18", "2.19"),
        ("families_asked_together", "2.8", "2.9"),
        ("zone_numbers_checked", "2.24", "2.25"),
        ("node_local_zone_names", "2.25", "2.26"),
        ("interface_names_whole", "2.25", "2.26"),
        ("mapped_beside_ipv6", "2.25", "2.26"),
        ("no_data_told_by_family", "2.26", "2.27"),
        ("unavailable_is_system_error", "2.16", "2.17"),
        ("failure_of_both_told", "2.19", "2.20"),
        ("numeric_names_whole", "2.28", "2.29"),
        ("files_keep_errno", "2.31", "2.32"),
        ("continue_discards", "2.35", "2.36"),
        ("last_family_noted", "2.35", "2.36"),
        ("no_aaaa_known", "2.35", "2.36"),
        ("merge_ends_lookup", "2.40", "2.41"),
        ("gaiconf_numbers_checked", "2.40", "2.41"),
        ("mptcp_known", "2.41", "2.42"),
        ("empty_answers_alike", "2.35", "2.36"),
        ("short_errors_match", "2.35", "2.36"),
        ("strict_error_known", "2.40", "2.41"),
    ],
)
def test_boundaries_of_versions(feature: str, before: str, since: str) -> None:
    old, new = dialect(before), dialect(since)
    assert (getattr(old, feature), getattr(new, feature)) == (False, True)
    for one, other, value in ((old, new, True), (new, old, False)):
        between = differences(one, other)
        assert [row.value for row in between if row.feature == feature] == [value]


def test_what_changed_from_2_29_on() -> None:
    old, new = asdict(dialect("2.29")), asdict(dialect("2.44"))
    changed = {feature for feature in old if old[feature] != new[feature]}
    assert changed == {
        "glibc", "continue_discards", "last_family_noted", "no_aaaa_known", "merge_ends_lookup",
            "gaiconf_numbers_checked", "mptcp_known", "systemd", "empty_answers_alike",
            "short_errors_match", "strict_error_known", "files_keep_errno",
    }  # fmt: skip


def test_what_held_for_a_few_releases_only() -> None:
    holding = {
        feature: [n for n in range(5, 45) if getattr(dialect(f"2.{n}"), feature) is value]
        for feature, value in (
            ("families_asked_together", True),
            ("mapped_beside_ipv6", False),
            ("rule7_fills_in_unknown", True),
            ("unavailable_is_system_error", True),
            ("failure_of_both_told", False),
        )
    }
    assert holding == {
        "families_asked_together": list(range(9, 17)), "mapped_beside_ipv6": [24, 25],
        "rule7_fills_in_unknown": list(range(8, 19)), "unavailable_is_system_error": [17],
        "failure_of_both_told": list(range(12, 20)),
    }  # fmt: skip


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


def test_before_the_table_begins_and_a_new_row() -> None:
    with pytest.raises(ValueError, match=r"2\.5"):
        dialect("2.4")
    rows = *ROWS, Row("rfc1918_is_global", False, (2, 99), "invented [read]")
    assert [dialect(v, "amd64", rows).rfc1918_is_global for v in ("2.98", "2.99")] == [True, False]


def test_a_row_is_told_one_value() -> None:
    row = "rfc1918_is_global=false"
    assert told(dialect("2.36"), [row, row]) == told(dialect("2.36"), [row])
    with pytest.raises(ValueError, match="=false and rfc1918_is_global=true: a row has one value"):
        told(dialect("2.36"), [row, "rfc1918_is_global=true"])


def test_versions_between_two_boundaries_are_one_dialect() -> None:
    # 2.31, 2.32 with another way to read hosts, 2.34 with another systemd beside it, 2.36 with
    # [SUCCESS=continue], 2.41 with its gai.conf, 2.42 with its protocol
    parts = (0, 1), (1, 3), (3, 5), (5, 10), (10, 11), (11, 99)
    groups = [{dialect(glibc) for glibc in VERSIONS[a:b]} for a, b in parts]
    assert [len(group) for group in groups] == [1, 1, 1, 1, 1, 1]
    assert len(set.union(*groups)) == 6
    assert all(dialect(one.glibc, one.arch) == one for one in EVERY_DIALECT)
