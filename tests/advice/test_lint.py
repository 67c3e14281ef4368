"""Every finding of the gai.conf linter: files that have it, files like them that have not."""

import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.advice.lint import CODES, Finding, lint
from harness.scenario import gai_conf_files
from tests.docs.pages import page

FILES = Path(__file__).with_name("gai-conf")
ALL_LABELS = (
    "label ::1/128 0\nlabel ::/0 1\nlabel 2002::/16 2\nlabel ::/96 3\nlabel ::ffff:0:0/96 4\n"
    "label fec0::/10 5\nlabel fc00::/7 6\nlabel 2001:0::/32 7\n"
)
ALL_PRECEDENCES = (
    "precedence ::1/128 50\nprecedence ::/0 40\nprecedence 2002::/16 30\n"
    "precedence ::/96 20\nprecedence ::ffff:0:0/96 10\n"
)
ALL_SCOPES = "scopev4 169.254.0.0/16 2\nscopev4 127.0.0.0/8 2\nscopev4 0.0.0.0/0 14\n"

# beside docs/lint.md and what real glibcs show (tests/compare/test_lint_effects.py):
# code, line of the finding, a file that has it, a file that has not
CASES: list[tuple[str, int, str, str]] = [
    ("GAI002", 1, "scopev4 2001:db8::/32 5", "scopev4 ::ffff:10.0.0.0/104 5"),
    ("GAI002", 1, "label", "label ::1/128 0"),
    ("GAI003", 1, "scopev4 10.0.0.0/33 5", "scopev4 10.0.0.0/32 5"),
    ("GAI003", 1, "scopev4 ::ffff:10.0.0.0/95 5", "scopev4 ::ffff:10.0.0.0/104 5"),
    ("GAI003", 1, "label ::1/x 0", "label ::1/1 0"),
    ("GAI007", 1, "label ::1/128 2147483648", "label ::1/128 2147483647"),
    ("GAI010", 2, "label 2001:db8::1/32 0\nlabel 2001:db8::/32 5",
     "label 2001:db8::/33 0\nlabel 2001:db8::/32 5"),
    ("GAI010", 1, "reload no\nreload yes", "reload no"),
    ("GAI014", 0, "precedence 2001:db8::/32 7\nprecedence ::ffff:192.0.2.0/120 7",
     "precedence 2001:db8::/32 7\nprecedence ::ffff:192.0.2.0/120 8\n"
     "precedence ::ffff:0:0/96 9"),
    ("GAI016", 1, "reload no way", "reload no #way"),
    ("GAI017", 1, "label ::1/128 0\0", "label ::1/128 0 # \0"),
    ("GAI018", 3, "label ::/1 5\nlabel 8000::/1 6\nlabel ::/0 1", "label ::/1 5\n\nlabel ::/0 1"),
    ("GAI018", 1, "scopev4 10.0.0.0/31 5\nscopev4 10.0.0.0/32 5\nscopev4 10.0.0.1/32 5",
     "scopev4 10.0.0.0/31 5\nscopev4 10.0.0.0/32 5\nscopev4 10.0.0.2/32 5"),
    ("GAI020", 1, "label 1::/16 5\nlabel 3::/16 6\nlabel 64::/12 5", "label 64:ff9b:1::/48 6"),
]  # fmt: skip


def found(text: str | bytes) -> set[tuple[str, int]]:
    return {(finding.code, finding.line) for finding in lint(text)}


@pytest.mark.parametrize(("code", "line", "bad", "good"), CASES)
def test_finding(code: str, line: int, bad: str, good: str) -> None:
    assert (code, line) in found(bad)
    assert code not in {found_code for found_code, _ in found(good)}


def test_a_good_file_has_no_finding() -> None:
    for text in "", "\n\n", "# all", ALL_LABELS, ALL_PRECEDENCES, ALL_SCOPES, "reload no":
        assert lint(text) == ()


def only(code: str, text: str | bytes) -> Finding:
    (finding,) = (one for one in lint(text) if one.code == code)
    return finding


