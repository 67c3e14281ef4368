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


Option = tuple[list[str], dict[str, Any]]
"""An option as argparse takes it: its spellings, and the words of ``add_argument``."""

_SHARED: dict[str, tuple[str, dict[str, Any]]] = {
    "arch": ("--arch", {"metavar": "ARCH"}),
    "format": ("--format", {"choices": ("text", "json"), "default": "text",
                            "help": "text (default) or json"}),
    "gai-conf": ("--gai-conf", {"action": "append", "default": [], "metavar": "FILE",
                                "help": "as for run"}),
    "glibc": ("--glibc", {"default": "host", "metavar": "VERSION,…|all",
                          "help": "as for run (default host)"}),
    "jobs": ("-j --jobs", {"type": whole(1, 256), "metavar": "N",
             "help": "hosts examined at the same time (default: the number of processors)"}),
    "json": ("--json", {"action": "store_true", "help": "write JSON"}),
    "lookup": ("--lookup", {"metavar": "NAME"}),
    "output": ("-o --output", {"metavar": "FILE"}),
    "scenario": ("--scenario --snapshot", {"dest": "scenario", "type": path, "metavar": "FILE"}),
    "suite": ("--suite", {"metavar": "NAME"}),
}  # fmt: skip


def option(spellings: str, meaning: str | None, **words: Any) -> Option:
    """An option or argument of one command: its spellings, its help and argparse's other words."""
    return spellings.split(), {"help": meaning, **words}


def flag(spellings: str, meaning: str) -> Option:
    """An option without a value."""
    return option(spellings, meaning, action="store_true")


def shared(name: str, meaning: str | None = None, **changes: Any) -> Option:
    """An option of several commands; ``meaning`` is its help where that differs."""
    spellings, words = _SHARED[name]
    return spellings.split(), {**words, **({"help": meaning} if meaning else {}), **changes}


def declare(parser: argparse._ActionsContainer, *options: Option) -> None:
    """Declare the options of a command, or those of a group of them, in this order."""
    for spellings, words in options:
        parser.add_argument(*spellings, **words)
