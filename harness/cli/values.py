"""The types of the values on a command line: what a word has to be, and how an error says so."""

import argparse
import os
import re
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar

from harness.advice.lint import CODES
from harness.model.host import address_text
from harness.report.formats import FORMATS

T = TypeVar("T")
LOCAL = "local"  # processes of this host: no Dask, and so no port that others can use

# getent(1), read in glibc 2.31 to 2.44: its flags stay the same
_GETENT: dict[str, Any] = {
    "socktype": "any",
    "flags": ("AI_V4MAPPED", "AI_ADDRCONFIG", "AI_CANONNAME", "AI_IDN", "AI_CANONIDN"),
}
PROGRAMS: dict[str, dict[str, Any]] = {
    "getent-ahosts": _GETENT,
    "getent-ahostsv4": {**_GETENT, "family": "inet"},
    "getent-ahostsv6": {**_GETENT, "family": "inet6"},
}
"""The hints with which programs ask."""
GETENT = "getent"
"""All questions of getent(1), side by side."""


def checked(wanted: str, read: Callable[[str], T | None]) -> Callable[[str], T]:
    """The type of what ``read`` makes of a text; None or a ValueError says it is none."""

    def convert(text: str) -> T:
        with suppress(ValueError):
            value = read(text)
            if value is not None:
                return value
        raise argparse.ArgumentTypeError(f"{wanted} was expected, got {text!r}")

    return convert


def given(what: str) -> Callable[[str], str]:
    """The type of a text that is not empty; a file's name stays as it was written."""
    return checked(f"a {what}", lambda text: text or None)


def whole(least: int, most: int = 10**20 - 1) -> Callable[[str], int]:
    """The type of a whole number from ``least`` to ``most``, by default of at most 20 digits."""
    limits = f"from {least}" + (f" to {most}" if most < 10**20 - 1 else "")

    def read(text: str) -> int | None:
        fits = text.isdecimal() and len(text) <= 20 and least <= int(text) <= most
        return int(text) if fits else None

    return checked(f"a number {limits}", read)


def _address(text: str) -> str:
    """An address as outputs show it, with its zone; brackets, which a line may need, are taken."""
    bare, percent, zone = str(
        ip_address(text.strip().removeprefix("[").removesuffix("]"))
    ).partition("%")
    return address_text(ip_address(bare)) + percent + zone


def addresses(text: str) -> tuple[str, ...]:
    """Addresses with commas or blanks between, each in its normal form."""
    return tuple(map(address, re.split(r"\s*,\s*|\s+", text.strip())))


def words(text: str) -> tuple[str, ...]:
    """Words with commas between; an empty one stays, to be refused."""
    return tuple(word.strip() for word in text.split(","))


def files(text: str) -> tuple[str, ...]:
    """Files with commas between, or one that is there and has commas in its name."""
    return (text,) if os.path.lexists(text) else words(text)


def keep(text: str) -> tuple[str, tuple[str, ...]] | None:
    """NAME or NAME=A,B: a look-up, and the addresses that come first in it, if any."""
    name, _, order = text.rpartition("=")
    with suppress(argparse.ArgumentTypeError):
        if name:  # a title, too, may have an equals sign
            return name, addresses(order)
    return (text, ()) if text else None


def _report(text: str) -> tuple[str, str] | None:
    name, _, file = text.partition("=")
    return (name, file) if name in FORMATS and file else None


# argparse takes -4 for an argument, and no host's name begins with a hyphen
name = checked("a name", lambda text: None if text.startswith("-") else text or None)
# an empty path is a variable that was not set, not this folder
path = checked("a path", lambda text: Path(text) if text else None)
picture = checked(
    "a file named .svg or .png",
    lambda text: Path(text) if Path(text).suffix in (".svg", ".png") else None,
)
address = checked("an address", _address)
pair = checked(
    "a pair of addresses", lambda text: two if len(two := addresses(text)) == 2 else None
)
seconds = checked(
    "a number of seconds from 0.001 to 3600",
    lambda text: float(text) if 0.001 <= float(text) <= 3600 else None,
)
share = checked("a share from 0 to 1", lambda text: float(text) if 0 <= float(text) <= 1 else None)
code = checked("a code of lint, such as GAI012,", lambda text: text if text in CODES else None)


def codes(text: str) -> tuple[str, ...]:
    """Codes of lint with commas between."""
    return tuple(map(code, text.split(",")))


process = checked(
    "a process, pid:NUMBER,",
    lambda text: int(text[4:]) if re.fullmatch("pid:[1-9][0-9]{0,9}", text) else None,
)
report = checked(f"FORMAT=FILE ({', '.join(FORMATS)})", _report)
_SCHEDULER = re.compile(rf"{LOCAL}|(?:[a-z]+://)?[^\s/]+:[0-9]{{1,5}}")
scheduler = checked(
    "local or an address such as tcp://host:8786",
    lambda text: text if _SCHEDULER.fullmatch(text) else None,
)