def test_the_defaults_to_write_down_again_are_named() -> None:
    # fact 3.1: the one-liner also removes these
    finding = only("GAI012", "precedence ::ffff:0:0/96 100")
    for row in ("precedence ::1/128 50", "precedence 2002::/16 30", "precedence ::/96 20"):
        assert row in finding.message
    assert "::ffff:0:0/96" not in finding.message
    assert "::/0" not in finding.message  # added back by itself


def test_what_changed_at_2_41_is_reported_for_its_versions() -> None:
    finding = only("GAI006", "label 2001:db8::6 5")
    assert finding.glibc == "<2.41"
    assert "2001:db8::6/128" in finding.message
    by_code = {finding.code: finding.glibc for finding in lint("precedence 2001:db8::/32")}
    assert by_code == {"GAI004": "all", "GAI012": "<2.41", "GAI014": "<2.41"}
    by_code = {finding.code: finding.glibc for finding in lint("precedence 2001:db8::1 5")}
    assert by_code == {"GAI006": "<2.41", "GAI012": ">=2.41", "GAI014": ">=2.41"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("precendence ::1/128 0", "perhaps precedence"),
        ("label ::1/128 +5", "here 5"),
        ("label ::1/128 -18446744073709551611", "here 5; another number where long has 32 bits"),
        # shown as it is written
        ("precedence ::/0 -1", "value -1 (read as 18446744073709551615) is above 2147483647: ign"),
        ("scopev4 10.0.0.0/-1 5", "prefix length -1 (read as 18446744073709551615) is above 32"),
    ],
)
def test_messages_say_what_to_do(text: str, words: str) -> None:
    assert words in lint(text)[0].message


V4_FIRST = "precedence ::ffff:0:0/96 100"
# files that were passed around, and lines like theirs: what glibc makes of them, what was meant
MEANT: list[tuple[str | Path, str, str, tuple[str, ...]]] = [
    (Path("blanks-in-the-address.conf"), "GAI006", "blanks inside the address", (V4_FIRST,)),
    (Path("blanks-in-the-address.conf"), "GAI007", "'ffff:' is no number", (V4_FIRST,)),
    (Path("no-break-spaces.conf"), "GAI001", "NO-BREAK SPACE (U+00A0)", (V4_FIRST,)),
    (Path("letter-for-colons.conf"), "GAI002", "is not an IPv6 address", (V4_FIRST,)),
    (Path("lost-letter.conf"), "GAI020", "::/8 is reserved", (V4_FIRST,)),
    (Path("lost-colon.conf"), "GAI002", "is not an IPv6 address", (V4_FIRST,)),
    (Path("scope-without-length.conf"), "GAI006", "one address", ("scopev4 192.168.0.0/16 5",)),
    ("precedence 2001:db8:5:: 60", "GAI006", "die", ("precedence 2001:db8:5::/48 60",)),
    ("label 2001:db8:: /32 5", "GAI006", "blanks inside", ("label 2001:db8::/32 5",)),
    ("precedence ::ffff:0:0/ 96 100", "GAI005", "blanks inside", (V4_FIRST,)),
    ("precedence ::ffff:0/96 100", "GAI009", "means ::/96", (V4_FIRST,)),
    ("label ::ffff:10.0.0.0/8 7", "GAI009", "means ::/8", ("label ::ffff:10.0.0.0/104 7",)),
    ("precedence 0.0.0.0/0 100", "GAI002", "IPv4 address", (V4_FIRST,)),
    ("scopev4 169.254/16 14", "GAI002", "'169.254'", ("scopev4 169.254.0.0/16 14",)),
    ("\ufefflabel ::1/128 0", "GAI001", "byte order mark", ("label ::1/128 0",)),
    ("Reload  YES", "GAI001", "lower case", ("reload yes",)),
    ("reload maybe", "GAI007", "means no", ()),
    # not offered: another line has these addresses, nothing like it is known, no value
    ("precedence ::ffff:0:0/96 10\nprecedence ::fff:0:0/96 100", "GAI020", "::fff:0:0/96", ()),
    ("precedence ::ffff:0.0.0.0/97 1\nprecedence 0.0.0.0/0 100", "GAI002", "IPv4 address", ()),
    ("label 2001:db8::x/32 5", "GAI002", "is not an IPv6 address", ()),
    ("precedence 2001:db8::6", "GAI006", "2001:db8::6/128", ()),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "words", "lines"), MEANT)
