"""What stands in code within a sentence is true as well: commands, options, files, scenarios."""

import argparse
import doctest
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from ipaddress import IPv6Network
from pathlib import Path

import pytest

from harness.cli.main import COMMANDS, _top
from harness.model.dialects import ROWS
from harness.model.order import RULES
from harness.model.policy import DEFAULT_LABELS, DEFAULT_PRECEDENCE
from harness.scenario import library
from tests.docs.pages import ROOT, names, page

# options of other programs that the pages name
FOREIGN = {
    "--heading-offset", "--read-only", "--cap-add", "--security-opt", "--device", "--privileged",
    "--profile", "--happy-eyeballs-timeout-ms", "--dns-result-order",
}  # fmt: skip
FILE = re.compile(r"(?:harness|tests|docs|csrc|gai\.conf\.d|\.ci)/[\w./-]*\w")
SCENARIO = re.compile(r"(?:fact-\d|case-|rule\d+-|seed-|nss-|presort-|found-|arch-)[\w.-]+")
SCENARIOS = {path.stem for path in library()}
NAME_SERVICES = {"nss-resolve", "nss-myhostname", "nss-mdns"}


def below(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found = (one for one in parser._actions if isinstance(one, argparse._SubParsersAction))
    return {name: inner for action in found for name, inner in action.choices.items()}


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    own = {word for action in parser._actions for word in action.option_strings}
    return own.union(*map(options_of, below(parser).values()))


KNOWN = {name: options_of(parser) for name, parser in below(_top(tuple(COMMANDS))).items()}
PLUGIN = set(
    re.findall(r'"(--gai-[\w-]+)"', (ROOT / "harness/pytest_plugin/__init__.py").read_text())
)
ALL = set().union(*KNOWN.values(), PLUGIN, {"--help", "--version"})


def wrong(code: str) -> Iterator[str]:
    """What is not true about a piece of code in a sentence."""
    words = code.split()
    if words[:1] == ["gai-harness"]:
        yield from wrong_command(code)
    elif words[:1] and re.fullmatch(r"--[a-z][\w-]*(=.*)?", words[0]):
        option = words[0].partition("=")[0]
        if option not in ALL | FOREIGN:
            yield f"{option} is no option of any command"
    if FILE.fullmatch(code) and not (ROOT / code).exists():
        yield f"{code}: no such file"
    if SCENARIO.fullmatch(code) and code not in SCENARIOS | NAME_SERVICES:
        yield f"{code} is no scenario of the library"


def wrong_command(code: str) -> Iterator[str]:
    try:
        words = shlex.split(code.replace("…", " ").partition("|")[0])[1:]
    except ValueError:
        words = code.split()[1:]
    words = words[words[:1] == ["help"] :]
    if not words or words[0].strip("[]") == "COMMAND":
        return
    if words[0].startswith("-"):
        if words[0] not in ("--help", "--version"):
            yield f"gai-harness has no {words[0]}"
        return
    if words[0] not in COMMANDS:
        yield f"gai-harness has no command {words[0]!r}"
        return
    own = words[: words.index("--")] if "--" in words else words  # behind it is another's line
    for word in own[1:]:
        option = word.partition("=")[0].strip("[]")
        if option.startswith("--") and option not in KNOWN[words[0]]:
            yield f"gai-harness {words[0]} has no {option}"


@pytest.mark.parametrize("name", names())
def test_code_in_sentences_is_true(name: str) -> None:
    code = page(name).code
    assert [f"{name}:{line}: {words}" for line, text in code for words in wrong(text)] == []


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("gai-harness runn", "no command 'runn'"),
        ("gai-harness run --glib 2.36", "run has no --glib"),
        ("gai-harness --glibc", "has no --glibc"),
        ("--no-such-option FILE", "no option of any"),
        ("harness/model/rule.py", "no such file"),
        ("rule9-no-such", "no scenario"),
        *((true, None) for true in (
            "gai-harness run --glibc 2.36 -o FILE", "gai-harness COMMAND --help", "--glibc=all",
            "gai-harness glibc list | add DIR | remove NAME", "harness/model/order.py",
            "gai-harness watch web -- curl --max-time 1 http://web/",
            "rule7-native-sit", "nss-resolve", "getaddrinfo", "",
        )),
    ],
)  # fmt: skip
def test_what_is_not_true_is_seen(code: str, complaint: str | None) -> None:
    said = list(wrong(code))
    assert len(said) == (complaint is not None)
    assert complaint is None or complaint in said[0]


VARIABLE = re.compile(r"""environ(?:ment)?(?:\.get\(|\[)"([A-Z][A-Z_]+)\"""")
OF_OTHERS = {
    "COMP_LINE", "COMP_POINT", "GODEBUG", "PYTEST_XDIST_WORKER", "TMPDIR", "ZIG_LOCAL_CACHE_DIR",
}  # fmt: skip
NEEDS = re.compile(r"""needs\("([\w-]+)"(?:, "([\w -]+)")?\)""")


def sources(*folders: str) -> Iterator[str]:
    for folder in folders:
        for path in [ROOT / folder] if folder.endswith(".py") else (ROOT / folder).rglob("*.py"):
            yield path.read_text(encoding="utf-8")


def test_every_environment_variable_is_on_the_page() -> None:
    texts = sources("harness", "csrc", "setup.py", "tests")
    read = {name for text in texts for name in VARIABLE.findall(text)} - OF_OTHERS
    told = set(re.findall(r"`([A-Z][A-Z_]+)`", (ROOT / "docs/install.md").read_text()))
    assert "GAI_HARNESS_CACHE" in read
    assert read <= told, read - told


def test_every_program_that_a_test_needs_is_on_the_page() -> None:
    needed = {one for text in sources("tests") for one in NEEDS.findall(text)}
    text = (ROOT / "docs/testing.md").read_text()
    assert ("ip", "iproute2") in needed
    missing = [each for one in needed for each in filter(None, one) if f"`{each}`" not in text]
    assert missing == []


# --- docstrings' examples, tables, figures, scenarios

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
