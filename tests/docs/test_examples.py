"""What the pages tell of the code is so: docstrings' examples, tables, figures, scenarios."""

import doctest
import re
import subprocess
import sys
from importlib import import_module
from ipaddress import IPv6Network
from pathlib import Path

import pytest

from harness.model.dialects import ROWS
from harness.model.order import RULES
from harness.model.policy import DEFAULT_LABELS, DEFAULT_PRECEDENCE
from harness.scenario import library
from tests.docs.pages import ROOT

# what the reference shows; each of these has an example
SHOWN = {"model.dialects", "model.gaiconf", "advice.lint", "model.order", "model.policy"}


def with_examples() -> list[str]:
    files = sorted((ROOT / "harness").rglob("*.py"))
    return [
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for file in files
        if ">>> " in file.read_text(encoding="utf-8")
    ]


@pytest.mark.parametrize("name", with_examples())
def test_the_examples_are_true(name: str) -> None:
    done = doctest.testmod(import_module(name), optionflags=doctest.ELLIPSIS)
    assert done.attempted > 0
    assert done.failed == 0


def test_what_the_reference_shows_has_examples() -> None:
    assert {f"harness.{name}" for name in SHOWN} <= set(with_examples())


COVERAGE = (ROOT / "docs/coverage.md").read_text(encoding="utf-8")
PAGE = (ROOT / "docs/how-glibc-orders.md").read_text(encoding="utf-8")


def table(heading: str) -> list[list[str]]:
    """The rows of the first table under a heading, without its head."""
    section = PAGE.partition(f"{heading}\n")[2]
    rows = re.findall(r"^\|(.*)\|$", section.partition("\n#")[0], re.MULTILINE)
    return [[cell.strip() for cell in row.split("|")] for row in rows[2:]]


def test_the_policy_table() -> None:
    rows = table("### Labels and precedences")
    for column, known in ((1, DEFAULT_LABELS), (2, DEFAULT_PRECEDENCE)):
        shown = {IPv6Network(row[0]): int(row[column]) for row in rows if row[column]}
        assert shown == {IPv6Network((one.prefix, one.bits)): one.value for one in known}


def test_the_rules_are_all_there_in_order() -> None:
    assert [int(row[0]) for row in table("## The ten rules")] == [rule.number for rule in RULES]


def test_the_page_on_coverage_names_scenarios_and_every_row() -> None:
    named = set(re.findall(r"`([^`]+)`", COVERAGE))
    features = {row.feature for row in ROWS}
    scenarios = {name for name in named if re.match(r"[a-z]+[0-9]*-", name)}
    assert len(scenarios) > 100
    known = {path.stem for path in library()}
    assert scenarios <= known
    assert {name for name in known if re.match(r"(rule\d|presort|gaiconf|table)-", name)} <= named
    assert features <= named


@pytest.mark.network
def test_the_figures_are_current(every_glibc: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "docs/_ext/figures.py", "--check"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
