"""Every file of the catalogue says what lint finds in it; docs/lint.md describes every code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.advice.lint import CODES, lint
from harness.scenario import gai_conf_files

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "lint.md"


@pytest.mark.parametrize("name", gai_conf_files())
def test_the_header_says_what_lint_finds(name: str) -> None:
    text = gai_conf_files()[name].read_text(encoding="utf-8")
    [header] = re.findall(r"^# lint: (.+)$", text, re.MULTILINE)
    found = sorted({finding.code for finding in lint(text)})
    assert header == (", ".join(found) or "clean")


def test_every_code_is_documented() -> None:
    headings = re.findall(r"^## (GAI\d{3}): ", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == sorted(CODES)


def examples() -> list[tuple[str, str, str]]:
    """Code, "warned of" or "mended", and the example, from the document's fenced blocks."""
    found = []
    for section in re.split(r"^## ", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        if section.startswith("GAI"):
            for kind, text in re.findall(
                r"^```gai.conf (bad|good)\n(.*?)^```", section, re.DOTALL | re.MULTILINE
            ):
                found.append((section[:6], kind, text))
    return found


@pytest.mark.parametrize(("code", "kind", "text"), examples())
def test_the_examples_of_the_document(code: str, kind: str, text: str) -> None:
    found = {finding.code for finding in lint(text.replace("\\0", "\0"))}
    assert (code in found) == (kind == "bad"), found


def test_every_code_has_both_examples() -> None:
    assert {(code, kind) for code, kind, _ in examples()} == {
        (code, kind) for code in CODES for kind in ("bad", "good")
    }
