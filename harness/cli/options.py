"""The options that several commands take, each declared once, and the types of values."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any


def path(text: str) -> Path:
    """A path. An empty one is a variable that was not set, not this folder."""
    return Path(given("path")(text))


def given(what: str) -> Callable[[str], str]:
    """The type of a text that is not empty; a file's name stays as it was written."""

    def convert(text: str) -> str:
        if not text:
            raise argparse.ArgumentTypeError(f"a {what} was expected, got ''")
        return text

    return convert


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """The type of a whole number from ``least`` to ``most``, or of at most 20 digits."""

    def convert(text: str) -> int:
        fits = text.isdecimal() and len(text) <= 20
        if not fits or not least <= int(text) <= (int(text) if most is None else most):
            limits = f"from {least}" + ("" if most is None else f" to {most}")
            raise argparse.ArgumentTypeError(f"a number {limits} was expected, got {text!r}")
        return int(text)

    return convert


def address(text: str) -> str:
    """An address in its normal form."""
    try:
        return str(ip_address(text.strip()))
    except ValueError:
        raise argparse.ArgumentTypeError(f"an address was expected, got {text!r}") from None


def addresses(text: str) -> tuple[str, ...]:
    """Addresses with commas between, each in its normal form."""
    return tuple(map(address, text.split(",")))


_OPTIONS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "arch": (("--arch",), {"metavar": "ARCH"}),
    "format": (("--format",), {"choices": ("text", "json"), "default": "text",
                               "help": "text (default) or json"}),
    "gai-conf": (("--gai-conf",), {"action": "append", "default": [], "metavar": "FILE",
                                   "help": "as for run"}),
    "glibc": (("--glibc",), {"default": "host", "metavar": "VERSION,…|all",
                             "help": "as for run (default host)"}),
    "jobs": (("-j", "--jobs"), {"type": whole(1, 256), "metavar": "N",
             "help": "hosts examined at the same time (default: the number of processors)"}),
    "json": (("--json",), {"action": "store_true", "help": "write JSON"}),
    "lookup": (("--lookup",), {"metavar": "NAME"}),
    "output": (("-o", "--output"), {"metavar": "FILE"}),
    "scenario": (("--scenario", "--snapshot"), {"dest": "scenario", "type": path,
                                                "metavar": "FILE"}),
    "suite": (("--suite",), {"metavar": "NAME"}),
}  # fmt: skip


def take(
    parser: argparse._ActionsContainer, option: str, meaning: str | None = None, **changes: Any
) -> None:
    """Declare an option of several commands for one of them.

    Parameters: ``parser`` of the command, or a group of it; ``option`` its key; ``meaning``
    its help, where that is not the same everywhere; ``changes`` of ``add_argument``'s other
    words.
    """
    spellings, words = _OPTIONS[option]
    if meaning is not None:
        changes["help"] = meaning
    parser.add_argument(*spellings, **{**words, **changes})
