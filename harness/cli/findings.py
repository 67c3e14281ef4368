"""``gai-harness findings``: docs/findings.md from a real run, or whether it is current."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.report.findings_data import Findings, Seen

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
    from harness.report.findings import as_markdown, run_on
    from harness.report.findings_data import failures, load_findings

    old = None if options.check is None else _read(options.check)
    glibc = options.glibc
    if glibc is None:
        glibc = (run_on(old) if old is not None else None) or "all"
    findings = load_findings()
    seen, wrong = _run(findings, glibc)
    wrong += failures(findings, seen)
    if wrong:
        for line in wrong:
            print(f"gai-harness findings: {line}", file=sys.stderr)
        return FINDING
    page = as_markdown(findings, seen)
    if old is not None:
        return _compare(options.check, old, page)
    if options.output is None:
        sys.stdout.write(page)
    else:
        _write(options.output, page)
    return OK


def _run(findings: Findings, glibc: str) -> tuple[Seen, list[str]]:
    """Run every scenario the page looks at; the reports, and a line for what went wrong."""
    from fnmatch import fnmatchcase

    from harness.compare.plan import lanes_for, load_scenarios, load_suite, make_jobs
    from harness.compare.results import LookupReport
    from harness.compare.run import run
    from harness.report.findings_data import Seen
    from harness.report.progress import counted

    patterns = findings.patterns()
    wanted = [
        loaded
        for loaded in (*load_scenarios(()), *load_suite("findings"))
        if any(fnmatchcase(loaded.scenario.name, pattern) for pattern in patterns)
    ]
    jobs = make_jobs(wanted, lanes_for(glibc, "auto"))
    reports: list[LookupReport] = []
    wrong: list[str] = []
    for outcome in counted(run(jobs), len(jobs), "hosts"):
        if outcome.error is not None:
            wrong.append(f"{outcome.job.source}: {outcome.error}")
        reports += outcome.reports
    wrong += [
        f"{result.scenario}/{result.lookup}: glibc {result.glibc} ({result.lane}): "
        f"{'; '.join(result.unmet) or result.verdict}"
        for report in reports
        for result in report.results
        if result.failed
    ]
    return Seen(tuple(reports)), wrong


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
    from harness.report.findings import stale

    lines = stale(old, page, name)
    if not lines:
        return OK
    print(f"gai-harness findings: {name} is stale; make it anew with -o {name}", file=sys.stderr)
    for line in lines[:_SHOWN]:
        print(line, file=sys.stderr)
    if len(lines) > _SHOWN:
        print(f"… and {len(lines) - _SHOWN} lines more", file=sys.stderr)
    return FINDING
