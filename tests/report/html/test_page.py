"""The text of the page: complete without script, closed to the network, safe from its data."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from html.parser import HTMLParser
from typing import Any

import pytest

from harness.compare.results import Notice
from harness.report.html.page import WRITTEN_OUT
from tests.report.html import kit

EVERY_KIND = [*kit.RUN, kit.hostile()]
VOID = {"meta", "link", "br", "input", "img", "hr"}


class Parsed(HTMLParser):
    """Elements with their attributes, the ids, and the text outside of script and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in self.raw:
            self.raw[tag].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in self.raw:
            self.raw[self.open[-1]][-1] += data
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def attributes(self, name: str) -> list[str]:
        return [value for _, attrs in self.elements if (value := attrs.get(name)) is not None]

    def index(self) -> dict[str, Any]:
        at = [tag for tag, _ in self.elements].index("script")
        scripts = [attrs for tag, attrs in self.elements[at:] if tag == "script"]
        found = [text for attrs, text in zip(scripts, self.raw["script"], strict=True)
                 if attrs.get("id") == "index"]  # fmt: skip
        loaded: dict[str, Any] = json.loads(found[0])
        return loaded


@pytest.fixture(scope="module")
def parsed() -> Parsed:
    return Parsed(kit.page(EVERY_KIND, "Every kind"))


def test_every_element_is_closed_and_every_id_is_one(parsed: Parsed) -> None:
    assert parsed.open == []
    ids = parsed.attributes("id")
    assert len(ids) == len(set(ids))


def test_every_link_leads_somewhere_in_the_page(parsed: Parsed) -> None:
    ids = set(parsed.attributes("id"))
    links = [link.removeprefix("#") for link in parsed.attributes("href") if link != "data:,"]
    assert len(links) > 40
    filters = {link for link in links if "=" in link or link == "all"}
    assert set(links) - filters <= ids
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
    ):
        assert words in text, words


def test_the_totals_are_those_of_the_results(parsed: Parsed) -> None:
    text = parsed.text
    assert "✓ 26 agree" in text
    assert "≠ 1 disagree" in text
    assert "✕ 1 crashed, all predicted" in text
    assert "⚑ 1 with a failed expectation" in text
    assert "Δ 3 look-ups differ between builds" in text


def test_what_fails_stands_out_before_what_differs(parsed: Parsed) -> None:
    text = parsed.text
    places = [
        text.index("native and model disagree"),
        text.index("expectation failed: native: expected an answer"),
        text.index("differs 2.36 → 2.41"),
        text.index("glibc died of SIGSEGV, as predicted"),
    ]
    assert places == sorted(places)


def test_what_builds_are_compared_with_and_a_baseline_are_told() -> None:
    text = Parsed(kit.page([kit.accepted()])).text
    assert "accepted by the baseline: our patch to rule 9" in text
    assert "2.44:amd64 (experimental) against 2.41:amd64 (trixie) fails the run" in text
    assert "rule 9 → unexplained by the model" in text
    text = Parsed(kit.page([kit.architectures()])).text
    assert "2.36, 2.41: amd64 ≠ armhf" in text
    assert kit.SHIFTED in text


def test_what_is_not_to_be_trusted_is_shown_but_not_counted() -> None:
    text = Parsed(kit.page([kit.untrusted()])).text
    assert "≠ 0 disagree" in text
    assert "? 1 not counted" in text
    assert "Δ 0 look-ups differ" in text
    assert "not counted it does not see every address" in text
    assert "by the worker, through qemu-riscv64" in text
    assert "differs from" not in text


def test_hosts_that_were_refused_are_told() -> None:
    refused = Notice("refused", "my-node", "this kernel has no <veth>")
    text = Parsed(kit.page([], notices=[refused])).text
    assert "my-node this host could not be examined: this kernel has no <veth>" in text
    assert "Nothing was looked up." in text


