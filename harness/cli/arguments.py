"""What several commands take."""

from __future__ import annotations

import argparse
from pathlib import Path


def path(text: str) -> Path:
    """An argument that is a path. An empty one is a variable that was not set, not this folder."""
    if not text:
        raise argparse.ArgumentTypeError("a path was expected, got ''")
    return Path(text)


def name(text: str) -> str:
    """An argument that is a name to look up."""
    if not text:
        raise argparse.ArgumentTypeError("a name was expected, got ''")
    return text
