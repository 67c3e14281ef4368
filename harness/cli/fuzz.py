"""``gai-harness fuzz``: random hosts, names, gai.conf files and hints, native against model."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from rich.progress import TimeElapsedColumn

from harness.cli.parser import FINDING, OK, Options
from harness.cli.scheduler import fuzz_reports
from harness.cli.streams import say, write_json
from harness.compare.fuzz.found import Disagreement, FuzzReport
from harness.compare.fuzz.shrink import shrink
from harness.compare.fuzz.write import write_scenario
from harness.compare.plan import trusted_lanes
from harness.report.fuzz import Group, as_text, document
from harness.report.terminal import Terminal, bar
from harness.sandbox import Pool


def main(options: Options) -> int:
    """Fuzz; returns the exit status."""
    lanes = trusted_lanes(options.glibc, "worker", options.resolver)
    jobs = options.jobs or os.cpu_count() or 1
    seconds = options.seconds
    if seconds is None and options.cases is None:
        seconds = 60
    report = FuzzReport()
    groups: list[Group] = []
    started = time.monotonic()
    for batch in _with_progress(fuzz_reports(options, lanes, seconds), options.cases, seconds):
        report += batch
        for one in batch.disagreements:
            _sort_in(one, groups, options)
    found = document(report, options.seed, lanes, jobs, time.monotonic() - started, groups)
    if options.format == "json":
        write_json(found)
    else:
        Terminal().say_all(as_text(found).splitlines())
    return FINDING if report.differing else OK


_MOST_FILES = 5  # of each build


def _sort_in(found: Disagreement, groups: list[Group], options: Options) -> None:
    """Put a disagreement to those of its build and cause; the first of a cause is written."""
    group = next((each for each in groups if each.takes(found)), None)
    if group is None:
        group = Group.of(found)
        groups.append(group)
        if sum(each.build == group.build for each in groups) <= _MOST_FILES:
            group.written = str(_write(found, options, len(groups) - 1))
    group.add(found)


def _write(found: Disagreement, options: Options, number: int) -> Path:
    """Shrink a disagreement and write its scenario file."""
    title = found.evidence.scenario.name
    say(f"gai-harness fuzz: {title}: a disagreement; shrinking it", sys.stderr)
    with Pool(1) as pool:
        small = shrink(pool, found)
    path = write_scenario(small, Path(options.output), f"found-{title}-{number}", title)
    say(f"gai-harness fuzz: {path}", sys.stderr)
    return path


def _with_progress(
    batches: Iterator[FuzzReport], cases: int | None, seconds: int | None
) -> Iterator[FuzzReport]:
    """The same batches; on a terminal a line shows the progress."""
    done = differing = 0
    started = time.monotonic()
    with bar(TimeElapsedColumn()) as shown:
        task = shown.add_task("0 cases", total=cases or seconds)
        for batch in batches:
            yield batch
            done += batch.cases
            differing += batch.differing
            elapsed = time.monotonic() - started
            shown.update(
                task,
                completed=done if cases else elapsed,
                description=f"{done} cases, {differing} disagreements, {done / elapsed:.0f}/s",
            )
