"""What a release says of itself is the same everywhere, and its CI runs what was looked at."""

import re
import tomllib
from datetime import date
from pathlib import Path

import harness

ROOT = Path(__file__).parents[1]


def _changelog() -> tuple[bool, str, str]:
    """Whether something is unreleased, and the newest release with its day."""
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    unreleased = headings[0] == "Unreleased"
    version, _, day = headings[unreleased].partition(" - ")
    return unreleased, version, day


def test_the_changelog_has_this_version_with_its_day() -> None:
    """What is not released yet has a version of its own: no two contents share one."""
    unreleased, version, day = _changelog()
    assert date.fromisoformat(day)
    if unreleased:
        assert re.fullmatch(r"\d+\.\d+\.0\.dev0", harness.__version__)
        assert parts(harness.__version__) > parts(version)
    else:
        assert harness.__version__ == version


def parts(version: str) -> list[int]:
    return [int(part) for part in version.split(".")[:3]]


def test_pages_name_the_newest_release() -> None:
    pages = "\n".join((ROOT / "docs" / name).read_text() for name in ("ci.md", "lint.md"))
    assert {*re.findall(r"(?:gai-harness@|rev: )v(\S+)", pages)} == {_changelog()[1]}


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
