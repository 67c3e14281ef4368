"""``gai-harness bench``: native against modelled sorting, the engine against the bare loop."""

from harness.cli.parser import FINDING, OK, Options
from harness.cli.streams import write_json
from harness.compare.bench.measure import bench
from harness.compare.plan import trusted_lanes
from harness.report.bench import draw, lines
from harness.report.terminal import Terminal


def main(options: Options) -> int:
    """Measure; returns the exit status: a finding when native and model differ, or when a ratio
    reaches less of its goal than ``--floor``.
    """
    lanes = trusted_lanes(options.glibc, "worker")
    with Terminal(stderr=True).status("measuring") as status:
        report = bench(lanes, options.quick, status.update, options.glibc)
    terminal = Terminal()
    width = terminal.width if terminal.is_terminal else None
    write_json(report) if options.format == "json" else terminal.say_all(lines(report, width))
    if options.plot is not None:
        draw(options.plot, report.points)
    fine = report.agreed and all(
        one.reached is None or one.reached >= options.floor for one in report.ratios
    )
    return OK if fine else FINDING
