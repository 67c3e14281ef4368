"""Make docs/findings.md from real runs, or say whether it is current.

``python -P tools/findings [--glibc BUILDS] [--fetch] [-o FILE | --check FILE]`` starts
``gai-harness run`` for the suite ``findings`` and for the library, on every glibc of this host's
architecture, and for the part about processors on every build there is; ``--fetch`` brings what
of these is missing. Exit status: 1 for a disagreement between glibc and model, a conclusion that
the run contradicts, or a stale page.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # started as a folder

from harness.text.shown import one_line
from tools.findings.checks import (
    Findings,
    Result,
    Seen,
    failures,
    load_findings,
    patterns,
    reports,
)
from tools.findings.page import as_markdown, elsewhere, kept, run_on, stale

_SHOWN = 40


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, hold the text to the results, write or compare the page; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -P tools/findings", description="See above.")
    parser.add_argument("--glibc", help="the builds (default: all; with --check the page's)")
    parser.add_argument(
        "--fetch", action="store_true", help="fetch the builds that are missing, the page's too"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("-o", "--output", metavar="FILE", type=Path, help="the page to write")
    where.add_argument("--check", metavar="FILE", type=Path, help="the page that should be current")
    options = parser.parse_args(arguments)
    old = options.check.read_text(encoding="utf-8") if options.check else ""
    findings = load_findings()
    try:
        glibc = options.glibc or run_on(old) or "all"
        seen = run(findings, glibc, elsewhere(old), fetched=options.fetch)
    except subprocess.CalledProcessError as error:
        return int(error.returncode)
    page = as_markdown(findings, seen) if not (wrong := failures(findings, seen)) else ""
    if old and not wrong:
        wrong = stale(old, kept(old, page), str(options.check))
        wrong[:0] = [f"{options.check} is stale; make it anew with -o"] if wrong else []
    elif options.output and not wrong:
        options.output.write_text(page, encoding="utf-8")
    elif not wrong:
        sys.stdout.write(page)
    print(*wrong[:_SHOWN], sep="\n", end="\n" * bool(wrong), file=sys.stderr)
    return 1 if wrong else 0


def run(findings: Findings, glibc: str, shown: tuple[str, ...], *, fetched: bool = False) -> Seen:
    """Everything the page looks at.

    Parameters: ``glibc`` the builds in the words of ``--glibc``; ``shown`` the builds of the
    page's part about processors, all of this host where it is empty. Of these, builds that
    are not here are passed over, unless they are fetched: the page keeps what it says of them.
    Raises CalledProcessError for a run that does not end well.
    """
    fetch = ["--fetch"] if fetched else []
    results = [
        *_json("run", "--glibc", glibc, *fetch)["results"],
        *_json("run", "--suite", "findings", "--glibc", glibc)["results"],
    ]
    here = [
        f"{build['version']}:{build['arch']}"
        for build in _json("glibc", "list")["builds"]
        if build["resolver"] == "glibc" and build["name"] is None and build["state"] != "available"
    ]
    builds = shown or tuple(dict.fromkeys(here))
    part = findings.processors
    abroad: list[Result] = []
    if part is not None:
        names = {one["scenario"] for one in _matching(results, patterns(part))}
        there = ",".join(build for build in builds if fetched or build in here)
        abroad = _json("run", *sorted(names), "--glibc", there, *fetch)["results"]
    return Seen(reports(_matching(results, findings.patterns())), reports(abroad), builds)


def _matching(results: Sequence[Result], wanted: set[str]) -> list[Result]:
    return [
        one for one in results if any(fnmatchcase(one["scenario"], pattern) for pattern in wanted)
    ]


def _json(*words: str) -> dict[str, list[Result]]:
    # a busy machine is no finding
    patience = ["--timeout", "60"] if words[0] == "run" else []
    command = [sys.executable, "-P", "-m", "harness", *words, *patience, "--format", "json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    found: dict[str, list[Result]] = json.loads(done.stdout or "{}")
    for one in found.get("results", ()) if done.returncode else ():
        if one["verdict"] != "agree" and not one["predicted"]:
            build = f"{one['glibc']}:{one['arch']}"
            told = f"{one['scenario']}: {one['lookup']}: {build}: {one['verdict']}, {one['error']}"
            print(one_line(told), file=sys.stderr)
    done.check_returncode()
    return found


if __name__ == "__main__":
    sys.exit(main())
