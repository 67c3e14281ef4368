"""docs/findings.md: a conclusion that the run contradicts is never printed."""

import pytest
from pydantic import ValidationError

from tools.findings import checks
from tools.findings.checks import Check, Comparison, Findings, Report, Result, Seen, failures
from tools.findings.page import as_markdown, elsewhere, kept, run_on

WEB = "host/web"


def result(glibc: str = "2.44", **changes: object) -> Result:
    return {
        "scenario": "host", "lookup": "web", "glibc": glibc, "arch": "amd64",
        "build": "distribution 2.44-3", "error": None, "undefined": [], "destinations": [],
        "native": ["192.0.2.1", "192.0.2.1", "192.0.2.2"],
        "decisions": [{"before": "192.0.2.1", "after": "192.0.2.2", "rule": 9}],
        "remarks": [{"kind": "cycle", "text": "words"}],
        "departures": [{"standard": "RFC 6724", "order": ["192.0.2.2", "192.0.2.1"]}],
        **changes,
    }  # fmt: skip


def report(*results: Result, scenario: str = "host", lookup: str = "web") -> Report:
    named = ({**one, "scenario": scenario, "lookup": lookup} for one in results or (result(),))
    return Report(scenario, lookup, tuple(named))


PLAIN = Check(at=WEB, stable=True)
TURNED = result(native=["192.0.2.2", "192.0.2.1"])
SEEN = Seen((report(result("2.31"), result("2.44")), report(result(), lookup="other")))


def unmet(check: Check | Comparison, seen: Seen = SEEN) -> list[str]:
    return failures(page(check), seen)


def page(*checks: Check | Comparison, **more: object) -> Findings:
    claim = {"claim": "it is so", "verdict": "confirmed", "conclusion": "Yes.", "checks": checks}
    tables = ({"kind": "orders", "at": (WEB,)},)
    finding = {"title": "Title: a/b#1", "source": "a/b#1", "claims": (claim,), "tables": tables}
    words = {"introduction": "Intro.", "not_covered": "Rest.", "surprises": ()}
    return Findings.model_validate({"findings": (finding,), **words, **more})


HOLDS: list[dict[str, object]] = [
    {"first": "192.0.2.1"}, {"not_first": "192.0.2.2"}, {"last": "192.0.2.2"},
    {"order": ("192.0.2.1", "192.0.2.2")}, {"rule": 9}, {"rules": (9,)},
    {"follows": ("RFC 3484",)}, {"departs": ("RFC 6724",)}, {"remark": "cycle"},
    {"undefined": False}, {"stable": True}, {"first": "192.0.2.1", "glibc": ">=2.41"},
    {"at": "host/*", "first": "192.0.2.1", "times": 2},
]  # fmt: skip
WRONG: list[dict[str, object]] = [
    {"first": "192.0.2.2"}, {"not_first": "192.0.2.1"}, {"last": "192.0.2.1"},
    {"order": ("192.0.2.2", "192.0.2.1")}, {"order": ("192.0.2.1",)}, {"rule": 10},
    {"rules": (9, 10)}, {"follows": ("RFC 6724",)}, {"departs": ("RFC 3484",)},
    {"remark": "trap"}, {"undefined": True}, {"first": "192.0.2.1", "glibc": "<2.31"},
    {"at": "nowhere/web", "first": "192.0.2.1"}, {"at": "host/none", "stable": True},
    {"at": "host/*", "first": "192.0.2.1", "times": 1},
    {"at": "host/*", "first": "192.0.2.2", "times": 2},
]  # fmt: skip


@pytest.mark.parametrize("words", HOLDS)
def test_a_check_that_holds(words: dict[str, object]) -> None:
    assert unmet(Check.model_validate({"at": WEB, **words})) == []


@pytest.mark.parametrize("words", WRONG)
def test_a_check_that_does_not_hold(words: dict[str, object]) -> None:
    [line] = unmet(Check.model_validate({"at": WEB, **words}))
    assert line.startswith("Title: a/b#1: ")


def test_one_version_is_enough_to_contradict() -> None:
    seen = Seen((report(result("2.31"), TURNED),))
    [line] = unmet(Check(at=WEB, first="192.0.2.1"), seen)
    assert "2.44" in line
    assert "2.31" not in line
    assert unmet(PLAIN, seen)
    assert unmet(Check(at=WEB, glibc="<2.41", first="192.0.2.1"), seen) == []
    # an error contradicts an order
    seen = Seen((report(result(native=[], error="EAI_NONAME", decisions=[])),))
    assert "EAI_NONAME" in unmet(Check(at=WEB, first="192.0.2.1"), seen)[0]


