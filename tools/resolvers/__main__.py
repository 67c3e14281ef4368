"""Make docs/resolvers.md from real runs, or say whether it is current.

``python -P tools/resolvers [-o FILE | --check FILE] [--hosts N]`` runs the suite ``findings`` and
the seed on the newest glibc and on every other resolver of this host's cache, and draws hosts for
the part on how often two of them differ; ``--check`` leaves that part as it is. Exit status: 1 for
a disagreement of a resolver and its model, a table that the models contradict, or a stale page.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # started as a folder

import yaml

from harness.compare.values import grouped
from harness.model.order import RULES
from harness.model.resolvers import page as model_of
from harness.model.standards import Standard
from harness.versions import ResolverName, age
from tools.resolvers.population import main_causes, percent, shares

_TEXT = Path(__file__).with_name("text.yaml")
_SEED = 1
_MOST_ROWS = 2  # of one report
_TITLES: dict[ResolverName, str] = {
    "glibc": "glibc", "musl": "musl", "c-ares": "c-ares", "go": "Go",
}  # fmt: skip
_OFTEN = "## How often two of them differ"
Result = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, write or compare the page; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -P tools/resolvers", description="See above.")
    parser.add_argument("--hosts", type=int, default=200, help="drawn hosts (default 200)")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("-o", "--output", metavar="FILE", type=Path, help="the page to write")
    where.add_argument("--check", metavar="FILE", type=Path, help="the page that should be current")
    options = parser.parse_args(arguments)
    text = yaml.safe_load(_TEXT.read_text(encoding="utf-8"))
    results, wrong = run()
    wrong += list(contradictions(text))
    versions = newest(results)
    old = options.check.read_text(encoding="utf-8") if options.check else ""
    often = [_OFTEN + old.partition(_OFTEN)[2].rstrip("\n")]
    if not old:
        often = list(how_often(text, versions, options.hosts))
    made = "\n".join([*head(text, results), *reports(text, results, versions), *often]) + "\n"
    if old and made != old:
        wrong.append(f"{options.check} is stale; make it anew with -o")
    elif options.output and not wrong:
        options.output.write_text(made, encoding="utf-8")
    elif not old and not wrong:
        sys.stdout.write(made)
    print(*wrong, sep="\n", end="\n" * bool(wrong), file=sys.stderr)
    return 1 if wrong else 0


def run() -> tuple[list[Result], list[str]]:
    """The results of all resolvers, and the disagreements among them in words."""
    results: list[Result] = []
    for words in (["--suite", "findings"], ["seed-rule9-dual-stack", "seed-rule9-ipv4-only"]):
        command = [sys.executable, "-P", "-m", "harness", "run", *words, "--resolver", "all"]
        command += ["--glibc", "all", "--format", "json"]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
        results += json.loads(done.stdout)["results"]
    wrong = [
        f"{who(one)} and its model disagree on {one['scenario']}, {one['lookup']}"
        for one in results
        if one["verdict"] != "agree"
    ]
    return results, wrong


def who(result: Result) -> str:
    """A result's resolver with its version: ``musl 1.2.3``, ``glibc 2.36``."""
    return f"{result['resolver']} {result['resolver_version'] or result['glibc']}"


def newest(results: Sequence[Result]) -> dict[ResolverName, str]:
    """The newest version of each resolver that was run."""
    every = sorted({who(one) for one in results}, key=lambda text: age(text.removeprefix("glibc ")))
    versions = {name: number for name, _, number in (text.partition(" ") for text in every)}
    return {name: versions[name] for name in _TITLES if name in versions}


def contradictions(text: dict[str, Any]) -> Iterator[str]:
    """Where the table at a glance says of a rule what the model of a resolver does not."""
    for row in text["rules"]:
        for name in _TITLES:
            known = RULES if name == "glibc" else standard(name).rules
            has = row.get("rule") in {one.number for one in known}
            if "rule" in row and has is row[name].startswith("no"):
                yield f"rule {row['rule']}: {name} {'has' if has else 'lacks'} it, the text differs"


