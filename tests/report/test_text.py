"""What a terminal is shown: of a run, of this machine."""

from __future__ import annotations

import io
from dataclasses import replace

from harness.compare.results import LookupReport, Result, Verdict, VersionChange
from harness.report.doctor import Check, Document, conclusion, write_check
from harness.report.documents import dump
from harness.report.terminal import Terminal
from harness.report.text import device_lines
from harness.sandbox import DeviceNote
from tests.report.kit import written

FINE = Check("kernel", "ok", "Linux")
LESS = Check("strace", "missing", "not installed", "no --trace", "apt-get install strace")
WORSE = Check("namespaces", "cannot", "refused [by rule]", "no scenario runs", "sysctl x=1")


def test_notes_of_the_same_words_are_one_line() -> None:
    notes = [DeviceNote(f"veth{n}", "veth made as dummy") for n in range(300)]
    bridge = DeviceNote("br0", "bridge made as dummy")
    assert list(device_lines([notes[0], bridge, *notes[1:]])) == [
        "veth0, veth1, veth2, veth3 and 296 more: veth made as dummy",
        "br0: bridge made as dummy",
    ]
    assert list(device_lines(notes[:2])) == ["veth0, veth1: veth made as dummy"]
    assert list(device_lines(notes[:1])) == ["veth0: veth made as dummy"]


def lookup(scenario: str, verdict: Verdict = Verdict.AGREE, accepted: bool = False) -> LookupReport:
    result = Result(
        scenario, "web", "default", "2.36", "amd64", "cffi", "host", verdict, ("192.0.2.1",),
        ("192.0.2.1",), label="host", accepted=accepted,
    )  # fmt: skip
    return LookupReport(scenario, "web", "default", (result,))


def test_quiet_shows_what_fails_or_differs_and_counts_all() -> None:
    everything = [
        lookup("plain"),
        replace(lookup("changed"), changes=(VersionChange("2.36", "2.41", why=("because",)),)),
        lookup("wrong", Verdict.DISAGREE),
        lookup("accepted", Verdict.DISAGREE, accepted=True),
    ]
    quiet = written("text", everything, quiet=True)
    assert "plain\n" not in quiet
    for name in ("changed", "wrong", "accepted"):
        assert f"{name}\n" in quiet
    assert "4 lookups on glibc" in quiet
    assert "plain\n" in written("text", everything, quiet=False)


def checked(check: Check) -> list[str]:
    stream = io.StringIO()
    write_check(Terminal(stream, width=40), check)
    return stream.getvalue().splitlines()


def test_a_check_is_neither_wrapped_nor_lost() -> None:
    lines = checked(WORSE)
    assert [line.split()[0] for line in lines] == ["cannot", "no", "->"]
    assert lines[0].endswith("refused [by rule]")
    assert lines[2].endswith("-> sysctl x=1")
    assert len(checked(FINE)) == 1


def test_the_conclusion_is_that_of_what_cannot_be_done() -> None:
    assert conclusion([FINE, LESS]).endswith("gai-harness run")
    assert conclusion([FINE, LESS, WORSE]).endswith(
        "status 3 here: namespaces: refused [by rule]; sysctl x=1"
    )
    document = dump(Document.of([FINE, LESS]))
    assert (document["can_run"], document["checks"][1]["remedy"]) == (True, LESS.remedy)
    assert dump(Document.of([WORSE]))["can_run"] is False
