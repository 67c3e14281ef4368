"""Tables at the widths of terminals: no heading is cut, no cell is lost, no line is too long."""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.compare.explain import Explanation
from harness.glibcs.host_libc import host
from harness.report.doctor import Check, write_check
from harness.report.explanation import write_text
from harness.report.tables import table_lines
from harness.report.terminal import Terminal
from tests.conftest import Call
from tests.report.html import kit

WIDTHS = 60, 80, 100, 200
ANSI = re.compile(r"\x1b\[[0-9;]*m")
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
def test_what_decided_stays_a_column_and_no_value_is_lost(width: int) -> None:
    six = replace(kit.row(LONG, 0), source=LONG[:-1] + "9", flags=("deprecated", "temporary"))
    lines = explained(width, six, kit.NEAR_ROW, decisions=(kit.BY_RULE_10,))
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
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
    listed = ANSI.sub("", call("run", "--list").out).splitlines()
    assert max(map(len, listed)) <= width
    # a block for each where what the cache has by now is too wide for a table
    headings = ["VERSION", "ARCH", "STATE", "NAME", "ORIGIN"]
    assert ANSI.sub("", lines[0]).split() in (headings, [host().version])


def written(width: int, write: Callable[[Terminal], object]) -> list[str]:
    """What ``write`` writes on a terminal of ``width`` columns, without colours."""
    stream = io.StringIO()
    write(Terminal(file=stream, width=width, force_terminal=True, color_system=None))
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("width", WIDTHS)
def test_what_doctor_says_fits_and_stays_in_its_column(width: int) -> None:
    found, meaning, remedy = (f"{word} {'of several words ' * 9}".strip() for word in "abc")
    check = Check("interfaces: ethernet", "limited", found, meaning, remedy)
    lines = written(width, lambda console: write_check(console, check))
    assert max(map(len, lines)) <= width
    assert lines[0].startswith(f"limited  interfaces: ethernet   {found[:20]}")
    assert all(line.startswith(" " * 32) for line in lines[1:])
    assert " ".join(" ".join(lines).split()[3:]) == f"{found} {meaning} -> {remedy}"
    stream = io.StringIO()
    write_check(Terminal(file=stream, width=width), check)
    assert stream.getvalue().count("\n") == 3  # a pipe has no width


def test_help_fits_80_columns(call: Call) -> None:
    assert max(map(len, call("--help").out.splitlines())) <= 80


def test_prose_is_wrapped_on_a_terminal_alone() -> None:
    line = f"  rule 6: {'a precedence and ' * 5}::ffff:0:0/96 stand behind {LONG}"
    shown = {}
    for terminal, whole in ((True, False), (True, True), (False, False)):
        stream = io.StringIO()
        console = Terminal(file=stream, width=40, force_terminal=terminal, color_system=None)
        console.say(line, whole=whole)
        shown[terminal, whole] = stream.getvalue()
    assert shown[True, True] == shown[False, False] == f"{line}\n"
    lines = shown[True, False].splitlines()
    assert max(map(len, lines)) <= len(f"    {LONG}")  # no address is broken
    assert [len(one) - len(one.lstrip()) for one in lines] == [2, *[4] * (len(lines) - 1)]
    # no bracket is put around an address that would begin a line
    assert " ".join(" ".join(lines).split()) == line.strip()
