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


def given(text: str) -> str:
    """An argument that is a file's name as it was written: ``/dev/fd/3`` stays that."""
    if not text:
        raise argparse.ArgumentTypeError("a file was expected, got ''")
    return text
