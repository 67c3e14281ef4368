"""Colours for gai.conf, which Pygments does not know, and for sessions with long quotations."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pygments.lexer import RegexLexer, bygroups
from pygments.token import Comment, Generic, Keyword, Name, Number, Text

if TYPE_CHECKING:
    from sphinx.application import Sphinx


class GaiConfLexer(RegexLexer):
    """gai.conf(5): a keyword, a prefix, a value, comments after #."""

    name = "gai.conf"
    aliases: ClassVar = ["gai.conf"]
    tokens: ClassVar = {
        "root": [
            (r"#.*", Comment),
            (
                r"^(\s*)(label|precedence|scopev4)(\s+)([^\s#]+)(\s*)([^\s#]*)",
                bygroups(Text, Keyword, Text, Name, Text, Number),
            ),
            (r"^(\s*)(reload)(\s+)(\w+)", bygroups(Text, Keyword, Text, Name)),
            (r"[^#\n]+|\n", Text),
        ]
    }


class SessionLexer(RegexLexer):
    """A session as the pages write it: "$ " and "> " begin what is typed, the rest is printed.

    Pygments' own takes each line for a whole command and stumbles over a quotation of several.
    """

    name = "session"
    aliases: ClassVar = ["console"]
    tokens: ClassVar = {
        "root": [
            (r"^([$>] )(.*\n|.+)", bygroups(Generic.Prompt, Text)),
            (r".+\n?|\n", Generic.Output),
        ]
    }


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the languages known to Sphinx."""
    app.add_lexer("gai.conf", GaiConfLexer)
    app.add_lexer("console", SessionLexer)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