def test_comparisons_count_the_look_ups_that_differ() -> None:
    seen = Seen((report(scenario="a"), report(TURNED, scenario="b")))
    for other, differ, lines in (("b", 1, 0), ("b", 0, 1), ("a", 0, 0), ("c", 0, 1)):
        assert len(unmet(Comparison(between=("a", other), differ=differ, of=1), seen)) == lines


@pytest.mark.parametrize(
    "words", [{}, {"times": 3}, {"glibc": ">=2.41"}, {"fist": "::1"}, {"at": "x", "rule": 1}]
)
def test_a_check_that_says_nothing_is_refused(words: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Check.model_validate({"at": WEB, **words})


def test_the_page_has_versions_but_no_revision_of_a_package() -> None:
    text = as_markdown(page(PLAIN), SEEN)
    assert "| `host` web | 2.31, 2.44 | `192.0.2.1`, `192.0.2.2` | rule 9," in text
    assert "2.44-3" not in text
    assert "distribution" not in text
    assert run_on(text) == "2.31:amd64,2.44:amd64"
    assert run_on("# Findings\n") is None
    # versions that differ stand in lines of their own
    text = as_markdown(page(PLAIN), Seen((report(result("2.31"), TURNED),)))
    assert "| `host` web | 2.31 | `192.0.2.1`, `192.0.2.2` |" in text
    assert "| `host` web | 2.44 | `192.0.2.2`, `192.0.2.1` |" in text
    # nor are numbers of interfaces shown, or a table without results
    assert checks.once(("fe80::1%2", "fe80::1%2", "2001:db8::1")) == ("fe80::1%zone", "2001:db8::1")
    with pytest.raises(LookupError):
        as_markdown(page(PLAIN), Seen((report(scenario="elsewhere"),)))


def test_reports_on_presence_stand_in_the_table_and_name_their_source() -> None:
    assert checks.load_findings().presence
    one = {
        "sources": ("a/b#1", "a blog"),
        "claim": "so",
        "verdict": "mistaken",
        "conclusion": "No.",
    }
    given = {"title": "Not there", "text": "Words.", "reports": (one,), "test": "tests/x.py::y"}
    text = as_markdown(page(PLAIN, presence=given), SEEN)
    assert "| [a/b#1, a blog](#not-there) | so | mistaken |\n" in text
    assert "| [a/b#1](https://github.com/a/b/issues/1), a blog | so | mistaken: No. |\n" in text
    assert "\nShown by `tests/x.py::y`.\n" in text


def abroad(*builds: str) -> Seen:
    """Every build gives the second address first, as amd64 does not."""
    first, second = addresses = ("192.0.2.1", "192.0.2.2")
    given = [{"destination": one, "position": n} for n, one in enumerate(addresses)]
    results = []
    for build in builds:
        glibc, _, arch = build.partition(":")
        native = addresses if arch == "amd64" else (second, first)
        results.append(result(glibc, arch=arch, native=native, destinations=given))
    return Seen((report(),), (report(*results),), BUILDS)


def on_processors(first: str) -> Findings:
    """A page that says which address is first on s390x."""
    check = {"at": WEB, "arch": ("s390x",), "first": first}
    tables = ({"kind": "processors", "at": (WEB,)},)
    words = {"title": "By processor", "text": "Words.", "checks": (check,), "tables": tables}
    return page(PLAIN, processors=words)


BUILDS = ("2.36:amd64", "2.41:amd64", "2.36:s390x", "2.41:s390x")
ABROAD = on_processors("192.0.2.2")


def test_a_page_checked_with_fewer_builds_keeps_the_rest() -> None:
    whole = as_markdown(ABROAD, abroad(*BUILDS))
    assert elsewhere(whole) == BUILDS
    part = as_markdown(ABROAD, abroad("2.36:amd64", "2.41:amd64", "2.36:s390x"))
    assert "| s390x | 2 1 (9) | not run |" in part
    assert kept(whole, part) == whole
    wrong = whole.replace("| s390x | 2 1 (9) | 2 1 (9) |", "| s390x | 1 2 (9) | 2 1 (9) |")
    assert wrong != whole
    assert kept(wrong, part) == whole  # what was run is believed, so the page is stale


def test_a_conclusion_about_processors_is_checked_where_they_are() -> None:
    assert not failures(ABROAD, abroad(*BUILDS))
    assert not failures(ABROAD, abroad("2.36:amd64"))
    (line,) = failures(on_processors("192.0.2.1"), abroad(*BUILDS))
    assert "s390x" in line
