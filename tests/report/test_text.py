"""What a terminal is shown of a run."""

from __future__ import annotations

from harness.report.text import summed_up


def test_notes_of_the_same_words_are_one_line() -> None:
    notes = [f"veth{n}: veth made as dummy" for n in range(300)]
    assert list(summed_up([notes[0], "br0: bridge made as dummy", *notes[1:]])) == [
        "veth0, veth1, veth2, veth3 and 296 more: veth made as dummy",
        "br0: bridge made as dummy",
    ]
    assert list(summed_up(notes[:2])) == ["veth0, veth1: veth made as dummy"]
    assert list(summed_up(notes[:1])) == notes[:1]
    assert list(summed_up([])) == []
