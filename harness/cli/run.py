"""``gai-harness run``: scenarios × glibc × gai.conf, native against model."""

import sys
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace

from harness.cli.acceptance import RunBaseline, check
from harness.cli.listing import loaded, show
from harness.cli.outputs import spare, whole
from harness.cli.parser import CANNOT, FINDING, OK, Options, UsageError, expect_no_build
from harness.cli.scheduler import job_outcomes
from harness.cli.streams import complain
from harness.compare import plan
from harness.compare.causes import CauseTally
from harness.compare.open_lane import lacks_module
from harness.compare.results import Notice
from harness.compare.run import HostJob, JobOutcome
from harness.report.formats import writer
from harness.report.lines import counted
from harness.report.writer import Writer


def main(options: Options) -> int:
    """Run; returns the exit status."""
    if options.suite and options.scenarios:
        raise UsageError("--suite: no scenario files beside it were expected")
    for name in ("quiet", "verbose"):
        if getattr(options, name) and options.format != "text":
            raise UsageError(f"--{name}: --format text was expected with it, not {options.format}")
    if options.quiet and options.verbose:
        raise UsageError("--verbose: no --quiet beside it was expected")
    if options.list:
        return show(options)
    check(options)
    expect_no_build(options.glibc, map(str, options.scenarios), "a scenario")
    reference = None
    if options.against is None:
        lanes = plan.lanes_for(options.glibc, options.lane, resolver=options.resolver)
    else:
        if options.resolver != "glibc":
            raise UsageError("--resolver: no --against beside it was expected")
        lanes, reference = plan.lanes_against(options.glibc, options.lane, options.against)
    scenarios = loaded(options)
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
    acceptance = RunBaseline(options, jobs)
    versions = dict.fromkeys(lane.version for job in jobs for lane in job.lanes)
    title = ("glibc " if "glibc" in {lane.resolver for lane in lanes} else "") + ", ".join(versions)
    with ExitStack() as stack:
        stream = sys.stdout
        if options.output is not None:
            stream = stack.enter_context(whole(options.output))
        few = {"quiet": True} if options.quiet else {}
        # scenarios that are named one by one are few enough to be read
        many = len(scenarios) > len(options.scenarios)
        if options.format == "text" and many and not (few or options.verbose) and stream.isatty():
            few = {"brief": True}
        writers = [writer(options.format, stream, title, **few)]
        for name, file in reports:
            writers.append(writer(name, stack.enter_context(whole(file)), title))
        return _report(options, jobs, writers, acceptance)


def _report(
    options: Options,
    jobs: list[HostJob],
    writers: list[Writer],
    acceptance: RunBaseline,
) -> int:
    """Run the jobs and write the reports; the worst of all exit statuses."""
    status = OK
    untrusted: set[bool] = set()
    explained = CauseTally()
    outcomes: list[JobOutcome] = []
    came: Iterable[JobOutcome] = job_outcomes(options, jobs)
    to_terminal = options.output is None and not options.quiet and sys.stdout.isatty()
    if options.format != "text" or not to_terminal:  # a bar would stand among the lines
        came = counted(came, len(jobs), "hosts")
    for line in dict.fromkeys(lacks_module(one) for job in jobs for one in job.left_out):
        complain(f"gai-harness run: left out where a scenario asks for it: {line}")
    for line in plan.unasked(jobs):
        complain(f"gai-harness run: {line}")
    for outcome in came:
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
            for result in report.results:
                explained.add(result)
            for each in writers:
                each.add(report)
        outcomes.append(replace(outcome, reports=()))
    _weigh(options, jobs, explained)
    for notice in (*acceptance.finish(outcomes), *explained.notices()):
        for each in writers:
            each.note(notice)
        status = max(status, FINDING if notice.failed else OK)
    for each in writers:
        each.finish()
    if untrusted == {True}:  # no failure is no success where nothing was counted
        complain("gai-harness run: no result is counted: every lane fails its self-test")
        status = max(status, CANNOT)
    return status


_CONTROL_HOSTS = 60


def _weigh(options: Options, jobs: list[HostJob], explained: CauseTally) -> None:
    """See on some hosts which of the causes that may explain a build spoil agreements."""
    for where, controls in explained.candidates().items():
        again = [
            replace(job, lanes=lanes, controls=controls, reference=None)
            for job in jobs[:: -(-len(jobs) // _CONTROL_HOSTS)]
            if (lanes := tuple(lane for lane in job.lanes if lane.where == where))
        ]
        for outcome in job_outcomes(options, again):
            for report in outcome.reports:
                for result in report.results:
                    explained.add_control(result, controls)
