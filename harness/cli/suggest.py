"""``gai-harness suggest``: the smallest gai.conf change that yields a wished order."""

from pathlib import Path

from harness.cli.parser import FINDING, OK, Options, UsageError
from harness.cli.streams import write_json
from harness.cli.whatif import jobs_for
from harness.compare.plan import is_scenario, trusted_lanes
from harness.compare.suggest import Wish, fulfil
from harness.report.suggest import document, write_text


def main(options: Options) -> int:
    """Suggest; 1 when no gai.conf can do it or real glibc does not confirm it."""
    if options.scenario is None and options.name is not None and is_scenario(options.name):
        options.scenario, options.name = Path(options.name), None
    if options.scenario is None and options.lookup is not None:
        raise UsageError("--lookup: --scenario FILE beside it was expected")
    if options.scenario is not None and options.name is not None:
        raise UsageError(f"{options.name}: with --scenario the look-up is named by --lookup")
    lanes = trusted_lanes(options.glibc, "auto")
    scenarios = [] if options.scenario is None else [options.scenario]
    jobs = jobs_for(scenarios, [options.name] if options.name else [], lanes)
    if len(jobs) != 1:
        raise UsageError(f"{options.scenario}: one scenario was expected, not {len(jobs)}")
    lookups = jobs[0].scenario.lookups
    name, every = options.lookup, range(len(lookups))
    # one name may be looked up in several ways: the wish is for each of them
    chosen = [number for number in every if name in (None, lookups[number].name)]
    if not chosen or (name is None and len(chosen) > 1):
        listed = ", ".join(dict.fromkeys(each.name or f":{each.service}" for each in lookups))
        option = "--lookup" if name is None else f"--lookup {name}"
        raise UsageError(f"{option}: one of the scenario's look-ups was expected ({listed})")
    answered = fulfil(jobs[0], [Wish(number, options.want) for number in chosen])
    write_json(document(answered)) if options.json else write_text(answered)
    return OK if all(one.verified for one in answered) else FINDING