def test_what_was_probably_meant(
    text: str | Path, code: str, words: str, lines: tuple[str, ...]
) -> None:
    file = (FILES / text).read_bytes() if isinstance(text, Path) else text
    finding = only(code, file)
    assert finding.meant == lines
    assert words in finding.message
    assert ("probably meant: " in finding.message) is bool(lines)
    for line in lines:
        assert finding.message.endswith(f"probably meant: {line}")
        # the line alone does what it says, with every version
        left = {one.code for one in lint(line) if one.line}
        assert left == ({"GAI015"} if line == "reload yes" else set())  # which is a risk as meant


def test_a_network_without_length_is_as_wrong_from_2_41_on() -> None:
    network = only("GAI006", "scopev4 192.168.0.0 5")
    assert network.glibc == "all"
    # one meaning, and the versions of each of the two effects
    assert "192.168.0.0/32" not in network.message
    assert "up to 2.40 a process" in network.message
    assert only("GAI006", "scopev4 192.168.0.1 5").glibc == "<2.41"


ROUND_ROBIN = "scopev4 98.137.11.0/24 3\nscopev4 74.6.231.0/24 2\nscopev4 74.6.143.0/24 1\n"


def test_scopes_that_no_source_has() -> None:
    """Rule 2 puts 8.8.8.8 before all of them; precedences give the order without that."""
    found = [one for one in lint(ROUND_ROBIN) if one.code == "GAI019"]
    assert [(one.line, one.meant[0]) for one in found] == [
        (1, "precedence ::ffff:98.137.11.0/120 11"),
        (2, "precedence ::ffff:74.6.231.0/120 12"),
        (3, "precedence ::ffff:74.6.143.0/120 13"),
    ]
    assert found[0].meant[1:] == (
        "precedence ::1/128 50", "precedence ::/96 20", "precedence ::ffff:0:0/96 10",
        "precedence 2002::/16 30",
    )  # fmt: skip
    assert "a source outside 98.137.11.0/24 has 14" in found[0].message
    for fine in ("scopev4 10.0.0.0/8 5", "scopev4 8.0.0.0/8 14", ALL_SCOPES,
                 "scopev4 8.0.0.0/8 3\nscopev4 10.0.0.0/8 3"):  # fmt: skip
        assert "GAI019" not in {one.code for one in lint(fine)}
    # a private source of another scope than public addresses: what precedence says is undone
    first = "precedence ::ffff:0:0/96 100\n"
    undone = only("GAI019", first + "scopev4 10.0.0.0/8 5")
    assert "public addresses asked from 10.0.0.0/8 have 14" in undone.message
    for fine in ("scopev4 10.0.0.0/8 5", first + "scopev4 10.0.0.0/8 5\nscopev4 0.0.0.0/0 5",
                 first + "scopev4 0.0.0.0/0 5"):  # fmt: skip
        assert "GAI019" not in {one.code for one in lint(fine)}
    # a length that is missing is the same for both of what is said of a line
    length, scope = lint("scopev4 203.0.113.0 2")[:2]
    assert length.meant == ("scopev4 203.0.113.0/24 2",)
    assert "a source outside 203.0.113.0/24 has 14" in scope.message
    assert scope.meant[0] == "precedence ::ffff:203.0.113.0/120 11"
    # no room between IPv4 and IPv6: the order would not be the one that was meant
    assert only("GAI019", "precedence ::ffff:0:0/96 39\nscopev4 8.0.0.0/8 3").meant == ()


