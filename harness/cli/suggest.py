"""``gai-harness suggest``: the smallest gai.conf change that yields a wished order."""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.cli.options import addresses, declare, option, shared
from harness.cli.parser import FINDING, OK, UsageError
from harness.cli.streams import write_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``suggest``."""
    declare(
        parser,
        option("name", "the name to look up, on a copy of this host; or a scenario",
               nargs="?", metavar="NAME"),
        option("--want", "the addresses wanted first, in this order",
               required=True, metavar="A,B,…", type=addresses),
        shared("scenario", "do it for this scenario or snapshot (a file or a name of the library)"),
        shared("lookup", "the scenario's look-up of this name; needed where it has several"),
        shared("glibc", "the builds that must all give the order, as for run (default host)"),
        shared("json"),
    )  # fmt: skip


def main(options: argparse.Namespace) -> int:
    """Suggest; 1 when no gai.conf can do it or real glibc does not confirm it."""
    from harness.cli.hosts import jobs_for
    from harness.compare.plan import is_scenario, trusted_lanes
    from harness.compare.suggest import Wish, fulfil
    from harness.report.suggest import document, write_text

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
    if options.json:
        write_json(document(answered))
    else:
        write_text(answered)
    return OK if all(one.verified for one in answered) else FINDING
