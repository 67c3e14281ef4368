"""``gai-harness fuzz``: random hosts, names, gai.conf files and hints, native against model."""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from rich.progress import TimeElapsedColumn

from harness.cli.parser import FINDING, OK, Options
from harness.cli.scheduler import cluster
from harness.cli.streams import complain, say, write_json
from harness.compare.fuzz.batches import fuzz
from harness.compare.fuzz.found import FuzzReport
from harness.compare.fuzz.groups import BugGroup, Groups, alike
from harness.compare.fuzz.shrink import shrink
from harness.compare.fuzz.write import write_scenario
from harness.compare.plan import trusted_lanes
from harness.compare.values import fill
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
    groups = Groups()
    started = time.monotonic()
    batches = fuzz(
        lanes, options.seed, cases=options.cases, seconds=seconds, jobs=jobs, draw=options.draw,
        pool=cluster(options, options.glibc, "worker"),
    )  # fmt: skip
    try:
        with closing(batches):  # sandboxes and tasks do not stay while something is shrunk
            for batch in _with_progress(batches, options.cases, seconds):
                report += replace(batch, disagreements=())  # a bug shows in thousands of cases
                for one in batch.disagreements:
                    groups.add(one)
    except KeyboardInterrupt:
        if not report.differing:
            raise
        say("gai-harness fuzz: interrupted; what was found is shrunk", sys.stderr)
    elapsed = time.monotonic() - started
    told = list(_written(groups.joined(), options))
    found = document(report, options.seed, lanes, jobs, elapsed, told)
    if options.format == "json":
        write_json(found)
    else:
        Terminal().say_all(as_text(found).splitlines())
    return FINDING if report.differing else OK


_MOST_FILES = 5  # of each build


def _written(joined: Sequence[BugGroup], options: Options) -> Iterator[Group]:
    """The groups for the report, and of the first ones of each build the files."""
    files: Counter[str] = Counter()
    for number, group in enumerate(joined):
        written = ""
        if files[group.build] < _MOST_FILES:
            files[group.build] += 1
            written = _write(group, joined, options, number)
        yield fill(Group, group, written=written)


def _write(group: BugGroup, among: Sequence[BugGroup], options: Options, number: int) -> str:
    """Shrink the smallest case of a group and write its scenario file, if that can be; its path."""
    smallest = group.cases[0]
    title = smallest.evidence.scenario.name
    cause = f" explained by: {group.causes[0]}" if group.causes else f" {group.kind}"
    say(f"gai-harness fuzz: {title}:{cause}; shrinking it", sys.stderr)
    with Pool(1) as pool:
        small = shrink(pool, smallest, alike(group, among))
    small = replace(small, result=replace(small.result, causes=group.causes))
    try:
        path = write_scenario(small, Path(options.output), f"found-{title}-{number}", title)
    except OSError as error:  # the report is worth more than the file
        complain(f"gai-harness fuzz: {options.output}: cannot be written: {error.strerror}")
        return ""
    say(f"gai-harness fuzz: {path}", sys.stderr)
    return str(path)


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
