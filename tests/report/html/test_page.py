"""The text of the page: complete without script, closed to the network, safe from its data."""

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Sequence
from typing import Any

import pytest
from bs4 import BeautifulSoup

from harness.compare.results import LookupReport, Notice
from harness.report.html.page import WRITTEN_OUT
from tests.report.html import kit

EVERY_KIND = [*kit.RUN, kit.HOSTILE]


def parsed(*reports: LookupReport, notices: Sequence[Notice] = ()) -> BeautifulSoup:
    return BeautifulSoup(kit.page(reports, notices=notices), "html.parser")


def text_of(page: BeautifulSoup) -> str:
    """All words that are shown: no script, no style."""
    return " ".join(page.get_text(" ").split())


def index_of(page: BeautifulSoup) -> dict[str, Any]:
    [index] = page.select("#index")
    return dict(json.loads(index.string or ""))


@pytest.fixture(scope="module")
def every_kind() -> BeautifulSoup:
    return parsed(*EVERY_KIND)


def test_elements_are_closed_ids_are_one_and_links_lead_somewhere(
    every_kind: BeautifulSoup,
) -> None:
    # the reader closes what is open, and leaves out what closes nothing
    assert every_kind.decode().count("</") == kit.page(EVERY_KIND).count("</")
    listed = kit.attributes(every_kind, "id")
    ids = set(listed)
    assert len(ids) == len(listed)
    hrefs = kit.attributes(every_kind, "href")
    links = [link.removeprefix("#") for link in hrefs if link != "data:,"]
    assert len(links) > 40
    assert {link for link in links if "=" not in link and link != "all"} <= ids
    twice = kit.attributes(parsed(kit.AGREEING, kit.AGREEING), "id")
    assert {"near-and-far/web", "near-and-far/web~2"} <= {*twice}
    for version in kit.VERSIONS:
        assert {f"near-and-far/web/{version}", f"missing-value/web/inline/{version}"} <= ids


def test_all_is_there_without_script(every_kind: BeautifulSoup) -> None:
    text = text_of(every_kind)
    for words in (
        "7 look-ups in 7 scenarios, each on 4 builds",
        "A host 172.18.45.2/24 and a name with one address nearby.",
        "use longest matching prefix",
        "shares 29 bits with 172.18.45.2/24",
        "is outside the subnet of 172.18.45.2/24",
        "prefer higher precedence",
        "common prefix 125 bits",
        "2.36 → 2.41",
        kit.CHECKED,
        "↑ number 2 on 2.36",
        "↓ number 1 on 2.36",
        "× 3",
        "crashed with SIGSEGV, as predicted",
        "line 1: no prefix length: undefined behaviour up to glibc 2.40",
        "first difference",
        "native: expected an answer, got EAI_NONAME",
        "EAI_NONAME : glibc fails so",
        "gai.conf has 1 label line.",
        "these three addresses form a cycle",
        "the order depends on which DNS reply comes first",
        "RFC 3484 and RFC 6724 would return",
        "six0: sit made as tun",
        "debian trixie 2.41-1",
        "✓ 26 agree",
        "≠ 1 disagree",
        "✕ 1 crashed, all predicted",
        "⚑ 1 with a failed expectation",
        "Δ 3 look-ups differ between builds",
    ):
        assert words in text, words
    failures_first = (
        "native and model disagree",
        "expectation failed: native: expected an answer",
        "differs 2.36 → 2.41",
        "glibc died of SIGSEGV, as predicted",
    )
    places = [text.index(words) for words in failures_first]
    assert "common prefix" in {fact.get_text() for fact in every_kind.select(".decided dt")}
    assert places == sorted(places)


REFUSED = Notice("refused", "my-node", "this kernel has no <veth>")


