"""The project's Markdown, read once: its blocks of code, links, headings and words in code."""

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.anchors import anchors_plugin

ROOT = Path(__file__).resolve().parents[2]

_DIRECTIVE = re.compile(r"<!--\s*block:\s*(.*?)\s*-->", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
# "# my-node.yaml" alone on the first line of a block: what the block is saved as
_TITLE = re.compile(r"(?:#|//|/\*|--)\s*((?:[\w.-]+/)*[\w-][\w.-]*\.\w+)\s*(?:\*/)?")


class Malformed(Exception):
    """A page breaks the conventions of docs/testing.md; the text says where and how."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: where it stands, its language and words, its directives."""

    page: str
    line: int
    language: str
    words: tuple[str, ...]
    text: str
    directives: dict[str, str]
    section: str

    @property
    def where(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def file(self) -> str | None:
        """What the block is saved as, where a directive or its first line names it."""
        if "file" in self.directives:
            return self.directives["file"]
        match = _TITLE.fullmatch(self.text.partition("\n")[0].strip())
        return match[1] if match else None


@dataclass(frozen=True, slots=True)
class Link:
    """A link or an image: where it stands and where it leads."""

    page: str
    line: int
    target: str
    words: str


@dataclass(slots=True)
class Page:
    """One Markdown file."""

    name: str
    blocks: list[Block] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    code: list[tuple[int, str]] = field(default_factory=list)


def names() -> tuple[str, ...]:
    """Every Markdown file of the project that a reader may open, relative to its root."""
    patterns = ("*.md", "docs/**/*.md", "csrc/*.md", "gai.conf.d/*.md")
    found = [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]
    return tuple(str(path.relative_to(ROOT)) for path in found if "_build" not in path.parts)


@cache
def page(name: str) -> Page:
    """A page by its name. Raises Malformed, or OSError where it is not there."""
    return parse(name, (ROOT / name).read_text(encoding="utf-8"))


def parse(name: str, text: str) -> Page:
    """The parts of a page. Raises Malformed for a directive without a block under it."""
    made, section, heading = Page(name), "", False
    waiting: dict[str, str] = {}
    reader = MarkdownIt("commonmark").enable("table").use(anchors_plugin, max_level=6)  # GitHub's
    for token in reader.parse(text):
        line = token.map[0] + 1 if token.map else 0
        if waiting and token.type not in ("html_block", "fence"):
            raise Malformed(f"{name}:{line}: a block of code was expected under the directive")
        if token.type == "fence":
            language, *words = token.info.split() or [""]
            block = Block(name, line, language, tuple(words), token.content, waiting, section)
            made.blocks.append(block)
            waiting = {}
        elif token.type == "code_block":
            raise Malformed(f"{name}:{line}: code by indentation; a fence with a language is due")
        elif token.type == "html_block":
            waiting |= _directives(f"{name}:{line}", token.content)
        elif token.type == "inline":
            if heading:
                section = token.content
            _inline(made, line, token)
        if heading := token.type == "heading_open":
            made.anchors.add(str(token.attrs["id"]))
    if waiting:
        raise Malformed(f"{name}: the page ends with a directive")
    return made


def _directives(where: str, html: str) -> dict[str, str]:
    found = {}
    for body in _DIRECTIVE.findall(html):
        key, _, value = body.partition(":")
        key, value = key.strip(), " ".join(value.split())
        if key not in ("not-run", "file", "exit", "in", "on", "lint", "refused", "same-as"):
            raise Malformed(f"{where}: {key!r} is no directive")
        found[key] = value
    if "block:" in html and not found:
        raise Malformed(f"{where}: a directive is <!-- block: KEY: VALUE -->")
    rest = _COMMENT.sub("", html).strip()
    if rest and not rest.startswith("<"):
        raise Malformed(f"{where}: stray text around a comment: {rest[:40]}")
    return found


def _inline(made: Page, line: int, token: Token) -> None:
    target = words = ""
    for child in token.children or ():
        words += child.content
        if child.type in ("softbreak", "hardbreak"):
            line += 1
        elif child.type == "link_open":
            target, words, start = str(child.attrs["href"]), "", line
        elif child.type == "link_close":
            made.links.append(Link(made.name, start, target, words))
        elif child.type == "image":
            made.links.append(Link(made.name, line, str(child.attrs["src"]), child.content))
        elif child.type == "code_inline":
            made.code.append((line, " ".join(child.content.split())))
