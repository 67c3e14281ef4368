from __future__ import annotations

import io

from harness.report.doctor import Check, Document, conclusion, write_check
from harness.report.documents import dump
from harness.report.terminal import Terminal

FINE = Check("kernel", "ok", "Linux")
LESS = Check("strace", "missing", "not installed", "no --trace", "apt-get install strace")
WORSE = Check("namespaces", "cannot", "refused [by rule]", "no scenario runs", "sysctl x=1")


def text(check: Check) -> str:
    stream = io.StringIO()
    write_check(Terminal(file=stream, width=40), check)
    return stream.getvalue()


def test_every_part_has_a_line_and_nothing_is_wrapped_or_lost() -> None:
    lines = text(WORSE).splitlines()
    assert [line.split()[0] for line in lines] == ["cannot", "no", "->"]
    assert lines[0].endswith("refused [by rule]")
    assert lines[2].endswith("-> sysctl x=1")
    assert text(FINE).count("\n") == 1


def test_the_conclusion_is_that_of_what_cannot_be_done() -> None:
    assert conclusion([FINE, LESS]).endswith("gai-harness run")
    last = conclusion([FINE, LESS, WORSE])
    assert "status 3" in last
    assert last.endswith("namespaces: refused [by rule]; sysctl x=1")


def test_json_says_the_same() -> None:
    document = dump(Document.of([FINE, LESS]))
    assert document["schema"] == 1
    assert document["can_run"] is True
    assert document["checks"][1]["remedy"] == "apt-get install strace"
    assert dump(Document.of([WORSE]))["can_run"] is False
