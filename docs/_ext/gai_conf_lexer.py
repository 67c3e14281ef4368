"""Colours for gai.conf, which Pygments does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pygments.lexer import RegexLexer, bygroups
from pygments.token import Comment, Keyword, Name, Number, Text

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


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the language known to Sphinx."""
    app.add_lexer("gai.conf", GaiConfLexer)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
