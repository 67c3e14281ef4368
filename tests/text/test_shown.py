"""Nothing from outside acts on a terminal or a runner, whatever is in it and however it comes."""

import ast
import io
import json
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import harness
from harness.report.terminal import Terminal
from harness.text.shown import Shown, bare, escaped, lines, one_line

SIGNS = st.sampled_from(
    ["::", ":", "\n", "\r", "\r\n", "\t", " ", "##[", "##vso[", "\x1b[31m", "\u202e", "\u200b",
     "\u2028", "\x85", "\ud800", "::1", "fe80::1", "a", "error", "\u3164", "\ufeff", "\x00", "\x7f"]
)  # fmt: skip
TEXTS = st.lists(st.one_of(SIGNS, st.characters(codec=None)), max_size=12).map("".join)
ACTS = re.compile(r"^\s*::|##\[|##vso\[", re.MULTILINE)


def invisible(text: str) -> list[str]:
    """What of a text a terminal would act on, or nobody would see, by the Unicode database."""
    return [c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")]


@given(TEXTS)
def test_a_line_holds_nothing_that_acts(text: str) -> None:
    for made in (one_line(text), one_line(f"   {text}")):
        assert not invisible(made)
        assert not ACTS.search(made)
        assert len(made.splitlines()) <= 1
        assert one_line(made) == made
        made.encode()  # no lone surrogate is left


@given(st.lists(TEXTS, max_size=6), st.booleans())
def test_a_stream_is_the_same_however_it_is_written(texts: list[str], flush: bool) -> None:
    below = io.StringIO()
    stream = Shown(below)
    for text in texts:
        stream.write(text)
    if flush:
        stream.flush()
    assert bare(stream) is below  # type: ignore[arg-type]
    assert not set(invisible(below.getvalue())) - {"\n", "\t"}
    assert not ACTS.search(below.getvalue())
    assert below.getvalue() == lines("".join(texts))


@given(TEXTS)
def test_a_console_shows_the_same_with_and_without_colours(text: str) -> None:
    for forced in (False, True):
        below = io.StringIO()
        Terminal(file=Shown(below), force_terminal=forced, width=10_000).print(  # type: ignore[arg-type]
            text, style="bold", markup=False, highlight=False, soft_wrap=True
        )
        written = re.sub(r"\x1b\[[01]m", "", below.getvalue())
        assert not set(invisible(written)) - {"\n", "\t"}
        assert not ACTS.search(written)


@given(TEXTS)
def test_json_stays_json(text: str) -> None:
    written = lines(json.dumps({"a": text, "b": [text]}, indent=1))
    assert json.loads(written) == {"a": text, "b": [text]}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("web: 10.0.0.1", "web: 10.0.0.1"),
        ("  ::1 before ::2: rule 6", "  [::1] before ::2: rule 6"),
        ("::ffff:10.0.0.1/96   x", "[::ffff:10.0.0.1/96] x"),
        ("::error::x", "\\x3a:error::x"),
        ("  ::add-mask::x", "  \\x3a:add-mask::x"),
        ("::1::x", "\\x3a:1::x"),
        ("\N{CLINKING BEER MUGS} é", "\N{CLINKING BEER MUGS} é"),
        ("a\nb\x1b[m\u202e\udcff", "a\\nb\\x1b[m\\u202e\\udcff"),
        ("##[error]", "#\\u0023[error]"),
    ],
)  # fmt: skip
def test_what_is_shown(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_every_character_of_unicode() -> None:
    assert not invisible(escaped("".join(map(chr, range(0x110000)))))


def test_no_console_but_the_one_that_escapes() -> None:
    for path in Path(harness.__file__).parent.rglob("*.py"):
        if path.name == "terminal.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "rich.console":
                assert "Console" not in {alias.name for alias in node.names}, path
