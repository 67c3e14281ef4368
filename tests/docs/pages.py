"""The project's Markdown, read once: its blocks of code, links, headings and words in code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

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
    found = sorted(ROOT.glob("*.md"))
    for folder in ("docs", "csrc", "gai.conf.d"):
        found += sorted((ROOT / folder).rglob("*.md"))
    return tuple(str(path.relative_to(ROOT)) for path in found if "_build" not in path.parts)


@cache
def page(name: str) -> Page:
    """A page by its name. Raises Malformed, or OSError where it is not there."""
    return parse(name, (ROOT / name).read_text(encoding="utf-8"))


def parse(name: str, text: str) -> Page:
    """The parts of a page. Raises Malformed for a directive without a block under it."""
    made = Page(name)
    section = ""
    waiting: dict[str, str] = {}
    tokens = MarkdownIt("commonmark", {"linkify": False}).enable("table").parse(text)
    slugs: dict[str, int] = {}
    heading = False
    for token in tokens:
        line = token.map[0] + 1 if token.map else 0
        if waiting and token.type != "html_block" and token.type != "fence":
            raise Malformed(f"{name}:{line}: a block of code was expected under the directive")
        if token.type == "fence":
            language, *words = token.info.split() or [""]
            made.blocks.append(
                Block(name, line, language, tuple(words), token.content, waiting, section)
            )
            waiting = {}
        elif token.type == "code_block":
            raise Malformed(f"{name}:{line}: code by indentation; a fence with a language is due")
        elif token.type == "html_block":
            waiting |= _directives(f"{name}:{line}", token.content)
        elif token.type == "inline":
            if heading:
                section = token.content
                made.anchors.add(_slug(_plain(token), slugs))
            _inline(made, line, token)
        heading = token.type == "heading_open"
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
    here = line
    opened: tuple[int, str] | None = None
    words = ""
    for child in token.children or ():
        words += child.content
        if child.type in ("softbreak", "hardbreak"):
            here += 1
        elif child.type == "link_open":
            opened, words = (here, str(child.attrs["href"])), ""
        elif child.type == "link_close" and opened is not None:
            made.links.append(Link(made.name, *opened, words))
            opened = None
        elif child.type == "image":
            made.links.append(Link(made.name, here, str(child.attrs["src"]), child.content))
        elif child.type == "code_inline":
            made.code.append((here, " ".join(child.content.split())))


def _plain(token: Token) -> str:
    return "".join(
        child.content for child in token.children or () if child.type in ("text", "code_inline")
    )


def _slug(heading: str, seen: dict[str, int]) -> str:
    """The anchor GitHub gives a heading."""
    slug = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
    count = seen.get(slug, 0)
    seen[slug] = count + 1
    return f"{slug}-{count}" if count else slug


def all_blocks() -> Iterator[Block]:
    """Every block of every page."""
    for name in names():
        yield from page(name).blocks
