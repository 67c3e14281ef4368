"""The page in a real browser: filters, search, links, keys, themes, sizes. It must stay silent."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from harness.report.html.page import WRITTEN_OUT
from tests.processes import until
from tests.report.html import kit
from tests.report.html.browser import Open
from tests.report.html.kit import RUN

pytestmark = pytest.mark.xdist_group("browser")
NEAR_AND_FAR, MISSING, NO_LENGTH, PLANTED, NO_NAME, SIX = ALL = [one.scenario for one in RUN]
LONG = [*kit.many(30), *RUN]


def settled(page: Page, words: str) -> None:
    """Waits until the page counts so many look-ups."""
    expect(page.locator("#count")).to_contain_text(words)


def shows(page: Page, *scenarios: str) -> None:
    """Waits until the page counts these look-ups of the run, and shows them in its matrix."""
    settled(page, f"{len(scenarios)} of 6")
    expect(page.locator("#rows tr:visible th .sc")).to_have_text(scenarios)


def fragment(page: Page) -> str:
    return str(page.evaluate("location.hash"))


def overflow(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))


def focused(page: Page) -> str:
    """The element in focus, by what it says or is."""
    said = page.evaluate("document.activeElement.innerText || document.activeElement.id")
    return " ".join(str(said).split())


def in_view(page: Page, selector: str) -> bool:
    """Whether an element can be seen: inside the window, and not under the bar of filters."""
    return bool(
        page.locator(selector).first.evaluate(
            """element => {
                const box = element.getBoundingClientRect();
                const x = box.left + box.width / 2, y = box.top + box.height / 2;
                return element.contains(document.elementFromPoint(x, y));
            }"""
        )
    )


def brightness(page: Page) -> int:
    colour = str(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    return sum(map(int, re.findall(r"\d+", colour)))


def test_a_filter_leaves_what_it_says(open_page: Open) -> None:
    page = open_page(RUN)
    page.check("#differs")
    shows(page, MISSING, NO_LENGTH, PLANTED)
    page.click("#reset")
    for field, value, found in (
        ("verdict", "disagree", [PLANTED]),
        ("verdict", "crashed", [NO_LENGTH]),
        ("verdict", "failed", [PLANTED, NO_NAME]),
        ("verdict", "unmet", [NO_NAME]),
        ("rule", "6", [PLANTED]),
        ("rule", "10", [MISSING, NO_LENGTH]),
        ("scenario", NO_LENGTH, [NO_LENGTH]),
        ("build", "2.41", ALL),
    ):
        page.select_option(f"#{field}", value)
        shows(page, *found)
        expect(page.locator("#sections > details:visible h3 .sc")).to_have_text(found)
        assert fragment(page) == f"#{field}={value}"
        page.click("#reset")
        shows(page, *ALL)
    page.click(".totals .crashed a")
    shows(page, NO_LENGTH)
    expect(page.locator("#verdict")).to_have_value("crashed")
    page.evaluate("location.hash = '#lookups'")  # as the skip link does
    shows(page, NO_LENGTH)
    page.click(".totals .differs a")
    settled(page, "3 of 6")
    expect(page.locator("#verdict")).to_have_value("")


def test_filters_are_taken_together_on_one_build(open_page: Open) -> None:
    page = open_page(RUN)
    page.select_option("#rule", "9")
    page.select_option("#build", "2.44")
    # by rule 9 on 2.31 as well, but not on 2.44: missing-value and no-length
    shows(page, NEAR_AND_FAR, PLANTED, SIX)
    headings = page.locator(".matrix thead th:visible")
    expect(headings).to_have_text(["Look-up", "Decided by", "2.44"])
    expect(page.locator("#rows tr:first-child td:visible")).to_have_count(2)
    other = open_page([kit.ARCHITECTURES], "#build=2.41-armhf")
    expect(other.locator("#rows td:visible")).to_have_text(["9, 10", "✓ agree B"])
    builds = other.locator(".group:visible .builds li")
    expect(builds).to_have_text(["armhf", "2.36 armhf", "2.41 armhf"])
    page.select_option("#verdict", "crashed")
    shows(page)
    expect(page.locator("#none")).to_be_visible()
    page.click("#none a")
    shows(page, *ALL)


def test_search_finds_addresses_names_and_scenarios(open_page: Open) -> None:
    page = open_page(RUN)
    for words, found in (
        ("NEAR-and", [NEAR_AND_FAR]),
        ("2001:DB8:9::1", [PLANTED, SIX]),
        ("2001:db8:1::2", [PLANTED, SIX]),
        ("nobody.example", [NO_NAME]),
        ("patch own", [PLANTED]),
        ("rfc3484.conf", [SIX]),
        ("no such thing", []),
        ("sigsegv", [NO_LENGTH]),
    ):
        page.fill("#q", words)
        shows(page, *found)
    expect(page.locator("#count")).to_have_attribute("aria-live", "polite")


def test_a_filtered_view_can_be_shared(open_page: Open) -> None:
    first = open_page(RUN)
    hard = "a+b & c=d #e %41 é/ü"
    first.fill("#q", hard)
    shows(first)
    expect(open_page(RUN, fragment(first)).locator("#q")).to_have_value(hard)
    first.fill("#q", "172.18.45.6")
    first.select_option("#rule", "9")
    first.check("#differs")
    shows(first, MISSING, NO_LENGTH, PLANTED)
    other = open_page(RUN, fragment(first))
    shows(other, MISSING, NO_LENGTH, PLANTED)
    expect(other.locator("#q")).to_have_value("172.18.45.6")
    expect(other.locator("#rule")).to_have_value("9")
    expect(other.locator("#differs")).to_be_checked()
    other.click("#reset")
    shows(other, *ALL)
    assert fragment(other) == ""


def test_a_cell_leads_to_its_result(open_page: Open) -> None:
    page = open_page(RUN)
    page.click("#rows tr:nth-child(2) td:nth-of-type(4) a")  # missing-value on 2.41
    assert fragment(page) == "#missing-value/web/inline/2.41"
    assert focused(page) == "2.41"
    assert "number 2 on 2.36" in page.inner_text(".group.target")
    assert in_view(page, ".group.target .builds a:focus")
    page.go_back()
    assert fragment(page) == ""


@pytest.mark.parametrize("width", [1280, 390])
def test_the_address_of_a_result_opens_it(open_page: Open, width: int) -> None:
    page = open_page(LONG, "#near-and-far/web/2.36", width=width)
    section = page.locator("details", has=page.locator('[id="near-and-far/web"]'))
    expect(section).to_have_attribute("open", "")
    assert focused(page) == "2.36"
    # the browser's own scrolling takes a while
    assert until(lambda: in_view(page, ".group.target .builds a:focus"), 5)


def test_without_a_link_agreement_is_closed_and_news_is_open(open_page: Open) -> None:
    page = open_page(LONG)
    opened = page.locator("#sections > details[open] h3 .sc")
    expect(opened).to_have_text([MISSING, NO_LENGTH, PLANTED, NO_NAME])
    page.click("#sections > details:first-child summary")
    expect(page.locator("#sections > details:first-child .chain")).to_be_visible()
    page.click("#close-all")
    expect(page.locator("#sections .chain:visible")).to_have_count(0)
    page.click("#open-all")
    expect(page.locator("#sections > details:not([open])")).to_have_count(0)


def test_a_link_keeps_the_filter_that_holds_it_and_drops_another(open_page: Open) -> None:
    page = open_page(RUN, "#rule=9")
    settled(page, "5 of 6")
    page.click("#rows tr:first-child td:nth-of-type(2) a")
    assert fragment(page) == "#rule=9&at=near-and-far/web/2.31"
    settled(page, "5 of 6")
    again = open_page(RUN, fragment(page))
    settled(again, "5 of 6")
    assert focused(again) == "2.31"
    again.select_option("#verdict", "crashed")
    settled(again, "1 of 6")
    again.click(".notable a:has-text('planted-mistake')")
    settled(again, "6 of 6")
    assert again.locator("details.target summary").is_visible()


def test_the_keyboard_alone_is_enough(open_page: Open) -> None:
    page = open_page(RUN)

    def press(keys: str, leads_to: str) -> None:
        for key in keys.split():
            page.keyboard.press(key)
        assert focused(page) == leads_to

    press("Tab", "Skip to the matrix")
    assert in_view(page, ".skip:focus")
    press("/", "q")
    page.keyboard.type("172.31")
    settled(page, "4 of 6")
    page.keyboard.press("Escape")
    settled(page, "6 of 6")
    page.locator("#matrix .box").focus()
    press("Tab", "near-and-far web")
    press("ArrowDown", "missing-value web")
    press("ArrowRight ArrowRight ArrowRight", "✓ agree B differs from 2.36")
    press("End ArrowUp ArrowLeft ArrowLeft ArrowLeft ArrowLeft", "near-and-far web")
    press("ArrowDown ArrowRight Enter", "2.31")
    assert fragment(page) == "#missing-value/web/inline/2.31"


def test_focus_can_be_seen_everywhere(open_page: Open) -> None:
    page = open_page([kit.CHANGED])
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
        assert not style.startswith("none"), at
        assert style != "solid0px", at
    else:
        pytest.fail("the end of the page was not reached")


def test_light_and_dark_by_the_system_and_by_the_button(open_page: Open) -> None:
    page = open_page(RUN, color_scheme="dark")
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


def test_the_page_never_scrolls_sideways_but_the_matrix_does(open_page: Open) -> None:
    page = open_page([*RUN, kit.HOSTILE, kit.ARCHITECTURES, kit.ACCEPTED])
    page.click("#open-all")
    for width in (1280, 768, 390, 320):
        page.set_viewport_size({"width": width, "height": 900})
        assert overflow(page) == 0, width
    phone = open_page(RUN, width=390)
    assert phone.locator("#matrix .box").evaluate("box => box.scrollWidth > box.clientWidth")
    phone.locator("#rows tr:first-child td:last-child a").scroll_into_view_if_needed()
    assert in_view(phone, "#rows tr:first-child td:last-child a")
    assert in_view(phone, "#rows tr:first-child th a")  # it stays
    assert overflow(phone) == 0


def test_without_script_an_address_opens_its_section(open_page: Open) -> None:
    page = open_page(LONG, "#near-and-far/web/2.36", java_script_enabled=False)
    assert page.locator('[id="near-and-far/web/2.36"]').is_visible()
    assert page.locator("#rows tr").count() == page.locator("#sections > details").count() == 36
    assert not page.locator("#controls").is_visible()
    assert not page.locator("#theme").is_visible()


def test_what_is_packed_is_drawn_when_asked_for(open_page: Open) -> None:
    reports = [*kit.many(WRITTEN_OUT + 20), kit.DISAGREEING]
    total = f"{len(reports):,}"
    page = open_page(reports)
    settled(page, f"{total} of {total}")
    assert page.inner_text("#range") == f"1–200 of {total}"
    assert page.locator("#rows tr").count() == 200
    page.click("#next")
    page.locator("#range", has_text=f"201–400 of {total}").wait_for()
    assert page.locator("#rows tr").first.inner_text().startswith("host-20")
    assert fragment(page) == "#page=2"
    page.fill("#q", "name-555")
    settled(page, f"1 of {total}")
    page.locator("#rows tr", has_text="name-555").wait_for()
    page.click("#rows td:nth-of-type(2) a")
    page.locator(".group.target .chain").wait_for()
    assert "shares 29 bits" in page.inner_text(".group.target")
    # a link to one of them, from elsewhere
    other = open_page(reports, "#host-41/name-411/2.41")
    assert other.inner_text("#range") == f"401–600 of {total}"
    assert focused(other) == "2.41"


def test_hostile_names_do_nothing(open_page: Open) -> None:
    page = open_page([kit.HOSTILE, kit.AGREEING])
    assert page.title() == "A run · gai-harness"
    assert page.locator("#owned, img").count() == 0
    assert page.locator("#rows tr").first.inner_text().startswith('"><b id=owned>')
    page.select_option("#scenario", kit.HOSTILE.scenario)
    settled(page, "1 of 2")
    page.click("#rows td:nth-of-type(2) a")
    assert page.locator(".group.target").is_visible()


def test_paper_has_everything_but_the_controls(open_page: Open) -> None:
    page = open_page(LONG, color_scheme="dark")
    page.emulate_media(media="print")
    assert not page.locator("#controls").is_visible()
    assert brightness(page) > 600
    assert page.locator("#sections .chain").first.is_visible()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_axe_finds_nothing(open_page: Open, scheme: str, width: int) -> None:
    reports = [*RUN, kit.ARCHITECTURES, kit.ACCEPTED]
    page = open_page(reports, width=width, color_scheme=scheme, bypass_csp=True)
    for summary in page.locator(".legend summary, .builds-table summary").all():
        summary.click()
    page.click("#open-all")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_an_empty_run_is_a_page_too(open_page: Open) -> None:
    page = open_page([])
    assert "Nothing was looked up." in page.inner_text("main, .masthead")
    settled(page, "0 of 0")
