"""The hosts that ``whatif`` and ``suggest`` work on: scenarios, or a private copy of this one."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.parser import UsageError
from harness.cli.streams import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.compare.evidence import LaneSpec
    from harness.compare.run import HostJob
    from harness.scenario import LoadedScenario


def jobs_for(
    scenarios: Sequence[Path], names: Sequence[str], lanes: tuple[LaneSpec, ...]
) -> list[HostJob]:
    """One job per scenario, or one for a copy of this host; ``names`` select look-ups.

    A name that ``explain`` takes for a scenario is one here too.

    Raises UsageError for a name that no scenario looks up, ScenarioError for a bad file.
    """
    from harness.compare.plan import is_scenario, load_scenarios, make_jobs

    if not scenarios:
        scenarios = [Path(name) for name in names if is_scenario(name)]
        names = [name for name in names if not is_scenario(name)]
    if not scenarios:
        if not names:
            raise UsageError("a NAME to look up or --scenario FILE was expected")
        return make_jobs([_snapshot(names)], lanes)
    loaded = load_scenarios(scenarios)
    known = {lookup.name for one in loaded for lookup in one.scenario.lookups}
    for name in names:
        if name not in known:
            listed = ", ".join(sorted(word for word in known if word))
            raise UsageError(f"{name}: one of the scenario's look-ups was expected ({listed})")
    jobs = []
    for job in make_jobs(loaded, lanes):
        lookups = job.scenario.lookups
        wanted = tuple(one for one in lookups if not names or one.name in names)
        if wanted:
            scenario = job.scenario.model_copy(update={"lookups": wanted})
            jobs.append(replace(job, scenario=scenario))
    return jobs


def _snapshot(names: Sequence[str]) -> LoadedScenario:
    """This host as a scenario that looks up ``names``; what it leaves out is told."""
    from harness.live.host import snapshot

    loaded = snapshot(names)
    for line in loaded.scenario.left_out:
        say(f"left out of the copy: {line}", sys.stderr)
    return loaded