@pytest.mark.parametrize(
    ("reports", "told"),
    [
        ([kit.ACCEPTED], [
            "accepted by the baseline: our patch to rule 9",
            "2.44:amd64 (experimental) against 2.41:amd64 (trixie) fails the run",
            "rule 9 → unexplained by the model",
        ]),
        ([kit.ARCHITECTURES], ["2.36, 2.41: amd64 ≠ armhf", kit.SHIFTED]),
        ([kit.UNTRUSTED], [
            "≠ 0 disagree", "? 1 not counted", "Δ 0 look-ups differ",
            "not counted it does not see every address", "by the worker, through qemu-riscv64",
        ]),
        ([kit.lookup("s", [kit.UNEXPLAINED])], ["no rule can be named"]),
        ([], ["my-node this host could not be examined: this kernel has no <veth>",
              "Nothing was looked up."]),
    ],
    ids=["accepted", "architectures", "untrusted", "unexplained", "refused"],
)  # fmt: skip
def test_of_special_results_is_told(reports: list[LookupReport], told: list[str]) -> None:
    text = text_of(parsed(*reports, notices=() if reports else [REFUSED]))
    assert [words for words in told if words not in text] == []
    assert "not counted it" not in text or "differs from" not in text


def test_nothing_is_loaded_from_elsewhere(every_kind: BeautifulSoup) -> None:
    assert kit.attributes(every_kind, "src") == []
    hrefs = kit.attributes(every_kind, "href")
    assert {link[0] for link in hrefs if link != "data:,"} == {"#"}
    for inlined in parsed(kit.AGREEING).select("script, style"):
        loads = r"url\(|@import|https?:|fetch\(|XMLHttpRequest|WebSocket"
        assert not re.search(loads, inlined.string or "")


def test_the_policy_allows_what_is_inlined_and_nothing_else(every_kind: BeautifulSoup) -> None:
    [meta] = every_kind.select("meta[http-equiv=Content-Security-Policy]")
    policy = str(meta["content"])
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy

    inlined = every_kind.select("script:not([type]), style")
    assert len(inlined) > 1
    for each in inlined:
        digest = base64.b64encode(hashlib.sha256(each.encode_contents()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    # styles and handlers in attributes would be refused by it
    names = {name for tag in every_kind.select("*") for name in tag.attrs}
    assert not {name for name in names if name == "style" or name.startswith("on")}


def test_hostile_names_are_text() -> None:
    evil, tame = parsed(kit.HOSTILE), parsed(kit.CHANGED)
    assert "owned" not in kit.attributes(evil, "id")
    assert len(evil.select("script")) == len(tame.select("script"))
    assert (len(evil.select("style")), len(evil.select("img"))) == (1, 0)
    assert "{{ 7*7 }} </script><script>document.title='owned'</script>" in text_of(evil)
    index = index_of(evil)
    assert index["scenarios"][0][0] == kit.HOSTILE.scenario
    assert index["lookups"][0][2] == kit.HOSTILE.lookup
    assert not any("=" in one for one in kit.attributes(evil, "id"))


def test_names_that_no_encoding_holds_do_not_stop_the_page() -> None:
    odd = kit.lookup("lone \ud800 surrogate", kit.AGREEING.results, description="\udfff")
    kit.page([odd]).encode("utf-8")


def test_up_to_a_limit_all_look_ups_are_written_out() -> None:
    text = kit.page(kit.many(WRITTEN_OUT))
    assert text.count('<details class="lookup"') == WRITTEN_OUT
    assert "x-deflated" not in text.partition("<script type")[2].partition("<script>")[0]


def test_of_more_those_that_matter_are_written_out_and_all_the_others_packed() -> None:
    page = parsed(*kit.many(WRITTEN_OUT), kit.DISAGREEING, kit.CHANGED)
    said = f"This run has {WRITTEN_OUT + 2:,} look-ups. 2 of them are written out"
    assert said in text_of(page)
    assert "gai-harness run --format text" in text_of(page)
    sections = [section["data-i"] for section in page.select("details[data-i]")]
    assert sections == [str(WRITTEN_OUT), str(WRITTEN_OUT + 1)]
    packed: dict[int, tuple[str, str]] = {}
    for script in page.select("script[type='application/x-deflated']"):
        deflated = base64.b64decode(script.string or "")
        plain = zlib.decompress(deflated, wbits=-zlib.MAX_WBITS)
        packed.update({number: (row, section) for number, row, section in json.loads(plain)})
    assert sorted(packed) == list(range(WRITTEN_OUT))
    row, section = (text_of(BeautifulSoup(part, "html.parser")) for part in packed[123])
    assert "name-123" in row
    assert "shares 29 bits with 172.18.45.2/24" in section
    packs = index_of(page)["packs"]
    assert sorted(number for numbers in packs for number in numbers) == sorted(packed)
