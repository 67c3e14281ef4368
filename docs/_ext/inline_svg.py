"""Puts SVG figures into the page itself, so that they follow the page's light or dark colours.

In an <img> a figure sees the system's preference only, not the page's own switch.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_PROLOGUE = re.compile(r"^\s*(?:<\?xml.*?\?>\s*)?(?:<!DOCTYPE.*?>\s*)?", re.DOTALL)


class InlineSvg(SphinxPostTransform):
    """Replaces images under figures/ by what is in the file, in HTML only."""

    default_priority = 5  # before Sphinx collects images to be copied
    formats = ("html",)

    def run(self, **_arguments: object) -> None:
        """Replace each."""
        for image in list(self.document.findall(nodes.image)):
            uri = image["uri"]
            if not uri.endswith(".svg") or "figures/" not in uri:
                continue
            text = (Path(self.app.srcdir) / uri).read_text(encoding="utf-8")
            label = f'<svg aria-label="{escape(image.get("alt", ""))}"'
            svg = _PROLOGUE.sub("", text).replace("<svg", label, 1)
            figure = f'<div class="figure">{svg}</div>'
            image.replace_self(nodes.raw("", figure, format="html"))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the transform."""
    app.add_post_transform(InlineSvg)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
