"""``gai-harness findings``: docs/findings.md from a real run, or whether it is current."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.streams import say

if TYPE_CHECKING:
    from harness.compare.results import LookupReport
    from harness.report.findings.data import Findings, Seen

_SHOWN = 40


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``findings``."""
    parser.add_argument(
        "--glibc", default=None, metavar="VERSION,…|all",
        help="the builds to run on (default: all; with --check those the file was made on)",
    )  # fmt: skip
    where = parser.add_mutually_exclusive_group()
    where.add_argument("-o", "--output", metavar="FILE", help="write there, not to the terminal")
    where.add_argument(
        "--check", metavar="FILE", help="write nothing; 1 and what is stale when FILE differs"
    )


def main(options: argparse.Namespace) -> int:
    """Run the scenarios of the findings, hold the text to the results, write the page.

    Returns the exit status: 1 for a disagreement between glibc and model, a conclusion that
    the run contradicts, or a stale page. Raises UsageError for a file that cannot be used.
    """
    from harness.cli import FINDING, OK
    from harness.report.findings.data import failures, load_findings
    from harness.report.findings.page import as_markdown, elsewhere, kept, run_on

    old = None if options.check is None else _read(options.check)
    glibc = options.glibc
    if glibc is None:
        glibc = (run_on(old) if old is not None else None) or "all"
    findings = load_findings()
    builds = _all_builds() if old is None else elsewhere(old)
    seen, wrong = _run(findings, glibc, builds)
    wrong += failures(findings, seen)
    if wrong:
        for line in wrong:
            say(f"gai-harness findings: {line}", sys.stderr)
        return FINDING
    page = as_markdown(findings, seen)
    if old is not None:
        page = kept(old, page)
        return _compare(options.check, old, page)
    if options.output is None:
        sys.stdout.write(page)
    else:
        _write(options.output, page)
    return OK


def _run(findings: Findings, glibc: str, builds: tuple[str, ...]) -> tuple[Seen, list[str]]:
    """Run every scenario the page looks at; the reports, and a line for what went wrong.

    Of ``builds``, on which the part about processors is run, those that are not on this
    machine are told on standard error and passed over.
    """
    from harness.glibcs import GlibcMissing, find
    from harness.report.findings.data import Seen

    reports, wrong = _reports(findings.patterns(), glibc)
    here = []
    for build in builds:
        try:
            find(build)
            here.append(build)
        except GlibcMissing:
            continue
    if len(here) < len(builds):
        print(
            f"gai-harness findings: {len(builds) - len(here)} of {len(builds)} builds of the part "
            "about processors are not on this machine; what the page says of them is kept",
            file=sys.stderr,
        )
    part = findings.processors
    there, more = _reports(part.patterns(), ",".join(here)) if part and here else ([], [])
    return Seen(tuple(reports), tuple(there), builds), wrong + more


def _all_builds() -> tuple[str, ...]:
    """Every build of every architecture on this machine, this one's first."""
    from harness.glibcs import find
    from harness.versions import SUPPORTED

    named = {
        f"{build.version}:{arch}": None
        for arch in SUPPORTED
        for build in find(f"all:{arch}")
        if build.name is None
    }
    return tuple(named)


def _reports(patterns: set[str], glibc: str) -> tuple[list[LookupReport], list[str]]:
    """Run the scenarios that match; the reports, and a line for what went wrong."""
    from fnmatch import fnmatchcase

    from harness.compare.plan import load_scenarios, load_suite, make_jobs, trusted_lanes
    from harness.compare.run import run
    from harness.report.progress import counted

    wanted = [
        loaded
        for loaded in (*load_scenarios(()), *load_suite("findings"))
        if any(fnmatchcase(loaded.scenario.name, pattern) for pattern in patterns)
    ]
    jobs = make_jobs(wanted, trusted_lanes(glibc, "auto"))
    reports: list[LookupReport] = []
    wrong: list[str] = []
    for outcome in counted(run(jobs), len(jobs), "hosts"):
        if outcome.error is not None:
            wrong.append(f"{outcome.job.source}: {outcome.error}")
        reports += outcome.reports
    wrong += [
        f"{result.scenario}/{result.lookup}: glibc {result.glibc} {result.arch} "
        f"({result.lane}): "
        f"{'; '.join(result.unmet) or result.verdict}"
        for report in reports
        for result in report.results
        if result.failed
    ]
    return reports, wrong


def _read(name: str) -> str:
    from harness.cli import UsageError

    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise UsageError(
            f"--check {name}: a page that can be read was expected ({reason})"
        ) from None


def _write(name: str, page: str) -> None:
    from harness.cli import UsageError

    try:
        Path(name).write_text(page, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{name}: cannot be written: {error.strerror}") from None


def _compare(name: str, old: str, page: str) -> int:
    from harness.cli import FINDING, OK
    from harness.report.findings.page import stale

    lines = stale(old, page, name)
    if not lines:
        return OK
    say(f"gai-harness findings: {name} is stale; make it anew with -o {name}", sys.stderr)
    for line in lines[:_SHOWN]:
        say(line, sys.stderr)
    if len(lines) > _SHOWN:
        say(f"… and {len(lines) - _SHOWN} lines more", sys.stderr)
    return FINDING
