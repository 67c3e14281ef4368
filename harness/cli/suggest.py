"""``gai-harness suggest``: the smallest gai.conf change that yields a wished order."""

from collections.abc import Sequence
from pathlib import Path

from harness.cli.explain import tell_own_names
from harness.cli.parser import FINDING, OK, Options, UsageError
from harness.cli.streams import write_json
from harness.cli.whatif import jobs_for
from harness.compare.plan import is_scenario, trusted_lanes
from harness.compare.predict import chosen, lookup_title
from harness.compare.suggest import Wish, fulfil
from harness.report.suggest import document, write_text
from harness.scenario.schema import Lookup


def main(options: Options) -> int:
    """Suggest; 1 when no gai.conf can do it or real glibc does not confirm it."""
    if options.scenario is None and options.name is not None and is_scenario(options.name):
        options.scenario, options.name = Path(options.name), None
    if options.scenario is None and options.lookup is not None:
        raise UsageError("--lookup: --scenario FILE beside it was expected")
    if options.scenario is not None and options.name is not None:
        raise UsageError(f"{options.name}: with --scenario the look-up is named by --lookup")
    if options.no_keep and options.keep:
        raise UsageError("either --keep or --no-keep was expected")
    lanes = trusted_lanes(options.glibc, "auto")
    scenarios = [] if options.scenario is None else [options.scenario]
    names = [] if options.name is None else [options.name, *(name for name, _ in options.keep)]
    jobs = jobs_for(scenarios, list(dict.fromkeys(names)), lanes)
    if len(jobs) != 1:
        raise UsageError(f"{options.scenario}: one scenario was expected, not {len(jobs)}")
    lookups = jobs[0].scenario.lookups
    wanted = options.lookup or options.name
    wished = _chosen("--lookup", lookups, wanted)
    if wanted is None and len(wished) > 1:
        raise UsageError(f"--lookup: {_expected(lookups)}")
    kept = [
        Wish(number, order)
        for name, order in options.keep
        for number in _chosen("--keep", lookups, name)
        if number not in wished
    ]
    wishes = [Wish(number, tuple(options.want)) for number in wished]
    answered = fulfil(jobs[0], wishes, kept, others_stay=not options.no_keep)
    write_json(document(answered)) if options.json else write_text(answered)
    if options.scenario is None:
        tell_own_names([options.name])
    return OK if all(one.verified for one in answered) else FINDING


def _chosen(option: str, lookups: Sequence[Lookup], text: str | None) -> list[int]:
    """Which look-ups are meant, all without a text. Raises UsageError for none."""
    found = list(range(len(lookups))) if text is None else chosen(lookups, text)
    if not found:
        raise UsageError(f"{option} {text}: {_expected(lookups)}")
    return found


def _expected(lookups: Sequence[Lookup]) -> str:
    titles = (f"{number} {lookup_title(one)}" for number, one in enumerate(lookups, 1))
    return f"one of the scenario's look-ups was expected ({', '.join(titles)})"
