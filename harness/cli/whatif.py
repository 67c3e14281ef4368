"""``gai-harness whatif``: another gai.conf, tried on a private copy before it goes live."""

from __future__ import annotations

import argparse
import sys

from harness.cli.options import take
from harness.cli.parser import FINDING, OK, UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``whatif``."""
    parser.add_argument(
        "names", nargs="*", metavar="NAME",
        help="the names to look up; with --scenario only its look-ups of these names; scenario"
        " files and names of the library count as given with --scenario",
    )  # fmt: skip
    take(
        parser, "scenario",
        "try it on this scenario or snapshot (a file, a folder, a name of the library), "
        "not on a copy of this host; may be given several times",
        dest="scenarios", action="append", default=[],
    )  # fmt: skip
    take(
        parser, "gai-conf",
        "the file to try: a path, a name of the catalogue, or 'none' for no file",
        action="store", default=None, metavar="NEW",
    )  # fmt: skip
    parser.add_argument(
        "--set", dest="lines", action="append", default=[], metavar="LINE",
        help="put this line in front of the file (the present one, or NEW) and try that; may be"
        " given several times",
    )  # fmt: skip
    take(parser, "glibc")
    parser.add_argument(
        "--expect-unchanged", action="store_true", help="end with status 1 when an order changes"
    )
    take(parser, "json")


def main(options: argparse.Namespace) -> int:
    """Compare; 1 when native and model differ, or an order changes that should not."""
    from harness.cli.hosts import jobs_for
    from harness.compare.plan import load_gai_conf, trusted_lanes
    from harness.compare.whatif import change, whatif
    from harness.report.documents import text
    from harness.report.whatif import TextReport, document

    if options.gai_conf is None and not options.lines:
        raise UsageError("--gai-conf NEW or --set LINE was expected")
    for line in options.lines:
        if "\n" in line or "\0" in line:
            raise UsageError("--set: one line of a gai.conf was expected")
    new = None if options.gai_conf is None else load_gai_conf(options.gai_conf)
    jobs = jobs_for(options.scenarios, options.names, trusted_lanes(options.glibc, "auto"))
    found = []
    report = None if options.json else TextReport()
    for one, whatifs in whatif([change(job, new, options.lines) for job in jobs]):
        found.append((one, whatifs))
        if report is not None:
            report.add(one, whatifs)
    if report is None:
        sys.stdout.write(text(document(found)))
    else:
        report.finish()
    every = [what for _, whatifs in found for what in whatifs]
    unwanted = options.expect_unchanged and any(what.changed for what in every)
    return FINDING if unwanted or any(what.failed for what in every) else OK
