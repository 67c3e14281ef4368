"""Tables at the widths of terminals: no heading is cut, no cell is lost, no line is too long."""

import io
from dataclasses import replace
from typing import Any

import pytest

from harness.compare.explain import Explanation
from harness.report.explanation import write_text
from harness.report.tables import table_lines
from harness.report.terminal import Terminal
from tests.conftest import Call
from tests.report.html import kit

WIDTHS = 60, 80, 100, 200
LONG = "2001:db8:1234:5678:9abc:def0:1234:5678"
ROWS = [
    ("GLIBC", "ARCH", "STATE", "ORIGIN"),
    ("2.31", "amd64", "ready", "debian bullseye 2.31-13+deb11u11"),
    ("2.41", "s390x", "damaged", f"a folder {'of some name ' * 12}(gai-harness glibc remove x)"),
]


def explained(width: int, *rows: Any, **changes: Any) -> list[str]:
    """The lines of an explanation on a terminal of ``width`` columns, up to the decisions."""
    found = kit.result("2.36", [row.destination for row in rows], destinations=rows, **changes)
    stream = io.StringIO()
    write_text([Explanation("web", found)], Terminal(file=stream, width=width))
    return stream.getvalue().partition("  1. ")[0].splitlines()


@pytest.mark.parametrize("width", WIDTHS)
def test_a_table_fits_and_is_whole(width: int) -> None:
    lines = list(table_lines(ROWS, width))
    assert max(map(len, lines)) <= width
    words = " ".join(lines).split()
    for row in ROWS:
        assert {word for cell in row for word in cell.split()} <= {*words}
    assert lines[0].split() == list(ROWS[0])


def test_too_narrow_for_columns_is_a_block_for_each_row() -> None:
    lines = list(table_lines(ROWS, 30))
    assert max(map(len, lines)) <= 30
    assert lines[:4] == ["2.31", "  ARCH    amd64", "  STATE   ready", "  ORIGIN  debian bullseye"]
    assert list(table_lines(ROWS))[2].endswith("(gai-harness glibc remove x)")


@pytest.mark.parametrize("width", WIDTHS)
def test_explain_fits_and_says_once_what_is_common(width: int) -> None:
    lines = explained(width, kit.NEAR_ROW, kit.FAR_ROW, decisions=(kit.BY_RULE_9,))
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    for words in ("scope 14 = 14", "label 4 = 4", "precedence 10", "interface eth0", "flags -"):
        assert text.count(words) == 1
    headings = ["destination", "was", "common", "prefix"]
    assert headings in [line.split() for line in lines]


@pytest.mark.parametrize("width", WIDTHS)
def test_what_decided_stays_a_column_and_long_addresses_become_blocks(width: int) -> None:
    six = replace(kit.row(LONG, 0), source=LONG[:-1] + "9", flags=("deprecated", "temporary"))
    lines = explained(width, six, kit.NEAR_ROW, decisions=(kit.BY_RULE_10,))
    assert max(map(len, lines)) <= width
    text = " ".join(lines)
    for words in (LONG, six.source or "", "scope 14 = 14", "1 = 1", "4 = 4", "40"):
        assert words in text
    alike = replace(kit.FAR_ROW, common_prefix=29)
    by_rule_9 = explained(width, kit.NEAR_ROW, alike, decisions=(kit.BY_RULE_9,))
    assert "common prefix 29 bits" not in " ".join(by_rule_9)


@pytest.mark.parametrize("width", WIDTHS)
def test_builds_are_listed_within_the_terminal(
    width: int, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(width))
    lines = call("glibc", "list").out.splitlines()
    assert max(map(len, lines)) <= width
    assert lines[0].split() == ["GLIBC", "ARCH", "STATE", "NAME", "ORIGIN"]
