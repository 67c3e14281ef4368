"""``gai-harness whatif``: another gai.conf, tried on a private copy before it goes live."""

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from harness.cli.parser import FINDING, OK, Options, UsageError
from harness.cli.streams import say, write_json
from harness.compare import plan
from harness.compare.evidence import LaneSpec
from harness.compare.run import HostJob
from harness.compare.whatif import change, whatif
from harness.kernel.netlink import Netlink
from harness.live.host import snapshot
from harness.report.whatif import Document, TextReport


def main(options: Options) -> int:
    """Compare; 1 when native and model differ, a process dies of the new file, or an order
    changes that should not.
    """
    if options.gai_conf is None and not options.lines:
        raise UsageError("--gai-conf NEW or --set LINE was expected")
    if any("\n" in line or "\0" in line for line in options.lines):
        raise UsageError("--set: one line of a gai.conf was expected")
    new = None if options.gai_conf is None else plan.load_gai_conf(options.gai_conf)
    jobs = jobs_for(options.scenarios, options.names, plan.trusted_lanes(options.glibc, "auto"))
    changes = []
    text = TextReport()
    for one in whatif([change(job, new, options.lines) for job in jobs]):
        changes.append(one)
        if not options.json:
            text.add(one)
    found = Document(tuple(changes))
    write_json(found) if options.json else text.finish(found)
    died = any(one.after.predicted for lookup in found.lookups for one in lookup.results)
    wrong = found.disagree or died or (options.expect_unchanged and found.changed)
    return FINDING if wrong else OK


def jobs_for(
    scenarios: Sequence[Path], names: Sequence[str], lanes: tuple[LaneSpec, ...]
) -> list[HostJob]:
    """One job per scenario, or one for a copy of this host; ``names`` select look-ups.

    A name that ``explain`` takes for a scenario is one here too.

    Raises UsageError for a name that no scenario looks up, ScenarioError for a bad file.
    """
    if not scenarios:
        scenarios = [Path(name) for name in names if plan.is_scenario(name)]
        names = [name for name in names if not plan.is_scenario(name)]
    if not scenarios:
        if not names:
            raise UsageError("a NAME to look up or --scenario FILE was expected")
        with closing(Netlink()) as sock:
            copy = snapshot(names, sock)
        for line in copy.scenario.left_out:
            say(f"left out of the copy: {line}", sys.stderr)
        return plan.make_jobs([copy], lanes)
    loaded = plan.load_scenarios(scenarios)
    known = {lookup.name for one in loaded for lookup in one.scenario.lookups}
    for name in names:
        if name not in known:
            listed = ", ".join(sorted(word for word in known if word))
            raise UsageError(f"{name}: one of the scenario's look-ups was expected ({listed})")
    jobs = []
    for job in plan.make_jobs(loaded, lanes):
        lookups = job.scenario.lookups
        wanted = tuple(one for one in lookups if not names or one.name in names)
        if wanted:
            scenario = job.scenario.model_copy(update={"lookups": wanted})
            jobs.append(replace(job, scenario=scenario))
    return jobs
