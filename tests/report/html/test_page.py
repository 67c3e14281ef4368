"""The text of the page: complete without script, closed to the network, safe from its data."""

import base64
import hashlib
import json
import re
import zlib
from html.parser import HTMLParser
from typing import Any

import pytest

from harness.compare.results import LookupReport, Notice
from harness.report.html.page import WRITTEN_OUT
from tests.report.html import kit

EVERY_KIND = [*kit.RUN, kit.HOSTILE]
VOID = {"meta", "link", "br", "input", "img", "hr"}


class Parsed(HTMLParser):
    """Elements with their attributes, ids, text; scripts and styles, each with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.raw: list[tuple[str, dict[str, str | None], str]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("script", "style"):
            self.raw.append((*self.elements[-1], data))
        else:
            self.words.append(data)

    def attributes(self, name: str) -> list[str]:
        return [value for _, attrs in self.elements if (value := attrs.get(name)) is not None]

    def index(self) -> dict[str, Any]:
        [loaded] = [json.loads(text) for _, attrs, text in self.raw if attrs.get("id") == "index"]
        return dict(loaded)


@pytest.fixture(scope="module")
def parsed() -> Parsed:
    return Parsed(kit.page(EVERY_KIND, "Every kind"))


def test_elements_are_closed_ids_are_one_and_links_lead_somewhere(parsed: Parsed) -> None:
    assert parsed.open == []
    ids = set(parsed.attributes("id"))
    assert len(ids) == len(parsed.attributes("id"))
    links = [link.removeprefix("#") for link in parsed.attributes("href") if link != "data:,"]
    assert len(links) > 40
    assert {link for link in links if "=" not in link and link != "all"} <= ids
    for version in kit.VERSIONS:
        assert {f"near-and-far/web/{version}", f"missing-value/web/inline/{version}"} <= ids


def test_all_is_there_without_script(parsed: Parsed) -> None:
    text = parsed.text
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
        "number 2 on 2.36",
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
    text = Parsed(kit.page(reports, notices=() if reports else [REFUSED])).text
    assert [words for words in told if words not in text] == []
    assert "not counted it" not in text or "differs from" not in text


def test_nothing_is_loaded_from_elsewhere(parsed: Parsed) -> None:
    assert parsed.attributes("src") == []
    assert {link[0] for link in parsed.attributes("href") if link != "data:,"} == {"#"}
    for _, _, text in Parsed(kit.page([kit.AGREEING])).raw:
        assert not re.search(r"url\(|@import|https?:|fetch\(|XMLHttpRequest|WebSocket", text)


def test_the_policy_allows_what_is_inlined_and_nothing_else(parsed: Parsed) -> None:
    policy = next(
        attrs["content"] for tag, attrs in parsed.elements
        if attrs.get("http-equiv") == "Content-Security-Policy"
    )  # fmt: skip
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy

    inlined = [text for _, attrs, text in parsed.raw if "type" not in attrs]
    assert len(inlined) > 1
    for text in inlined:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    # styles and handlers in attributes would be refused by it
    names = {name for _, attrs in parsed.elements for name in attrs}
    assert not {name for name in names if name == "style" or name.startswith("on")}


def test_hostile_names_are_text() -> None:
    evil, tame = Parsed(kit.page([kit.HOSTILE])), Parsed(kit.page([kit.CHANGED]))
    assert "owned" not in evil.attributes("id")
    tags = [tag for tag, _ in evil.elements]
    assert tags.count("script") == [tag for tag, _ in tame.elements].count("script")
    assert tags.count("style") == 1
    assert "img" not in tags
    assert "{{ 7*7 }} </script><script>document.title='owned'</script>" in evil.text
    index = evil.index()
    assert index["scenarios"][0][0] == kit.HOSTILE.scenario
    assert index["lookups"][0][2] == kit.HOSTILE.lookup
    assert not any("=" in one for one in evil.attributes("id"))


def test_names_that_no_encoding_holds_do_not_stop_the_page() -> None:
    odd = kit.lookup("lone \ud800 surrogate", kit.AGREEING.results, description="\udfff")
    kit.page([odd]).encode("utf-8")


def test_up_to_a_limit_all_look_ups_are_written_out() -> None:
    text = kit.page(kit.many(WRITTEN_OUT))
    assert text.count('<details class="lookup"') == WRITTEN_OUT
    assert "x-deflated" not in text.partition("<script type")[2].partition("<script>")[0]


def test_of_more_those_that_matter_are_written_out_and_all_the_others_packed() -> None:
    parsed = Parsed(kit.page([*kit.many(WRITTEN_OUT), kit.DISAGREEING, kit.CHANGED]))
    assert f"This run has {WRITTEN_OUT + 2:,} look-ups. 2 of them are written out" in parsed.text
    assert "gai-harness run --format text" in parsed.text
    sections = [attrs for tag, attrs in parsed.elements if tag == "details" and "data-i" in attrs]
    assert [attrs["data-i"] for attrs in sections] == [str(WRITTEN_OUT), str(WRITTEN_OUT + 1)]
    packed: dict[int, tuple[str, str]] = {}
    for _, attrs, text in parsed.raw:
        if attrs.get("type") == "application/x-deflated":
            plain = zlib.decompress(base64.b64decode(text), wbits=-zlib.MAX_WBITS)
            packed.update({number: (row, section) for number, row, section in json.loads(plain)})
    assert sorted(packed) == list(range(WRITTEN_OUT))
    row, section = packed[123]
    assert "name-123" in Parsed(row).text
    assert "shares 29 bits with 172.18.45.2/24" in Parsed(section).text
    packs = parsed.index()["packs"]
    assert sorted(number for numbers in packs for number in numbers) == sorted(packed)
