"""The table of differences. Facts, section 5, and 2.6."""

from __future__ import annotations

from dataclasses import asdict, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model.dialects import ROWS, Dialect, Row, dialect, differences
from tests.model.kit import EVERY_DIALECT, VERSIONS

FEATURES = {field.name for field in fields(Dialect)} - {"glibc", "arch"}


def test_versions_are_numbers_not_texts() -> None:
    assert dialect("2.9").rfc1918_is_global is False
    assert dialect("2.10").rule9_ipv4_in_subnet_only is True


# (feature, last version of the old value, first of the new one)
@pytest.mark.parametrize(
    ("feature", "before", "since"),
    [
        ("rule9_ipv4_in_subnet_only", "2.7", "2.8"),
        ("scopev4_configurable", "2.7", "2.8"),
        ("rfc1918_is_global", "2.16", "2.17"),
        ("loopback_source_by_127_0_0_1", "2.18", "2.19"),
        ("gaiconf_numbers_checked", "2.40", "2.41"),
        ("mptcp_known", "2.41", "2.42"),
    ],
)
def test_boundaries_of_versions(feature: str, before: str, since: str) -> None:
    assert getattr(dialect(before), feature) is False
    assert getattr(dialect(since), feature) is True
    between = differences(dialect(before), dialect(since))
    assert [row.value for row in between if row.feature == feature] == [True]
    back = differences(dialect(since), dialect(before))
    assert [row.value for row in back if row.feature == feature] == [False]


def test_nothing_but_gai_conf_and_mptcp_changed_from_2_19_on() -> None:
    old, new = asdict(dialect("2.19")), asdict(dialect("2.44"))
    changed = {feature for feature in old if old[feature] != new[feature]}
    assert changed == {"glibc", "gaiconf_numbers_checked", "mptcp_known"}


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
@pytest.mark.parametrize("glibc", VERSIONS)
def test_processors(glibc: str, arch: str, shift: str, bits: int) -> None:
    # fact 2.6, run on all seven
    spoken = dialect(glibc, arch)
    assert (spoken.shift_by_32, spoken.word_bits) == (shift, bits)


def test_every_feature_has_a_value_from_the_beginning_for_every_processor() -> None:
    general = {row.feature for row in ROWS if row.since == (2, 5) and row.archs is None}
    assert general == FEATURES == {row.feature for row in ROWS}


def test_every_row_names_its_evidence() -> None:
    assert all("[run" in row.evidence or "[read" in row.evidence for row in ROWS)


def test_rows_of_one_feature_stand_in_the_order_of_versions() -> None:
    for feature in FEATURES:
        since = [row.since for row in ROWS if row.feature == feature]
        assert since == sorted(since)


def test_before_the_table_begins() -> None:
    with pytest.raises(ValueError, match=r"2\.5"):
        dialect("2.4")


def test_a_new_glibc_is_a_new_row() -> None:
    row = Row("rfc1918_is_global", False, (2, 99), "invented [read]")
    assert dialect("2.99", "amd64", (*ROWS, row)).rfc1918_is_global is False
    assert dialect("2.98", "amd64", (*ROWS, row)).rfc1918_is_global is True


@given(st.sampled_from(EVERY_DIALECT))
def test_a_dialect_knows_its_name(spoken: Dialect) -> None:
    assert dialect(spoken.glibc, spoken.arch) == spoken


def test_versions_between_two_boundaries_speak_one_dialect() -> None:
    # 2.31 to 2.40, 2.41 with its gai.conf, 2.42 with its protocol
    groups = [[dialect(glibc) for glibc in VERSIONS[a:b]] for a, b in ((0, 10), (10, 11), (11, 99))]
    assert [len(set(group)) for group in groups] == [1, 1, 1]
    assert len({group[0] for group in groups}) == 3
    assert dialect("2.36").glibc == "2.36"
