"""``gai-harness doctor``: what this machine can do, tried, and what would help with the rest."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from harness.cli.options import declare, flag, shared
from harness.cli.parser import CANNOT, OK
from harness.cli.streams import say, write_json
from harness.report.terminal import Terminal

if TYPE_CHECKING:
    from harness.report.doctor import Check


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``doctor``."""
    declare(
        parser,
        shared("format"),
        flag("--network", "also ask the distribution's mirrors whether they answer; nothing is"
             " downloaded but the signed release file of each suite"),
    )  # fmt: skip
    parser.epilog = (
        "exit status: 0 when gai-harness run can do its job on this machine, 3 when it cannot"
    )


def main(options: argparse.Namespace) -> int:
    """Look at the machine; returns the exit status."""
    from harness.doctor import examine, table
    from harness.report.doctor import Document, conclusion, write_check

    console = Terminal(file=sys.stdout, highlight=False)
    made: list[Check] = []
    for check in examine(table(network=options.network)):
        made.append(check)
        if options.format == "text":
            write_check(console, check)
    document = Document.of(made)
    if options.format == "json":
        write_json(document)
    else:
        say(conclusion(made))
    return OK if document.can_run else CANNOT
