"""``gai-harness doctor``: what this machine can do, tried, and what would help with the rest."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.streams import say
from harness.report.terminal import Terminal

if TYPE_CHECKING:
    from harness.sandbox.checks import Check

_TRIAL = "seed-rule9-dual-stack"
# what is optional: the module, what pip installs for it, and what it is for
_OPTIONAL = {
    "cluster": ("distributed", "'gai-harness[cluster]'", "run and fuzz --scheduler"),
    "plot": ("matplotlib", "'gai-harness[plot]'", "bench --plot"),
    "pytest": ("pytest", "pytest", "scenario files and hosts in a test suite of your own"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``doctor``."""
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="text (default) or json"
    )
    parser.add_argument(
        "--network", action="store_true",
        help="also ask the distribution's mirrors whether they answer; nothing is downloaded"
        " but the signed release file of each suite",
    )  # fmt: skip
    parser.epilog = (
        "exit status: 0 when gai-harness run can do its job on this machine, 3 when it cannot"
    )


def main(options: argparse.Namespace) -> int:
    """Look at the machine; returns the exit status."""
    from harness.cli import CANNOT, OK
    from harness.report.doctor import Document, conclusion, write_check
    from harness.report.documents import text

    console = Terminal(file=sys.stdout, highlight=False)
    made: list[Check] = []
    for check in _checks(options.network):
        made.append(check)
        if options.format == "text":
            write_check(console, check)
    if options.format == "json":
        sys.stdout.write(text(Document.of(made)))
    else:
        say(conclusion(made))
    return CANNOT if any(check.verdict == "cannot" for check in made) else OK


def _checks(network: bool) -> Iterator[Check]:
    from harness.glibcs import probe as glibcs
    from harness.native import probe as native
    from harness.sandbox import probe as sandbox

    able = True
    for check in (*sandbox.probe(_needs), *native.probe()):
        # a kind of interface that cannot be made leaves the trial possible
        able = able and (check.verdict != "cannot" or check.topic.startswith("interfaces: "))
        yield check
    yield from glibcs.probe(network)
    yield from _optional()
    if able:
        yield _trial()


def _needs() -> tuple[Mapping[str, int], int]:
    """How many scenarios of the library need each kind of interface, and how many there are."""
    from harness.scenario import library, load

    scenarios = [load(path).scenario for path in library()]
    kinds = Counter(
        kind
        for scenario in scenarios
        for kind in {str(one.kind) for one in scenario.host.interfaces.values()}
    )
    return kinds, len(scenarios)


def _optional() -> Iterator[Check]:
    from importlib.util import find_spec

    from harness.sandbox.checks import Check

    for name, (module, package, use) in _OPTIONAL.items():
        if find_spec(module) is not None:
            yield Check(f"optional: {name}", "ok", f"installed, for {use}")
        else:
            remedy = f"pip install {package}"
            yield Check(f"optional: {name}", "missing", "not installed", f"for {use}", remedy)


def _trial() -> Check:
    """The main job on one scenario."""
    from harness.compare.plan import lanes_for, load_scenarios, make_jobs
    from harness.compare.run import run
    from harness.sandbox.checks import Check

    topic = "the main job"
    try:
        jobs = make_jobs(load_scenarios([Path(_TRIAL)]), lanes_for("host", "auto"))
        (outcome,) = run(jobs, 1)
    except Exception as problem:
        if getattr(problem, "exit_status", None) is None:
            raise
        return Check(topic, "cannot", f"{_TRIAL}: {problem}", "no scenario can be run")
    if outcome.error is not None:
        return Check(topic, "cannot", f"{_TRIAL}: {outcome.error}", "no scenario can be run")
    results = [result for report in outcome.reports for result in report.results]
    said = Counter(f"{result.verdict} on glibc {result.glibc}" for result in results)
    counted = ", ".join(f"{number} {words}" for words, number in said.items())
    return Check(topic, "ok", f"{_TRIAL}: {len(results)} look-ups: {counted}")
