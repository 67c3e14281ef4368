"""The page of the whole library on every glibc, in Chromium: what it shows is what was found."""

import json
import subprocess
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from tests.report.html.browser import Open, browser, open_page

__all__ = ["browser", "open_page"]

pytestmark = [pytest.mark.network, pytest.mark.xdist_group("matrix")]
Matrix = tuple[subprocess.CompletedProcess[str], Path]

SHOWN = """() => [...document.querySelectorAll('#sections > details')].flatMap(section =>
    [...section.querySelectorAll('.group')].flatMap(group =>
        [...group.querySelectorAll('.builds a')].map(build => [
            section.querySelector('h3 .sc').textContent,
            section.querySelector('h3 .lk').textContent,
            section.querySelector('h3 .gc')?.textContent ?? 'default',
            build.textContent,
            [...group.classList].filter(name => name !== 'group' && name !== 'failed')[0],
            [...group.querySelectorAll('.chain .address code')].map(code => code.textContent),
            [...group.querySelectorAll('.chain .rule .vh')].map(
                rule => Number(rule.textContent.match(/[0-9]+/)[0])),
        ])))"""


def build(result: dict[str, Any], often: Counter[str]) -> str:
    """The build as the page calls it."""
    glibc: str = result["glibc"]
    return glibc if often[glibc] == 1 else f"{glibc} ({result['label']})"


def test_every_result_is_shown_as_it_came_and_counted(matrix: Matrix, open_page: Open) -> None:
    results: list[dict[str, Any]] = json.loads(matrix[0].stdout)["results"]
    page = open_page(matrix[1])
    often = Counter(glibc for glibc, _ in {(r["glibc"], r["build"]) for r in results})
    wanted = []
    for result in results:
        order = result["native"] if result["verdict"] == "agree" else result["model"]
        wanted.append(
            [
                result["scenario"], result["lookup"], result["gai_conf"], build(result, often),
                result["verdict"], [address for address, _ in groupby(order)],
                [decision["rule"] for decision in result["decisions"]],
            ]
        )  # fmt: skip
    shown = page.evaluate(SHOWN)
    assert len(shown) == len(results) > 1500
    assert sorted(map(repr, shown)) == sorted(map(repr, wanted))
    cells = page.evaluate(
        "[...document.querySelectorAll('#rows td:not(.rules)')].map(cell => cell.classList[0])"
    )
    verdicts = Counter(result["verdict"] for result in results)
    assert Counter(cells) == verdicts
    for verdict in ("agree", "crashed"):
        total = page.inner_text(f".totals .{verdict} b").lstrip("✓✕").strip()
        assert int(total.replace(",", "")) == verdicts[verdict]
    lookups = {(r["scenario"], r["lookup"], r["gai_conf"]) for r in results}
    assert page.inner_text("#count") == f"{len(lookups)} of {len(lookups)} look-ups"
    assert matrix[1].stat().st_size < 4_000_000
