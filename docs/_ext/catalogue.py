"""``{gai-conf-catalogue}``: every file of gai.conf.d with its purpose, from the files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from harness.scenario import gai_conf_files

if TYPE_CHECKING:
    from sphinx.application import Sphinx


class Catalogue(SphinxDirective):
    """A section for each file: what it is for, what it changes, the file itself."""

    def run(self) -> list[nodes.Node]:
        """The sections."""
        made: list[nodes.Node] = []
        for name, path in sorted(gai_conf_files().items()):
            self.env.note_dependency(str(path))
            text = path.read_text(encoding="utf-8")
            made.append(self._section(name, text))
        return made

    def _section(self, name: str, text: str) -> nodes.section:
        section = nodes.section("", nodes.title("", name), ids=[nodes.make_id(name)])
        header = " ".join(line[1:].strip() for line in text.splitlines() if line.startswith("#"))
        match = re.search(
            r"What it is for: (.*?) What it changes: (.*?)(?: changes: (.*?))?(?: lint: (.*))?$",
            header,
        )
        if match is None:
            raise self.error(f"{name}: a header with its purpose was expected")
        purpose, change, _tables, lint = match.groups()
        section += nodes.paragraph("", purpose[:1].upper() + purpose[1:])
        section += nodes.paragraph("", "", nodes.strong("", "Changes: "), nodes.Text(change))
        if lint and lint != "clean":
            section += nodes.paragraph("", "", nodes.strong("", "lint says: "), nodes.Text(lint))
        body = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
        section += nodes.literal_block(body, body.strip(), language="gai.conf")
        return section


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("gai-conf-catalogue", Catalogue)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
