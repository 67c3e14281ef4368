"""What a terminal is shown of a run."""

from __future__ import annotations

import io
from dataclasses import replace

from harness.compare.results import LookupReport, Result, Verdict, VersionChange
from harness.report.terminal import Terminal
from harness.report.text import TextReport, summed_up


def test_notes_of_the_same_words_are_one_line() -> None:
    notes = [f"veth{n}: veth made as dummy" for n in range(300)]
    assert list(summed_up([notes[0], "br0: bridge made as dummy", *notes[1:]])) == [
        "veth0, veth1, veth2, veth3 and 296 more: veth made as dummy",
        "br0: bridge made as dummy",
    ]
    assert list(summed_up(notes[:2])) == ["veth0, veth1: veth made as dummy"]
    assert list(summed_up(notes[:1])) == notes[:1]
    assert list(summed_up([])) == []


def result(scenario: str, **changes: object) -> Result:
    made = Result(
        scenario=scenario, lookup="web", gai_conf="default", glibc="2.36", arch="amd64",
        lane="cffi", build="host", verdict=Verdict.AGREE, native=("192.0.2.1",),
        model=("192.0.2.1",), label="host",
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def shown(*reports: LookupReport, quiet: bool) -> str:
    stream = io.StringIO()
    text = TextReport(Terminal(file=stream), quiet=quiet)
    for report in reports:
        text.add(report)
    text.finish()
    return stream.getvalue()


def test_quiet_shows_what_fails_or_differs_and_counts_all() -> None:
    plain = LookupReport("plain", "web", "default", (result("plain"),))
    changed = LookupReport(
        "changed", "web", "default", (result("changed"),),
        changes=(VersionChange("2.36", "2.41", why=("because",)),),
    )  # fmt: skip
    wrong = LookupReport("wrong", "web", "default", (result("wrong", verdict=Verdict.DISAGREE),))
    accepted = LookupReport(
        "accepted", "web", "default",
        (result("accepted", verdict=Verdict.DISAGREE, accepted=True),),
    )  # fmt: skip
    everything = (plain, changed, wrong, accepted)
    quiet = shown(*everything, quiet=True)
    assert "plain\n" not in quiet
    for name in ("changed", "wrong", "accepted"):
        assert f"{name}\n" in quiet
    assert "4 lookups on glibc" in quiet
    assert "plain\n" in shown(*everything, quiet=False)
