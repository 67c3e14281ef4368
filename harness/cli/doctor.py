"""``gai-harness doctor``: what this host can do, tried, and what would help with the rest."""

import sys

from harness.cli.parser import CANNOT, OK, Options
from harness.cli.streams import write_json
from harness.doctor import examine, table
from harness.report.doctor import DoctorDocument, conclusion, write_check
from harness.report.terminal import Terminal


def main(options: Options) -> int:
    """Look at the machine; returns the exit status."""
    console = Terminal(file=sys.stdout, highlight=False)
    made = []
    for check in examine(table(network=options.network)):
        made.append(check)
        if options.format == "text":
            write_check(console, check)
    able = all(check.verdict != "cannot" for check in made)
    if options.format == "json":
        write_json(DoctorDocument(able, tuple(made)))
    else:
        console.say(conclusion(made))
    return OK if able else CANNOT
