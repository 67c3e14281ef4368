"""Every block of code in every page does what the page says; see docs/testing.md.

The runner has to see what is wrong with a page, too: a blind one would pass them all.
"""

import os
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from harness.glibcs.cache import cache_folder
from tests.docs.blocks import Untrue, mismatch, not_run_kind, run_page
from tests.docs.pages import ROOT, Malformed, names, page, parse

LISTED = Path(__file__).with_name("not-run.toml")
OTHER_GLIBC = re.compile(r"--(?:gai-)?(?:glibc|against)[ =](?!host\b)|glibc fetch")


def _marked() -> list[ParameterSet]:
    """The pages; those that ask for another glibc, or for packages, need a mirror."""
    found = []
    for name in names():
        run = [block for block in page(name).blocks if "not-run" not in block.directives]
        asked = "\n".join(block.text for block in run if block.language in ("console", "sh"))
        mirror = OTHER_GLIBC.search(asked) or any("in" in block.directives for block in run)
        found.append(pytest.param(name, marks=[pytest.mark.network] if mirror else []))
    return found


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the pages show amd64")
@pytest.mark.parametrize("name", _marked())
def test_the_page_is_true(
    name: str, tmp_path: Path, request: pytest.FixtureRequest, needs: Callable[..., str]
) -> None:
    network = request.node.get_closest_marker("network") is not None
    cache = request.getfixturevalue("every_glibc") if network else cache_folder()
    blocks = page(name).blocks
    if any("--trace" in block.text for block in blocks):
        needs("strace")
    if any("gai-harness watch" in block.text for block in blocks):
        needs("strace")
        needs("curl")
    if any("unshare -rnm ./" in block.text for block in blocks):
        needs("ip", "iproute2")
    try:
        told = run_page(page(name), tmp_path, cache)
    except Untrue as error:
        pytest.fail(str(error), pytrace=False)
    print("\n".join(told))
    assert len(told) == len(blocks)


def test_what_is_not_run_is_listed_with_its_reason() -> None:
    """A block can be left out on this list only, so that each is decided on, and few they stay."""
    listed = tomllib.loads(LISTED.read_text(encoding="utf-8"))
    found: dict[str, list[str]] = {}
    for block in (block for name in names() for block in page(name).blocks):
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


def run(text: str, folder: Path) -> list[str]:
    return run_page(parse("page.md", text), folder, None)


def console(body: str, directive: str = "") -> str:
    return f"{directive}\n```console\n{body}```\n"


@pytest.mark.parametrize(
    ("said", "came", "matches"),
    [
        ("a\nb\n", "a\nb\n", True), ("", "", True), ("(a) [b]* \\d\n", "(a) [b]* \\d\n", True),
        ("a\n…\nd\n", "a\nb\nc\nd\n", True), ("a\n…\nd\n", "a\nd\n", True),
        ("took … s of 3\n", "took 0.25 s of 3\n", True), ("blank\n", "blank   \n", True),
        ("a\n", "b\n", False), ("a\n", "a\nmore\n", False), ("a\nmore\n", "a\n", False),
        ("", "something\n", False), ("took … s\n", "took 1\n2 s\n", False),
        ("a\n…\nd\n", "a\nb\nc\n", False), ("\\d\n", "3\n", False),
    ],
)  # fmt: skip
def test_what_matches(said: str, came: str, matches: bool) -> None:
    difference = mismatch(said, came)
    assert (difference is None) == matches
    assert matches or "the page" in str(difference)


def test_blocks_share_folder_variables_and_status(tmp_path: Path) -> None:
    text = (
        "```yaml\n# there/my.yaml\na: 1\n```\n"
        "```sh\nexport A=5\ncd there\n```\n"
        + console("$ cat my.yaml | tail -n 1\na: 1\n$ echo $A\n5\n$ false\n$ echo $?\n1\n")
        + console("$ echo one \\\n> two\none two\n$ cat <<X\n> in\n> X\nin\n")
    )
    assert len(run(text, tmp_path)) == 4


def test_both_streams_are_seen_and_home_is_private(tmp_path: Path) -> None:
    text = console("$ echo to >&2; echo fro\nto\nfro\n") + "```sh\ntouch ~/mark\n```\n"
    run(text, tmp_path)
    assert (tmp_path / "home/mark").exists()
    assert not (Path.home() / "mark").exists()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (console("$ echo a\nb\n"), "+a"),
        (console("$ echo a\n"), "+a"),
        (console("$ true\nnever printed\n"), "-never printed"),
        (console("$ echo a\n…\n"), "elided"),
        (console("$ false\n"), "status 1, and 0 was expected"),
        (console("$ true\n", "<!-- block: exit: 1 -->"), "status 0, and 1 was expected"),
        (console("$ exit 4\n$ true\n"), "status 4"),
        (console("a\n"), "begins with '$ '"),
        ("```sh\nfalse\ntrue\n```\n", "status 1"),
        ("```sh\nfalse | cat\n```\n", "status 1"),
        ("```\nfree\n```\n", "no language"),
        ("```cobol\nSTOP RUN.\n```\n", "'cobol'"),
        ("```yaml\na: [\n```\n", "ParserError"),
        ("```yaml\nname: x\nhost: {}\nlookups: []\n```\n", "lookups"),
        ("```json\n{]\n```\n", "JSONDecodeError"),
        ("```toml\na = \n```\n", "TOMLDecodeError"),
        ("```python\nassert 1 == 2\n```\n", "AssertionError"),
        ("```python\n# later.py\nif:\n```\n", "SyntaxError"),
        ("```pycon\n>>> 1 + 1\n3\n```\n", "Got:"),
        ("```pycon\n1 + 1\n```\n", "no >>>"),
        ("```c\nint main(void) { return x; }\n```\n", "undeclared"),
        ("```gai.conf\nprecedence ::ffff:0:0/96 100\n```\n", "GAI012"),
        ("# GAI001: x\n\n```gai.conf bad\nreload no\n```\n", "GAI001"),
        ("```yaml\n# a/../../../b.yaml\na: 1\n```\n", "outside"),
        (console("$ true\n", "<!-- block: not-run: too lazy -->"), "one of another machine"),
        (console("$ true\n", "<!-- block: not-run: root: because -->"), "reason"),
        ("<!-- block: not-run: root: a reason in words -->\n```yaml\na: [\n```\n", "only commands"),
        ("<!-- block: exit: 1 -->\n\nprose\n\n```console\n$ false\n```\n", "was expected under"),
        ("# a\n\n<!-- block: skip: yes -->\n```sh\ntrue\n```\n", "'skip' is no directive"),
        ("    indented code\n", "code by indentation"),
    ],
)
def test_what_is_wrong_is_said(text: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises((Untrue, Malformed), match=r"page\.md:\d+") as raised:
        run(text, tmp_path)
    assert complaint in str(raised.value)


def test_a_page_does_not_end_with_a_directive() -> None:
    with pytest.raises(Malformed, match="ends with a directive"):
        parse("page.md", "<!-- block: exit: 1 -->\n")


def test_a_block_that_is_left_out_is_told(tmp_path: Path) -> None:
    told = run(console("$ rm -rf /\n", "<!-- block: not-run: root: it is not safe -->"), tmp_path)
    assert told == ["page.md:2 console: not run: root"]
