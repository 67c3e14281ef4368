"""The page in a real browser: filters, search, links, keys, themes, sizes. It must stay silent."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from harness.report.html.page import WRITTEN_OUT
from tests.report.html import kit

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.report.html.browser import Opened

    Open = Callable[..., Opened]

pytestmark = pytest.mark.xdist_group("browser")
ALL = ["near-and-far", "missing-value", "no-length", "planted-mistake", "no-such-name",
       "six-and-remarks"]  # fmt: skip
RUN = kit.RUN


def settled(page: Page, words: str) -> None:
    """Waits until the page counts so many look-ups."""
    page.locator("#count", has_text=words).wait_for()


def overflow(page: Page) -> int:
    wide: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return wide


def focused(page: Page) -> str:
    """The element in focus, by what it says or is."""
    said: str = page.evaluate(
        "(document.activeElement.innerText || document.activeElement.id).trim()"
    )
    return " ".join(said.split())


def test_a_filter_leaves_what_it_says(open_page: Open) -> None:
    page = open_page(RUN).page
    page.check("#differs")
    settled(page, "3 of 6")
    assert shown(page) == ["missing-value", "no-length", "planted-mistake"]
    page.click("#reset")
    for field, value, found in (
        ("verdict", "disagree", ["planted-mistake"]),
        ("verdict", "crashed", ["no-length"]),
        ("verdict", "failed", ["planted-mistake", "no-such-name"]),
        ("verdict", "unmet", ["no-such-name"]),
        ("rule", "6", ["planted-mistake"]),
        ("rule", "10", ["missing-value", "no-length"]),
        ("scenario", "no-length", ["no-length"]),
        ("build", "2.41", ALL),
    ):
        page.select_option(f"#{field}", value)
        settled(page, f"{len(found)} of 6 look-ups")
        assert shown(page) == found
        assert page.locator("#sections > details:visible h3 .sc").all_inner_texts() == found
        assert page.evaluate("location.hash") == f"#{field}={value}"
        page.click("#reset")
        settled(page, "6 of 6")


def shown(page: Page) -> list[str]:
    return page.locator("#rows tr:visible th .sc").all_inner_texts()


def test_the_totals_filter_and_places_in_the_page_keep_the_filter(open_page: Open) -> None:
    page = open_page(RUN).page
    page.click(".totals .crashed a")
    settled(page, "1 of 6")
    assert page.input_value("#verdict") == "crashed"
    page.evaluate("location.hash = '#lookups'")  # as the skip link does
    assert shown(page) == ["no-length"]
    page.click(".totals .differs a")
    settled(page, "3 of 6")
    assert page.input_value("#verdict") == ""


def test_filters_are_taken_together_on_one_build(open_page: Open) -> None:
    page = open_page(RUN).page
    page.select_option("#rule", "9")
    page.select_option("#build", "2.44")
    settled(page, "3 of 6")
    # by rule 9 on 2.31 as well, but not on 2.44: missing-value and no-length
    assert shown(page) == ["near-and-far", "planted-mistake", "six-and-remarks"]
    assert page.locator(".matrix thead th:visible").all_inner_texts() == [
        "Look-up",
        "Decided by",
        "2.44",
    ]
    assert page.locator("#rows tr:first-child td:visible").count() == 2
    other = open_page([kit.architectures()], "#build=2.41-armhf").page
    assert other.locator("#rows td:visible").all_inner_texts() == ["9, 10", "✓ agree B"]
    builds = other.locator(".group:visible .builds li").all_text_contents()
    assert builds == ["armhf", "2.36 armhf", "2.41 armhf"]
    page.select_option("#verdict", "crashed")
    settled(page, "0 of 6")
    assert page.locator("#none").is_visible()
    page.click("#none a")
    settled(page, "6 of 6")


def test_search_finds_addresses_names_and_scenarios(open_page: Open) -> None:
    page = open_page(RUN).page
    for words, found in (
        ("NEAR-and", ["near-and-far"]),
        ("2001:DB8:9::1", ["planted-mistake", "six-and-remarks"]),
        ("2001:db8:1::2", ["planted-mistake", "six-and-remarks"]),
        ("nobody.example", ["no-such-name"]),
        ("patch own", ["planted-mistake"]),
        ("rfc3484.conf", ["six-and-remarks"]),
        ("no such thing", []),
        ("sigsegv", ["no-length"]),
    ):
        page.fill("#q", words)
        settled(page, f"{len(found)} of 6")
        assert shown(page) == found
    assert page.locator("#count").get_attribute("aria-live") == "polite"


def test_a_filtered_view_can_be_shared(open_page: Open) -> None:
    first = open_page(RUN)
    hard = "a+b & c=d #e %41 é/ü"
    first.page.fill("#q", hard)
    settled(first.page, "0 of 6")
    other = open_page(RUN, first.page.evaluate("location.hash"))
    assert other.page.input_value("#q") == hard
    first.page.fill("#q", "172.18.45.6")
    first.page.select_option("#rule", "9")
    first.page.check("#differs")
    settled(first.page, "3 of 6")
    other = open_page(RUN, first.page.evaluate("location.hash"))
    settled(other.page, "3 of 6")
    assert shown(other.page) == shown(first.page)
    assert other.page.input_value("#q") == "172.18.45.6"
    assert other.page.input_value("#rule") == "9"
    assert other.page.is_checked("#differs")
    other.page.click("#reset")
    settled(other.page, "6 of 6")
    assert other.page.evaluate("location.hash") == ""


def test_a_cell_leads_to_its_result(open_page: Open) -> None:
    page = open_page(RUN).page
    page.click("#rows tr:nth-child(2) td:nth-of-type(4) a")  # missing-value on 2.41
    assert page.evaluate("location.hash") == "#missing-value/web/inline/2.41"
    assert focused(page) == "2.41"
    group = page.locator(".group.target")
    assert "number 2 on 2.36" in group.inner_text()
    assert in_view(page, ".group.target .builds a:focus")
    page.go_back()
    assert page.evaluate("location.hash") == ""


def in_view(page: Page, selector: str) -> bool:
    """Whether an element can be seen: inside the window, and not under the bar of filters."""
    seen: bool = page.locator(selector).first.evaluate(
        """element => {
            const box = element.getBoundingClientRect();
            const x = box.left + box.width / 2, y = box.top + box.height / 2;
            return element.contains(document.elementFromPoint(x, y));
        }"""
    )
    return seen


@pytest.mark.parametrize("width", [1280, 390])
def test_the_address_of_a_result_opens_it(open_page: Open, width: int) -> None:
    reports = [*kit.many(30), *RUN]
    page = open_page(reports, "#near-and-far/web/2.36", width=width).page
    section = page.locator("details", has=page.locator('[id="near-and-far/web"]'))
    assert section.get_attribute("open") is not None
    assert focused(page) == "2.36"
    for _ in range(100):  # until the browser's own scrolling is over
        if in_view(page, ".group.target .builds a:focus"):
            break
        page.wait_for_timeout(50)
    else:
        pytest.fail("the result is not in view")


def test_without_a_link_agreement_is_closed_and_news_is_open(open_page: Open) -> None:
    page = open_page([*kit.many(30), *RUN]).page
    opened = page.locator("#sections > details[open] h3 .sc").all_inner_texts()
    assert opened == ["missing-value", "no-length", "planted-mistake", "no-such-name"]
    page.click("#sections > details:first-child summary")
    assert page.locator("#sections > details:first-child .chain").is_visible()
    page.click("#close-all")
    assert page.locator("#sections .chain:visible").count() == 0
    page.click("#open-all")
    assert page.locator("#sections > details:not([open])").count() == 0


def test_a_link_keeps_the_filter_that_holds_it_and_drops_another(open_page: Open) -> None:
    page = open_page(RUN, "#rule=9").page
    settled(page, "5 of 6")
    page.click("#rows tr:first-child td:nth-of-type(2) a")
    assert page.evaluate("location.hash") == "#rule=9&at=near-and-far/web/2.31"
    settled(page, "5 of 6")
    again = open_page(RUN, "#rule=9&at=near-and-far/web/2.31").page
    settled(again, "5 of 6")
    assert focused(again) == "2.31"
    again.select_option("#verdict", "crashed")
    settled(again, "1 of 6")
    again.click(".notable a:has-text('planted-mistake')")
    settled(again, "6 of 6")
    assert again.locator("details.target summary").is_visible()


def test_the_keyboard_alone_is_enough(open_page: Open) -> None:
    page = open_page(RUN).page
    press = page.keyboard.press
    press("Tab")
    assert focused(page) == "Skip to the matrix"
    assert in_view(page, ".skip:focus")
    press("/")
    assert focused(page) == "q"
    page.keyboard.type("172.31")
    settled(page, "4 of 6")
    press("Escape")
    settled(page, "6 of 6")
    page.locator("#matrix .box").focus()
    press("Tab")
    assert focused(page) == "near-and-far web"
    press("ArrowDown")
    assert focused(page) == "missing-value web"
    press("ArrowRight")
    press("ArrowRight")
    press("ArrowRight")
    assert focused(page) == "✓ agree B differs from 2.36"
    press("End")
    press("ArrowUp")
    press("ArrowLeft")
    press("ArrowLeft")
    press("ArrowLeft")
    press("ArrowLeft")
    assert focused(page) == "near-and-far web"
    press("ArrowDown")
    press("ArrowRight")
    press("Enter")
    assert page.evaluate("location.hash") == "#missing-value/web/inline/2.31"
    assert focused(page) == "2.31"


def test_focus_can_be_seen_everywhere(open_page: Open) -> None:
    page = open_page([kit.changed()]).page
    unseen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        at, style = page.evaluate(
            """() => {
                const element = document.activeElement, style = getComputedStyle(element);
                return [element.outerHTML.slice(0, 80), style.outlineStyle + style.outlineWidth];
            }"""
        )
        if at.startswith("<body"):
            break
        if style in ("none0px", "solid0px") or style.startswith("none"):
            unseen.append(at)
    else:
        pytest.fail("the end of the page was not reached")
    assert unseen == []


def brightness(page: Page) -> int:
    colour: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))


def test_light_and_dark_by_the_system_and_by_the_button(open_page: Open) -> None:
    page = open_page(RUN, color_scheme="dark").page
    assert brightness(page) < 150
    page.emulate_media(color_scheme="light")
    assert brightness(page) > 600
    page.click("#theme")  # light
    page.emulate_media(color_scheme="dark")
    assert brightness(page) > 600
    page.click("#theme")  # dark
    page.emulate_media(color_scheme="light")
    assert brightness(page) < 150
    page.reload()
    assert brightness(page) < 150


def test_the_page_never_scrolls_sideways(open_page: Open) -> None:
    page = open_page([*RUN, kit.hostile(), kit.architectures(), kit.accepted()]).page
    page.click("#open-all")
    for width in (1280, 768, 390, 320):
        page.set_viewport_size({"width": width, "height": 900})
        assert overflow(page) == 0, width


def test_on_a_phone_the_matrix_scrolls_in_its_own_box(open_page: Open) -> None:
    page = open_page(RUN, width=390).page
    box = page.locator("#matrix .box")
    assert box.evaluate("box => box.scrollWidth > box.clientWidth")
    last = page.locator("#rows tr:first-child td:last-child a")
    last.scroll_into_view_if_needed()
    assert in_view(page, "#rows tr:first-child td:last-child a")
    assert in_view(page, "#rows tr:first-child th a")  # it stays
    assert overflow(page) == 0


def test_without_script_an_address_opens_its_section(open_page: Open) -> None:
    page = open_page(
        [*kit.many(30), *RUN], "#near-and-far/web/2.36", java_script_enabled=False
    ).page
    assert page.locator('[id="near-and-far/web/2.36"]').is_visible()
    assert page.locator("#rows tr").count() == page.locator("#sections > details").count() == 36
    assert not page.locator("#controls").is_visible()
    assert not page.locator("#theme").is_visible()


def test_what_is_packed_is_drawn_when_asked_for(open_page: Open) -> None:
    reports = [*kit.many(WRITTEN_OUT + 20), kit.disagreeing()]
    page = open_page(reports).page
    settled(page, "1,021 of 1,021")
    assert page.inner_text("#range") == "1–200 of 1,021"
    assert page.locator("#rows tr").count() == 200
    page.click("#next")
    page.locator("#range", has_text="201–400 of 1,021").wait_for()
    assert page.locator("#rows tr").first.inner_text().startswith("host-20")
    assert page.evaluate("location.hash") == "#page=2"
    page.fill("#q", "name-555")
    settled(page, "1 of 1,021")
    page.locator("#rows tr", has_text="name-555").wait_for()
    page.click("#rows td:nth-of-type(2) a")
    page.locator(".group.target .chain").wait_for()
    assert "shares 29 bits" in page.inner_text(".group.target")
    # a link to one of them, from elsewhere
    other = open_page(reports, "#host-41/name-411/2.41").page
    assert other.inner_text("#range") == "401–600 of 1,021"
    assert focused(other) == "2.41"


def test_hostile_names_do_nothing(open_page: Open) -> None:
    page = open_page([kit.hostile(), kit.agreeing()]).page
    assert page.title() == "A run · gai-harness"
    assert page.locator("#owned").count() == 0
    assert page.locator("img").count() == 0
    assert page.locator("#rows tr").first.inner_text().startswith('"><b id=owned>')
    page.select_option("#scenario", kit.hostile().scenario)
    settled(page, "1 of 2")
    page.click("#rows td:nth-of-type(2) a")
    assert page.locator(".group.target").is_visible()


def test_paper_has_everything_but_the_controls(open_page: Open) -> None:
    page = open_page([*kit.many(30), *RUN], color_scheme="dark").page
    page.emulate_media(media="print")
    assert not page.locator("#controls").is_visible()
    assert brightness(page) > 600
    assert page.locator("#sections .chain").first.is_visible()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_axe_finds_nothing(open_page: Open, scheme: str, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    reports = [*RUN, kit.architectures(), kit.accepted()]
    page = open_page(reports, width=width, color_scheme=scheme, bypass_csp=True).page
    for summary in page.locator(".legend summary, .builds-table summary").all():
        summary.click()
    page.click("#open-all")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_an_empty_run_is_a_page_too(open_page: Open) -> None:
    page = open_page([]).page
    assert "Nothing was looked up." in page.inner_text("main, .masthead")
    settled(page, "0 of 0")
