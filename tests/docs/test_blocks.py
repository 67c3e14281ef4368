"""Every block of code in every page does what the page says; see docs/testing.md."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from tests.docs.blocks import Untrue, not_run_kind, run_page
from tests.docs.pages import ROOT, Malformed, all_blocks, names, page

LISTED = Path(__file__).with_name("not-run.toml")
OTHER_GLIBC = re.compile(r"--(?:gai-)?(?:glibc|against)[ =](?!host\b)|glibc fetch")


def _marked() -> list[ParameterSet]:
    """The pages; those that ask for another glibc, or for packages, need a mirror."""
    found = []
    for name in names():
        marks = []
        try:
            run = [block for block in page(name).blocks if "not-run" not in block.directives]
        except Malformed:  # its own test says so
            run = []
        asked = "\n".join(block.text for block in run if block.language in ("console", "sh"))
        if OTHER_GLIBC.search(asked) or any("in" in block.directives for block in run):
            marks = [pytest.mark.network]
        found.append(pytest.param(name, marks=marks))
    return found


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the pages show amd64")
@pytest.mark.parametrize("name", _marked())
def test_the_page_is_true(
    name: str, tmp_path: Path, request: pytest.FixtureRequest, needs: Callable[..., str]
) -> None:
    network = request.node.get_closest_marker("network") is not None
    cache = request.getfixturevalue("every_glibc" if network else "glibc_cache")
    if any("--trace" in block.text for block in page(name).blocks):
        needs("strace")
    if any("unshare -rnm ./" in block.text for block in page(name).blocks):
        needs("ip", "iproute2")
    try:
        told = run_page(page(name), tmp_path, cache)
    except (Untrue, Malformed) as error:
        pytest.fail(str(error), pytrace=False)
    print("\n".join(told))
    assert len(told) == len(page(name).blocks)


def test_what_is_not_run_is_listed_with_its_reason() -> None:
    """A block can be left out on this list only, so that each is decided on, and few they stay."""
    listed = tomllib.loads(LISTED.read_text(encoding="utf-8"))
    found: dict[str, list[str]] = {}
    for block in all_blocks():
        if "not-run" in block.directives:
            first = block.text.splitlines()[0].removeprefix("$ ")
            found.setdefault(block.page, []).append(f"{not_run_kind(block)}: {first}")
    assert found == listed


def test_no_page_is_forgotten() -> None:
    ignored = {".git", ".tox", ".ci", "build", "node_modules", "venv", ".venv", "_build"}
    found = {
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*.md")
        if not any(part in ignored or part.startswith(".") for part in path.parts[:-1])
    }
    assert {"README.md", "CHANGELOG.md", "csrc/PROTOCOL.md", "docs/wrong-node-ip.md"} <= found
    assert found == set(names())
