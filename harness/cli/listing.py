"""``run --list``: the scenarios and suites there are, and what each shows."""

import json

from harness.cli.parser import OK, Options, UsageError
from harness.cli.streams import say
from harness.compare import plan
from harness.report.tables import table_lines
from harness.report.terminal import Terminal
from harness.scenario.suites import SHOWN


def show(options: Options) -> int:
    """List what ``run`` would run, and without a scenario the suites; the exit status is 0.

    Raises UsageError for a format that is none of a list, ScenarioError for a bad file.
    """
    if options.format not in ("text", "json"):
        raise UsageError(f"--list: --format text or json was expected, not {options.format}")
    if options.suite is not None:
        scenarios = plan.load_suite(options.suite)
    else:
        scenarios = plan.load_scenarios(options.scenarios)
    listed = {one.scenario.name: " ".join(one.scenario.description.split()) for one in scenarios}
    suites = {} if options.scenarios or options.suite else SHOWN
    if options.format == "json":
        kinds = {"scenarios": listed, "suites": suites}
        named = {
            kind: [{"name": name, "description": words} for name, words in each.items()]
            for kind, each in kinds.items()
        }
        print(json.dumps({"schema": 1, **named}, indent=1))
        return OK
    console = Terminal()
    width = console.width if console.is_terminal else None
    for title, each in (("SCENARIO", listed), ("SUITE", suites)):
        if each:
            for line in table_lines([(title, "SHOWS"), *each.items()], width):
                say(line)
            say("")
    plural = "s"[: len(listed) != 1]
    say(f"{len(listed)} scenario{plural}; to run one: gai-harness run NAME, a suite: --suite NAME")
    return OK
