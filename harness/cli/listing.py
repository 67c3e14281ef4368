"""``run --list``: the scenarios and suites there are, and what each shows."""

from itertools import starmap

from harness.cli.parser import OK, Options, UsageError
from harness.cli.streams import say, write_json
from harness.compare import plan
from harness.scenario import LoadedScenario
from harness.scenario.suites import SHOWN


def loaded(options: Options) -> list[LoadedScenario]:
    """The scenarios that ``run`` is given, or those of its suites; else the whole library."""
    if options.suite:
        return [one for name in dict.fromkeys(options.suite) for one in plan.load_suite(name)]
    return plan.load_scenarios(options.scenarios)


def show(options: Options) -> int:
    """List what ``run`` would run, and without a scenario the suites; the exit status is 0.

    Raises UsageError for a format that is none of a list, ScenarioError for a bad file.
    """
    from harness.report.documents import Listed, Shows
    from harness.report.tables import table_lines
    from harness.report.terminal import Terminal

    if options.format not in ("text", "json"):
        raise UsageError(f"--list: --format text or json was expected, not {options.format}")
    listed = {
        one.scenario.name: " ".join(one.scenario.description.split()) for one in loaded(options)
    }
    suites = {} if options.scenarios or options.suite else SHOWN
    if options.format == "json":
        scenarios, more = (tuple(starmap(Shows, each.items())) for each in (listed, suites))
        write_json(Listed(scenarios, more))
        return OK
    console = Terminal()
    width = console.width if console.is_terminal else None
    for title, each in (("SCENARIO", listed), ("SUITE", suites)):
        if each:
            for line in table_lines([(title, "SHOWS"), *each.items()], width):
                say(line)
            say("")
    plural = "s"[: len(listed) != 1]
    console.say(
        f"{len(listed)} scenario{plural}; to run one: gai-harness run NAME, a suite: --suite NAME"
    )
    return OK
