"""The table's form: what a row says of what it found, and which rows are left out."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from harness.doctor import CheckRow, examine, glibcs
from harness.doctor.rows import CheckFinding, Found
from harness.glibcs import GlibcUnavailable
from harness.glibcs.apt_sources import Source
from harness.report.doctor import Check
from harness.sandbox import Box, SandboxError, SandboxUnavailable


def _raise(problem: Exception, box: Box | None = None) -> Found:
    del box
    raise problem


def _addresses(box: Box) -> Found:
    return str(len(box.observe().addresses))


REFUSED = SandboxUnavailable("no vrf", "load it")


@pytest.mark.parametrize(("found", "verdict", "words"), [
    ("there", "ok", ("there", "", "")),
    (CheckFinding("there", "ok"), "ok", ("there", "none is lost", "install it")),
    (CheckFinding("no"), "missing", ("no", "none is lost", "install it")),
    (CheckFinding("no", "limited", "less", ""), "limited", ("no", "less", "")),
    (REFUSED, "missing", ("no vrf", "none is lost", "load it")),
    (GlibcUnavailable("no apt", "add it"), "missing", ("no apt", "none is lost", "add it")),
    (SandboxError("host.x: no"), "missing", ("host.x: no", "none is lost", "install it")),
])  # fmt: skip
def test_a_row_says_what_the_finding_does_not(
    found: Found | Exception, verdict: str, words: tuple[str, str, str]
) -> None:
    attempt = partial(_raise, found) if isinstance(found, Exception) else lambda: found
    (check,) = examine([CheckRow("t", attempt, "none is lost", "install it")])
    assert check.verdict == verdict
    assert (check.found, check.meaning, check.remedy) == words


def test_what_needs_a_topic_that_cannot_be_done_is_left_out() -> None:
    rows = [
        CheckRow("a", lambda: CheckFinding("no"), verdict="cannot"),
        CheckRow("b", lambda: "there", needs=("a",)),
        CheckRow("c", lambda: "there", needs=("b",)),
        CheckRow("d", lambda: CheckFinding("no")),
        CheckRow("e", lambda: "there", needs=("d",)),
        CheckRow("f", lambda: None),
    ]
    assert [check.topic for check in examine(rows)] == ["a", "d", "e"]


def test_one_sandbox_answers_every_row_and_survives_errors() -> None:
    rows = [
        CheckRow("first", inside=partial(_raise, REFUSED)),
        CheckRow("second", inside=partial(_raise, PermissionError(1, "not permitted"))),
        CheckRow("third", inside=_addresses),
    ]
    assert list(examine(rows)) == [
        Check("first", "missing", "no vrf", "", "load it"),
        Check("second", "missing", "not permitted"),
        Check("third", "ok", "0"),  # its network is its own, and empty
    ]


def test_an_error_nobody_foresaw_is_no_finding() -> None:
    with pytest.raises(ZeroDivisionError):
        list(examine([CheckRow("t", partial(_raise, ZeroDivisionError()))]))


@pytest.mark.parametrize(("suites", "found", "meaning", "mirror"), [
    (("kali-rolling",), "apt-get and a mirror of kali, which has the suites kali-rolling",
     "gai-harness glibc fetch takes them from there", ["mirror: kali-rolling"]),
    (("kali-rolling", "bookworm"), "apt-get and a mirror of debian, which has had 2.31, 2.36",
     "gai-harness glibc fetch takes them from there", ["mirror: bullseye"]),
    ((), "apt's sources have no mirror of debian's main", "gai-harness glibc fetch cannot be used",
     []),
])  # fmt: skip
def test_a_derivative_has_the_packages_that_its_sources_offer(
    suites: tuple[str, ...], found: str, meaning: str, mirror: list[str], tmp_path: Path,
    needs: Callable[..., str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    needs("apt-get", "apt")
    (keyring := tmp_path / "keys.gpg").touch()
    sources = [Source(f"http://{one}.test", (one,), ("main",), str(keyring)) for one in suites]
    for module in ("glibcs.fetching", "doctor.glibcs"):
        monkeypatch.setattr(f"harness.{module}.host_sources", lambda: tuple(sources))
    release = {"ID": "kali", "ID_LIKE": "debian"}
    monkeypatch.setattr("platform.freedesktop_os_release", lambda: release)
    (check,) = examine([row for row in glibcs.ROWS if row.topic == "packages"])
    assert check.found.startswith(found)
    assert check.meaning.startswith(meaning)
    assert [row.topic for row in glibcs.mirror_rows()][:1] == mirror
