"""``gai-harness lint``: what is wrong, or not what it seems, in a gai.conf."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.streams import say
from harness.text.shown import bare, escaped

if TYPE_CHECKING:
    from harness.advice.lint import Finding


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``lint``."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="gai.conf files; - is stdin")
    parser.add_argument(
        "--format", choices=("text", "json", "github"), default="text",
        help="text (default), json, or GitHub's workflow annotations",
    )  # fmt: skip


def main(options: argparse.Namespace) -> int:
    """Lint every file; 1 when there is a finding."""
    from harness.advice.lint import lint
    from harness.cli import FINDING, OK

    found = [(name, finding) for name in options.files for finding in lint(_read(name))]
    if options.format == "json":
        from harness.report.documents import FileFinding, Lint, extended, text

        named = [extended(FileFinding, finding, file=name) for name, finding in found]
        sys.stdout.write(text(Lint(tuple(named))))
    else:
        write = _github if options.format == "github" else _text
        for name, finding in found:
            write(name, finding)
    return FINDING if found else OK


def _read(name: str) -> bytes:
    from harness.cli import UsageError
    from harness.text.reading import GAI_CONF_LIMIT, read_bounded

    try:
        return read_bounded(sys.stdin.buffer if name == "-" else Path(name), GAI_CONF_LIMIT)
    except OSError as error:
        reason = error.strerror
    except ValueError:
        reason = "no file has a NUL in its name"
    raise UsageError(f"{name}: a file that can be read was expected ({reason})")


def _text(name: str, finding: Finding) -> None:
    place = f"{name}:{finding.line}" if finding.line else name
    say(f"{place}: {finding.code} {_message(finding)}")


def _message(finding: Finding) -> str:
    return finding.message + ("" if finding.glibc == "all" else f" [glibc {finding.glibc}]")


def _github(name: str, finding: Finding) -> None:
    def data(text: str) -> str:
        return escaped(text).replace("%", "%25")

    line = f",line={finding.line}" if finding.line else ""
    file = data(name).replace(",", "%2C").replace(":", "%3A")
    text = f"::warning file={file}{line},title={finding.code}::{data(_message(finding))}\n"
    bare(sys.stdout).write(text)  # a line that begins with :: is meant here
