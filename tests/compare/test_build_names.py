"""A word for each build that no other of its version has."""

from __future__ import annotations

import pytest

from harness.compare.evidence import LaneSpec
from harness.compare.plan import label, shortened
from harness.glibcs import Build


def lane(text: str, build: str = "", version: str = "2.36", arch: str = "amd64") -> LaneSpec:
    return LaneSpec(version, arch, "worker", build or f"directory {text}", label=text)


def labels(*lanes: LaneSpec) -> list[str]:
    return [spec.label for spec in shortened(lanes)]


@pytest.mark.parametrize(
    ("origin", "name", "expected"),
    [
        ("host", None, "host"),
        ("debian bookworm 2.36-9+deb12u10", None, "bookworm"),
        ("directory /opt/my glibc", None, "/opt/my glibc"),
        ("directory /opt/glibc", "mine", "mine"),
    ],
)
def test_where_a_build_comes_from_in_a_word(origin: str, name: str | None, expected: str) -> None:
    build = Build("2.36", "amd64", origin, "id", (), name)
    assert label(build) == expected


def test_of_a_folder_as_much_as_it_takes() -> None:
    assert labels(lane("/opt/glibc")) == ["glibc"]
    assert labels(lane("/a/x/lib"), lane("/b/x/lib"), lane("/c")) == ["a/x/lib", "b/x/lib", "c"]
    assert labels(lane("/lib"), lane("/usr/lib")) == ["/lib", "usr/lib"]
    assert labels(lane("/")) == ["/"]


def test_one_build_called_two_ways_keeps_its_label() -> None:
    assert labels(lane("/opt/glibc"), lane("/opt/glibc")) == ["glibc", "glibc"]


def test_builds_of_one_version_never_share_a_label() -> None:
    suite = lane("bookworm", "debian bookworm 2.36-9")
    added = lane("bookworm", "directory /x")
    assert len(set(labels(suite, added, lane("/srv/bookworm")))) == 3
    # of another architecture they may
    foreign = lane("bookworm", "debian bookworm 2.36-9+b1", arch="armhf")
    assert labels(suite, foreign) == ["bookworm", "bookworm"]
