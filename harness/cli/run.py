"""``gai-harness run``: scenarios × glibc × gai.conf, native against model."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import starmap
from pathlib import Path

from harness.cli.outputs import spare, whole
from harness.cli.parser import CANNOT, FINDING, OK, Options, UsageError, expect_no_build
from harness.cli.scheduler import cluster
from harness.cli.streams import complain, say, write_json
from harness.compare import plan
from harness.compare.cause_tally import CauseTally
from harness.compare.results import LookupReport, Notice
from harness.compare.run import HostJob, JobOutcome, run
from harness.report.formats import writer
from harness.report.lines import counted
from harness.report.writer import Writer
from harness.scenario import LoadedScenario

_CONTROL_HOSTS = 60


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
        return _list(options)
    for name in ("update-baseline", "baseline-strict"):
        if options.baseline is None and getattr(options, name.replace("-", "_")):
            raise UsageError(f"--{name}: --baseline FILE was expected beside it")
    expect_no_build(options.glibc, map(str, options.scenarios))
    reference = None
    if options.against is None:
        lanes = plan.lanes_for(options.glibc, options.lane, resolver=options.resolver)
    elif options.resolver != "glibc":
        raise UsageError("--resolver: no --against beside it was expected")
    else:
        lanes, reference = plan.lanes_against(options.glibc, options.lane, options.against)
    scenarios = _loaded(options)
    gai_confs = [plan.load_gai_conf(name) for name in options.gai_conf]
    jobs = plan.make_jobs(scenarios, lanes, gai_confs, options.timeout, reference)
    inputs = [*(job.source for job in jobs), *options.gai_conf]
    outputs = [name for _, name in options.report]
    if options.output is not None:
        outputs.append(options.output)
    if options.baseline is not None:
        spare([options.baseline], inputs)
        (outputs if options.update_baseline else inputs).append(options.baseline)
    spare(outputs, inputs)
    baseline = _RunBaseline(options, jobs)
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
        for name, file in options.report:
            writers.append(writer(name, stack.enter_context(whole(file)), title))
        return _report(options, jobs, writers, baseline)


def _report(
    options: Options, jobs: list[HostJob], writers: list[Writer], baseline: "_RunBaseline"
) -> int:
    """Run the jobs and write the reports; the worst of all exit statuses."""
    status = OK
    untrusted: set[bool] = set()
    explained = CauseTally()
    outcomes: list[JobOutcome] = []
    came: Iterable[JobOutcome] = _outcomes(options, jobs)
    to_terminal = options.output is None and not options.quiet and sys.stdout.isatty()
    if options.format != "text" or not to_terminal:  # a bar would stand among the lines
        came = counted(came, len(jobs), "hosts")
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
        for report in map(baseline.apply, outcome.reports):
            if report.failed:
                status = max(status, FINDING)
            untrusted |= {bool(result.untrusted) for result in report.results}
            for result in report.results:
                explained.add(result)
            for each in writers:
                each.add(report)
        outcomes.append(replace(outcome, reports=()))
    _weigh(options, jobs, explained)
    for notice in (*baseline.finish(outcomes), *explained.notices()):
        for each in writers:
            each.note(notice)
        status = max(status, FINDING if notice.failed else OK)
    for each in writers:
        each.finish()
    if untrusted == {True}:  # no failure is no success where nothing was counted
        complain("gai-harness run: no result is counted: every lane fails its self-test")
        status = max(status, CANNOT)
    return status


def _outcomes(options: Options, jobs: Sequence[HostJob]) -> Iterator[JobOutcome]:
    words = options.glibc if options.against is None else f"{options.glibc},{options.against}"
    return run(jobs, options.jobs, cluster(options, words, options.lane))


def _weigh(options: Options, jobs: list[HostJob], explained: CauseTally) -> None:
    """See on some hosts which of the causes that may explain a build spoil agreements."""
    for where, controls in explained.candidates().items():
        again = [
            replace(job, lanes=lanes, controls=controls, reference=None)
            for job in jobs[:: -(-len(jobs) // _CONTROL_HOSTS)]
            if (lanes := tuple(lane for lane in job.lanes if lane.where == where))
        ]
        for outcome in _outcomes(options, again):
            for report in outcome.reports:
                for result in report.results:
                    explained.add_control(result, controls)


class _RunBaseline:
    """The baseline of one run; without ``--baseline`` nothing is accepted.

    Raises UsageError for a place that cannot be one, ScenarioError for a file that is none.
    """

    def __init__(self, options: Options, jobs: Sequence[HostJob]) -> None:
        self._update, self._strict = options.update_baseline, options.baseline_strict
        self._path: str | None = options.baseline
        if self._path is None:
            return
        from harness.compare.baseline import Baseline, Sources, read  # not for most runs

        path = Path(self._path)
        new = not os.path.lexists(path)
        if not path.parent.is_dir():
            raise UsageError(f"{path}: a file in a folder that is there was expected")
        if new and not self._update:
            wanted = "a baseline that is there was expected; --update-baseline makes one"
            raise UsageError(f"{path}: {wanted}")
        self._sources = Sources(path, {job.source for job in jobs})
        entries = () if new else read(path)
        self._baseline = Baseline(entries, accept_all=self._update, name=self._sources.name)

    def apply(self, report: LookupReport) -> LookupReport:
        """The report with what is accepted marked so."""
        return report if self._path is None else self._baseline.apply(report)

    def finish(self, outcomes: Iterable[JobOutcome]) -> Iterator[Notice]:
        """The entries that no difference needs any more; ``--update-baseline`` writes the file.

        Raises UsageError where it cannot be written.
        """
        if self._path is None:
            return
        stale = self._baseline.stale(outcomes, self._sources.gone)
        if self._update:
            from harness.compare.baseline import write

            kept = self._baseline.updated(stale)
            with whole(self._path) as stream:
                write(stream, kept)
            changes = sum(bool(one.against) for one in kept)
            counts = ((len(kept) - changes, "result"), (changes, "change"))
            # without --against there are no changes
            words = [f"{n} accepted {what}{'s'[: n != 1]}" for n, what in counts if n]
            say(f"{self._path}: {' and '.join(words) or 'nothing accepted'} written", sys.stderr)
        for entry, why in stale.items():
            yield Notice(
                kind="stale", scenario=entry.scenario, lookup=entry.lookup,
                gai_conf=entry.gai_conf, build=entry.where,
                text=f"{why}; the entry is taken out" if self._update else why,
                source=self._path, failed=self._strict and not self._update,
            )  # fmt: skip


def _loaded(options: Options) -> list[LoadedScenario]:
    """The scenarios that are given, or those of the suites; else the whole library."""
    if options.suite:
        return [one for name in dict.fromkeys(options.suite) for one in plan.load_suite(name)]
    return plan.load_scenarios(options.scenarios)


def _list(options: Options) -> int:
    """``--list``: what would run, and without a scenario the suites, each with what it shows."""
    from harness.report.documents import Listed, Shows
    from harness.report.terminal import Terminal
    from harness.scenario.suites import SHOWN

    if options.format not in ("text", "json"):
        raise UsageError(f"--list: --format text or json was expected, not {options.format}")
    listed = {
        one.scenario.name: " ".join(one.scenario.description.split()) for one in _loaded(options)
    }
    suites = {} if options.scenarios or options.suite else SHOWN
    if options.format == "json":
        scenarios, more = (tuple(starmap(Shows, each.items())) for each in (listed, suites))
        write_json(Listed(scenarios, more))
        return OK
    console = Terminal()
    for title, each in (("SCENARIO", listed), ("SUITE", suites)):
        if each:
            console.say_table([(title, "SHOWS"), *each.items()])
            console.say()
    plural = "s"[: len(listed) != 1]
    console.say(
        f"{len(listed)} scenario{plural}; to run one: gai-harness run NAME, a suite: --suite NAME"
    )
    return OK
