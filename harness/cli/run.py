"""``gai-harness run``: scenarios × glibc × gai.conf, native against model."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.cli.baseline_option import Acceptance, add_baseline, check
from harness.cli.options import declare, flag, given, option, path, shared
from harness.cli.outputs import spare, whole
from harness.cli.parser import CANNOT, FINDING, OK, UsageError
from harness.cli.scheduler_option import add_scheduler, job_outcomes
from harness.cli.streams import complain
from harness.report.formats import FORMATS, writer

if TYPE_CHECKING:
    from harness.compare.run import HostJob, JobOutcome
    from harness.report.writer import Writer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``run``."""
    meanings = "; ".join(f"{name}: {known.summary}" for name, known in FORMATS.items())
    declare(
        parser,
        option("scenarios", "scenario files or folders of them; the built-in library when none is"
               " given", nargs="*", metavar="SCENARIO", type=path),
        shared("suite",
               "run a generated suite: rule9 (thousands of comparisons), findings or smoke"),
        shared("glibc",
               "the builds to run on: host (default), 2.31, 2.36:s390x, 2.41,host, a folder, all"),
        option("--against", "run on this build too, and list every look-up that a build of --glibc"
               " answers in another order, by the rules that decided", metavar="BUILD"),
        option("--lane", "how glibc is called: in process through cffi (the host's glibc), by the"
               " worker program in a private root (any), or both; auto takes cffi for the host",
               choices=("auto", "cffi", "worker", "both"), default="auto"),
        shared("gai-conf", "use this gai.conf instead of the scenario's; may be given several"
               " times; a name of the catalogue works, as does 'none'"),
        shared("format", meanings, choices=tuple(FORMATS)),
        flag("-q --quiet", "text: only what fails or differs between builds, and the totals"),
        shared("output", "write there, not to the terminal", type=given("file")),
        option("--report", "write a further report of the same run; may be given several times",
               action="append", default=[], type=_further, metavar="FORMAT=FILE"),
        shared("jobs"),
        option("--timeout", "a look-up that takes longer is an error (default 10)",
               type=_seconds, default=10.0, metavar="SECONDS"),
    )  # fmt: skip
    add_baseline(parser)
    add_scheduler(parser)


def _further(text: str) -> tuple[str, str]:
    name, equals, file = text.partition("=")
    if name not in FORMATS or not equals or not file:
        known = ", ".join(FORMATS)
        raise argparse.ArgumentTypeError(f"FORMAT=FILE ({known}) was expected, got {text!r}")
    return name, file


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0.001 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"seconds from 0.001 to 3600 were expected, got {text!r}")
    return value


def main(options: argparse.Namespace) -> int:
    """Run; returns the exit status."""
    from harness.compare import plan

    if options.suite is not None and options.scenarios:
        raise UsageError("--suite: no scenario files beside it were expected")
    if options.quiet and options.format != "text":
        raise UsageError(f"--quiet: --format text was expected with it, not {options.format}")
    check(options)
    reference = None
    if options.against is None:
        lanes = plan.lanes_for(options.glibc, options.lane)
    else:
        lanes, reference = plan.lanes_against(options.glibc, options.lane, options.against)
    if options.suite is None:
        scenarios = plan.load_scenarios(options.scenarios)
    else:
        scenarios = plan.load_suite(options.suite)
    gai_confs = [plan.load_gai_conf(name) for name in options.gai_conf]
    jobs = plan.make_jobs(scenarios, lanes, gai_confs, options.timeout, reference)
    reports: list[tuple[str, str]] = options.report
    inputs = [*(job.source for job in jobs), *options.gai_conf]
    outputs = [name for _, name in reports]
    if options.output is not None:
        outputs.append(options.output)
    if options.baseline is not None:
        spare([options.baseline], inputs)
        (outputs if options.update_baseline else inputs).append(options.baseline)
    spare(outputs, inputs)
    acceptance = Acceptance(options, jobs)
    versions = dict.fromkeys(lane.glibc for job in jobs for lane in job.lanes)
    title = f"glibc {', '.join(versions)}"
    with ExitStack() as stack:
        stream = sys.stdout
        if options.output is not None:
            stream = stack.enter_context(whole(options.output))
        quiet = {"quiet": True} if options.quiet else {}
        writers = [writer(options.format, stream, title, **quiet)]
        for name, file in reports:
            writers.append(writer(name, stack.enter_context(whole(file)), title))
        return _report(options, jobs, writers, acceptance)


def _report(
    options: argparse.Namespace,
    jobs: list[HostJob],
    writers: list[Writer],
    acceptance: Acceptance,
) -> int:
    """Run the jobs and write the reports; the worst of all exit statuses."""
    from harness.compare.results import Notice
    from harness.report.progress import counted

    status = OK
    untrusted: set[bool] = set()
    outcomes: list[JobOutcome] = []
    for outcome in counted(job_outcomes(options, jobs), len(jobs), "hosts"):
        job = outcome.job
        if outcome.error is not None:
            complain(f"gai-harness run: {job.source}: {outcome.error}")
            status = max(status, outcome.error.exit_status)
            words = str(outcome.error)
            for each in writers:
                each.note(Notice("refused", job.scenario.name, words, source=job.source))
        for report in map(acceptance.apply, outcome.reports):
            if report.failed:
                status = max(status, FINDING)
            untrusted |= {bool(result.untrusted) for result in report.results}
            for each in writers:
                each.add(report)
        outcomes.append(replace(outcome, reports=()))
    for notice in acceptance.finish(outcomes):
        for each in writers:
            each.note(notice)
        status = max(status, FINDING if notice.failed else OK)
    for each in writers:
        each.finish()
    if untrusted == {True}:  # no failure is no success where nothing was counted
        complain("gai-harness run: no result is counted: every lane fails its self-test")
        status = max(status, CANNOT)
    return status
