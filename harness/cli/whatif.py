"""``gai-harness whatif``: another gai.conf, tried on a private copy before it goes live."""

from __future__ import annotations

import argparse

from harness.cli.options import declare, flag, option, shared
from harness.cli.parser import FINDING, OK, UsageError
from harness.cli.streams import write_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``whatif``."""
    declare(
        parser,
        option("names", "the names to look up; with --scenario only its look-ups of these names;"
               " scenario files and names of the library count as given with --scenario",
               nargs="*", metavar="NAME"),
        shared("scenario", "try it on this scenario or snapshot (a file, a folder, a name of the"
               " library), not on a copy of this host; may be given several times",
               dest="scenarios", action="append", default=[]),
        shared("gai-conf", "the file to try: a path, a name of the catalogue, or 'none' for no"
               " file", action="store", default=None, metavar="NEW"),
        option("--set", "put this line in front of the file (the present one, or NEW) and try"
               " that; may be given several times",
               dest="lines", action="append", default=[], metavar="LINE"),
        shared("glibc"),
        flag("--expect-unchanged", "end with status 1 when an order changes"),
        shared("json"),
    )  # fmt: skip


def main(options: argparse.Namespace) -> int:
    """Compare; 1 when native and model differ, or an order changes that should not."""
    from harness.cli.hosts import jobs_for
    from harness.compare.plan import load_gai_conf, trusted_lanes
    from harness.compare.whatif import change, whatif
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
        write_json(document(found))
    else:
        report.finish()
    every = [what for _, whatifs in found for what in whatifs]
    unwanted = options.expect_unchanged and any(what.changed for what in every)
    return FINDING if unwanted or any(what.failed for what in every) else OK
