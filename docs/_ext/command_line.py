"""``{command-line}``: every command with its options, from the parsers the program itself uses.

The help texts are plain text, not markup, and say their defaults themselves; sphinx-argparse
reads them as markup and adds the defaults once more. So this is a page of its own making.
"""

# ruff: noqa: SLF001  (argparse has no public way to walk a parser)

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from harness.cli.main import _HELP, COMMANDS, _top

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_WIDTH = 88


class CommandLine(SphinxDirective):
    """A section for each command, and for each action of a command."""

    def run(self) -> list[nodes.Node]:
        """The sections."""
        top = _top(tuple(COMMANDS))
        parsers = dict(_below(top))
        words = COMMANDS | _HELP
        return [self._section(name, words[name], parsers[name]) for name in parsers]

    def _section(self, name: str, summary: str, parser: argparse.ArgumentParser) -> nodes.section:
        words = f"gai-harness {name}"
        made = nodes.section("", nodes.title("", words), ids=[nodes.make_id(words)])
        made += nodes.paragraph("", _sentence(parser.description or summary))
        formatter = argparse.HelpFormatter(prog=words, width=_WIDTH)
        groups = parser._mutually_exclusive_groups
        formatter.add_usage(None, parser._actions, groups, prefix="")
        usage = formatter.format_help().strip()
        made += nodes.literal_block(usage, usage, language="text")
        for group in parser._action_groups:
            shown = [one for one in group._group_actions if _is_shown(one)]
            if shown:
                if group.title and group.title not in ("options", "positional arguments"):
                    made += nodes.paragraph("", "", nodes.strong("", _sentence(group.title, ":")))
                made += _definitions(name, shown)
        if parser.epilog:
            made += _words(_sentence(" ".join(parser.epilog.split())))
        below = _below(parser)
        for action, inner in below:
            made += self._section(f"{name} {action}", _help_of(parser, action), inner)
        return made


def _below(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def _help_of(parser: argparse.ArgumentParser, name: str) -> str:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for choice in action._choices_actions:
                if choice.dest == name:
                    return choice.help or ""
    return ""


def _is_shown(action: argparse.Action) -> bool:
    hidden = (argparse._HelpAction, argparse._SubParsersAction)
    return not isinstance(action, hidden) and action.help != argparse.SUPPRESS


def _definitions(command: str, actions: list[argparse.Action]) -> nodes.definition_list:
    made = nodes.definition_list(classes=["options"])
    for action in actions:
        identity = nodes.make_id(f"{command} {action.option_strings[-1:] or action.dest}")
        term = nodes.term("", "", ids=[identity])
        for number, word in enumerate(action.option_strings or [_value(action)]):
            if number:
                term += nodes.Text(", ")
            value = _value(action)
            spelled = f"{word} {value}" if action.option_strings and value else word
            term += nodes.literal("", spelled)
        text = action.help or ""
        if action.choices is not None and action.metavar is not None:
            text += f" (one of {', '.join(map(str, action.choices))})"
        item = nodes.definition("", _words(text or "—"))
        made += nodes.definition_list_item("", term, item)
    return made


def _value(action: argparse.Action) -> str:
    """What stands for the value on the command line; empty for a switch."""
    if action.nargs == 0:
        return ""
    formatter = argparse.HelpFormatter(prog="")
    default = formatter._get_default_metavar_for_optional(action)
    if not action.option_strings:
        default = formatter._get_default_metavar_for_positional(action)
    return formatter._format_args(action, default)


def _words(text: str) -> nodes.paragraph:
    """A help text as it is, with the options in it as code."""
    made = nodes.paragraph()
    for number, part in enumerate(re.split(r"(?<![\w-])(--?[a-z][a-z0-9-]*)", text)):
        if part:
            made += nodes.literal("", part) if number % 2 else nodes.Text(part)
    return made


def _sentence(text: str, end: str = ".") -> str:
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", ":")) else end)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("command-line", CommandLine)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