def standard(name: ResolverName) -> Standard:
    """The rules and tables of a resolver's page of the model."""
    values = vars(model_of(name)).values()
    known = (one for one in values if isinstance(one, Standard))
    return next(one for one in known if one.name == _TITLES[name])


def head(text: dict[str, Any], results: Sequence[Result]) -> Iterator[str]:
    """The beginning, and the table that says it at a glance."""
    every = sorted({who(one) for one in results}, key=lambda one: age(one.removeprefix("glibc ")))
    numbers = grouped((text.split(" ") for text in every), lambda pair: pair[0])
    run_on = [f"{name} {', '.join(number for _, number in each)}" for name, each in numbers.items()]
    yield from ("# Who orders how", "")
    yield from ("<!-- made by: python -P tools/resolvers -o docs/resolvers.md -->", "")
    yield from (text["introduction"].strip(), "")
    yield f"Run on {'; '.join(run_on)}: {len(results)} answers, on all of which the real"
    yield from ("resolver and its model agree.", "", "## At a glance", "")
    yield f"| | {' | '.join(_TITLES.values())} |"
    yield "|---|" + "---|" * len(_TITLES)
    for row in text["rules"]:
        yield f"| {row['title']} | {' | '.join(row[name] for name in _TITLES)} |"
    yield ""
    yield from (text["notes"].strip(), "")


def reports(
    text: dict[str, Any], results: Sequence[Result], versions: dict[ResolverName, str]
) -> Iterator[str]:
    """What the newest of each makes of the seed's example and of the public reports."""
    asked: dict[tuple[str, str], dict[str, Result]] = {}
    for one in results:
        version = one["resolver_version"] or one["glibc"]
        if one["gai_conf"] == "default" and versions.get(one["resolver"]) == version:
            asked.setdefault((one["scenario"], one["lookup"]), {})[one["resolver"]] = one
    whole = {key: found for key, found in asked.items() if len(found) == len(versions)}
    yield from ("## The seed's example and the public reports", "")
    yield f"{text['reports'].strip()} Of {len(whole)} look-ups that all were asked,"
    counts = [
        f"{_TITLES[name]} begins with another address than glibc in "
        f"{sum(_first(found['glibc']) != _first(found[name]) for found in whole.values())}"
        for name in versions
        if name != "glibc"
    ]
    yield from (f"{', '.join(counts)}.", "")
    yield f"| scenario, look-up | {' | '.join(f'{_TITLES[n]} {v}' for n, v in versions.items())} |"
    yield "|---|" + "---|" * len(versions)
    shown: Counter[str] = Counter()
    for (scenario, lookup), found in whole.items():
        kind = scenario.removeprefix("findings-").partition("-")[0]
        orders = {tuple(one["native"]) for one in found.values()}
        if scenario.startswith("seed") or (len(orders) > 1 and shown[kind] < _MOST_ROWS):
            shown[kind] += 1
            cells = (", ".join(dict.fromkeys(found[name]["native"])) for name in versions)
            yield f"| `{scenario}`, {lookup} | {' | '.join(cells)} |"
    yield from ("", text["ask"].strip(), "")


def _first(result: Result) -> str:
    native: list[str] = result["native"]
    return native[0] if native else str(result["error"])


def how_often(text: dict[str, Any], versions: dict[ResolverName, str], hosts: int) -> Iterator[str]:
    """The share of drawn hosts on which two resolvers put another address first."""
    found = shares(versions, hosts, _SEED)
    yield from (_OFTEN, "")
    asked = max(one.asked for one in found.values())
    yield from (text["often"].strip().format(hosts=hosts, seed=_SEED, asked=asked), "")
    yield from ("| | another address first | decided by |", "|---|---|---|")
    for names, one in found.items():
        titles = [_TITLES[name] for name in names]
        yield f"| {' and '.join(titles)} | {percent(one)} | {main_causes(one, titles)} |"


if __name__ == "__main__":
    sys.exit(main())