def test_nothing_is_loaded_from_elsewhere(parsed: Parsed) -> None:
    assert parsed.attributes("src") == []
    assert {link[0] for link in parsed.attributes("href") if link != "data:,"} == {"#"}
    tame = Parsed(kit.page([kit.agreeing()]))
    for text in [*tame.raw["style"], *tame.raw["script"]]:
        assert not re.search(r"url\(|@import|https?:|fetch\(|XMLHttpRequest|WebSocket", text)


def test_the_policy_allows_what_is_inlined_and_nothing_else(parsed: Parsed) -> None:
    policy = next(
        attrs["content"] for tag, attrs in parsed.elements
        if attrs.get("http-equiv") == "Content-Security-Policy"
    )  # fmt: skip
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy

    def name(text: str) -> str:
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"

    scripts = [
        text for (attrs, text) in zip(
            (attrs for tag, attrs in parsed.elements if tag == "script"), parsed.raw["script"],
            strict=True,
        ) if "type" not in attrs
    ]  # fmt: skip
    assert scripts
    for text in [*scripts, *parsed.raw["style"]]:
        assert name(text) in policy
    # styles and handlers in attributes would be refused by it
    assert not [
        name for _, attrs in parsed.elements for name in attrs
        if name == "style" or name.startswith("on")
    ]  # fmt: skip


def test_hostile_names_are_text() -> None:
    evil, tame = Parsed(kit.page([kit.hostile()])), Parsed(kit.page([kit.changed()]))
    assert "owned" not in evil.attributes("id")
    assert [tag for tag, _ in evil.elements].count("script") == len(tame.raw["script"])
    assert [tag for tag, _ in evil.elements].count("style") == 1
    assert "img" not in [tag for tag, _ in evil.elements]
    assert "{{ 7*7 }} </script><script>document.title='owned'</script>" in evil.text
    index = evil.index()
    assert index["scenarios"][0][0] == kit.hostile().scenario
    assert index["lookups"][0][2] == kit.hostile().lookup
    assert not any("=" in one for one in evil.attributes("id"))


def test_names_that_no_encoding_holds_do_not_stop_the_page() -> None:
    odd = kit.lookup("lone \ud800 surrogate", kit.agreeing().results, description="\udfff")
    kit.page([odd]).encode("utf-8")


def test_up_to_a_limit_all_look_ups_are_written_out() -> None:
    text = kit.page(kit.many(WRITTEN_OUT))
    assert text.count('<details class="lookup"') == WRITTEN_OUT
    assert "x-deflated" not in text.partition("<script type")[2].partition("<script>")[0]


def test_of_more_those_that_matter_are_written_out_and_all_the_others_packed() -> None:
    reports = [*kit.many(WRITTEN_OUT), kit.disagreeing(), kit.changed()]
    parsed = Parsed(kit.page(reports))
    assert f"This run has {WRITTEN_OUT + 2:,} look-ups. 2 of them are written out" in parsed.text
    assert "gai-harness run --format text" in parsed.text
    out = [
        attrs["data-i"] for tag, attrs in parsed.elements if tag == "details" if "data-i" in attrs
    ]
    assert out == [str(WRITTEN_OUT), str(WRITTEN_OUT + 1)]
    scripts = [attrs for tag, attrs in parsed.elements if tag == "script"]
    packed: dict[int, tuple[str, str]] = {}
    for attrs, text in zip(scripts, parsed.raw["script"], strict=True):
        if attrs.get("type") == "application/x-deflated":
            plain = zlib.decompress(base64.b64decode(text), wbits=-zlib.MAX_WBITS)
            packed.update({number: (row, section) for number, row, section in json.loads(plain)})
    assert sorted(packed) == list(range(WRITTEN_OUT))
    row, section = packed[123]
    assert "name-123" in Parsed(row).text
    assert "shares 29 bits with 172.18.45.2/24" in Parsed(section).text
    index = parsed.index()
    assert sorted(number for numbers in index["packs"] for number in numbers) == sorted(packed)