def test_ties_name_both_ranges_and_loopback_alone_is_none() -> None:
    message = only("GAI014", "precedence ::ffff:0:0/96 40").message
    assert "::ffff:0:0/96" in message  # as gai.conf(5) writes it
    assert "::/0" in message
    # rule 8 puts ::1 before every address but 127/8
    text = ALL_PRECEDENCES.replace("::ffff:0:0/96 10", "::ffff:0:0/96 50")
    assert "GAI014" not in {finding.code for finding in lint(text)}


def test_only_blanks_of_the_c_locale_separate_words() -> None:
    assert found("label 2001:db8::\xa0/32 5") == found("label 2001:db8::x/32 5")
    assert ("GAI007", 1) in found(b"label 2001:db8::/32 \xa05")
    assert ("GAI016", 1) not in found("label ::1/128 0 # \xa0")


@given(
    st.binary(max_size=60)
    | st.lists(
        st.sampled_from(
            [b"label", b"precedence", b"scopev4", b"reload", b"::1", b"::/1", b"8000::/1", b"::/",
             b"10.0.0.0/8", b"10.0.0.1", b"+5", b"x", b"\n", b"#", b"\0", b"\xa0", b"\x1c"]
        ),
        max_size=20,
    ).map(b" ".join)
)  # fmt: skip
def test_no_file_is_too_bad_to_lint(data: bytes) -> None:
    found = lint(data)
    assert all(finding.code in CODES and finding.message for finding in found)
    lines = [finding.line for finding in found]
    assert set(lines) <= set(range(data.count(b"\n") + 2))
    assert lines == sorted(lines, key=lambda line: (line == 0, line))


def test_a_file_as_long_as_any_is_linted_in_seconds() -> None:
    keywords = ("label", "precedence")
    lines = [f"{keywords[n % 2]} 2001:db8:{n:x}::/48 {n}" for n in range(30_000)]
    began = time.process_time()
    found = lint("\n".join(["label ::/0 1", "precedence ::/0 1", *lines, lines[6], lines[7]]))
    assert time.process_time() - began < 20
    twice = [(f.code, f.line) for f in found if f.line]
    assert twice == [("GAI010", 30_003), ("GAI010", 30_004)]


@pytest.mark.parametrize("name", gai_conf_files())
def test_the_header_says_what_lint_finds(name: str) -> None:
    text = gai_conf_files()[name].read_text(encoding="utf-8")
    [header] = re.findall(r"^# lint: (.+)$", text, re.MULTILINE)
    found = sorted({finding.code for finding in lint(text)})
    assert header == (", ".join(found) or "clean")


def test_every_code_is_documented_with_both_examples() -> None:
    """Which are true: the tests of the page lint them."""
    shown = page("docs/lint.md")
    sections = [(one.section[:6], *one.words) for one in shown.blocks if one.language == "gai.conf"]
    assert {one for one in sections if len(one) == 2} == {
        (code, kind) for code in CODES for kind in ("bad", "good")
    }
    codes = [anchor[:6] for anchor in shown.anchors if re.match(r"gai\d{3}-", anchor)]
    assert sorted(codes) == sorted(map(str.lower, CODES))


@pytest.mark.parametrize("line", [
    "scopev4 10.0.0.0/8 5 {0}",
    "label 2001:db8:{0}::/48 1\nlabel 2001:db8:{0}::/49 2\nlabel 2001:db8:{0}:8000::/49 2",
    "precedence 2001:db8:{0}::/48 1\nprecedence 2001:db8:{0}::/49 2",
])  # fmt: skip
def test_a_file_costs_in_proportion(line: str) -> None:
    """A file of 1 MiB, of which each line was compared with each other one, took over an hour."""
    file = "\n".join(["precedence ::ffff:0:0/96 100", *map(line.format, range(6000))])
    started = time.process_time()
    lint(file)
    assert time.process_time() - started < 12
