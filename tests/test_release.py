"""What a release says of itself is the same everywhere, and its CI runs what was looked at."""

import re
import tomllib
from datetime import date
from pathlib import Path

import harness

ROOT = Path(__file__).parents[1]


def test_the_changelog_has_this_version_with_its_day() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    version, _, day = next(one for one in headings if one != "Unreleased").partition(" - ")
    assert version == harness.__version__
    assert date.fromisoformat(day)


def test_pages_name_this_version() -> None:
    pages = "\n".join((ROOT / "docs" / name).read_text() for name in ("ci.md", "lint.md"))
    assert {*re.findall(r"(?:gai-harness@|rev: )v(\S+)", pages)} == {harness.__version__}


def test_the_pythons_it_says_are_those_that_tox_runs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    said = re.findall(r"Python :: (3\.\d+)\n", "\n".join([*project["classifiers"], ""]))
    assert said == ["3.11", "3.12", "3.13", "3.14"]
    assert project["requires-python"] == f">={said[0]}"
    tox = (ROOT / "tox.ini").read_text()
    assert [one for one in said if f"py{one.replace('.', '')}" in tox or one in tox] == said


def test_every_action_is_pinned_by_its_commit() -> None:
    """A tag can be moved to other code by whoever takes over an account; a commit cannot."""
    files = [*(ROOT / ".github/workflows").glob("*.yml"), ROOT / "action.yml"]
    used = [use for file in files for use in re.findall(r"\buses: (.+)", file.read_text())]
    assert len(used) >= 9
    pinned = re.compile(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    assert [use for use in used if not pinned.fullmatch(use) and not use.startswith("./")] == []
