"""``gai-harness bench``: native against modelled sorting, the engine against the bare loop."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from harness.cli.options import declare, flag, option, shared
from harness.cli.parser import FINDING, OK
from harness.cli.streams import write_json
from harness.report.terminal import Terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``bench``."""
    declare(
        parser,
        shared("glibc", "the builds to measure: host (default), 2.31, 2.41,host, a folder, all"),
        shared("json", "report as JSON, in seconds"),
        option("--plot", "draw cost against number of destinations into FILE.svg, or FILE.png"
               " with the extra 'plot'", type=_plot, metavar="FILE"),
        flag("--quick", "a tenth of the measuring, and less certainty"),
    )  # fmt: skip


def _plot(text: str) -> Path:
    path = Path(text)
    if path.suffix not in (".svg", ".png"):
        raise argparse.ArgumentTypeError(f"a file named .svg or .png was expected, got {text!r}")
    return path


def main(options: argparse.Namespace) -> int:
    """Measure; returns the exit status, a finding when native and model differ."""
    from harness.compare.bench.measure import bench
    from harness.compare.plan import trusted_lanes
    from harness.report.bench import as_text, document
    from harness.report.curves import draw

    lanes = trusted_lanes(options.glibc, "worker")
    terminal = Terminal(stderr=True)
    with terminal.status("measuring") as status:
        report = bench(lanes, quick=options.quick, told=status.update)
    write_json(document(report)) if options.json else sys.stdout.write(as_text(report))
    if options.plot is not None:
        draw(options.plot, report.points)
    return OK if report.agreed else FINDING
