"""``gai-harness watch``: what a command makes of the addresses that getaddrinfo gives it."""

import os
from dataclasses import replace
from pathlib import Path

from harness.cli.parser import FINDING, OK, Options, UsageError
from harness.cli.streams import write_json
from harness.cli.subjects import jobs_for, sorted_out, tell_unknown
from harness.compare import plan
from harness.compare.standing import no_place, variables
from harness.compare.watch import watch
from harness.native.command import Command
from harness.native.trace import strace
from harness.report.watch import document, write_text
from harness.sandbox import programs


def main(options: Options) -> int:
    """Watch; 0 whatever status the command ends with, and 1 where nobody knows a name."""
    if not options.words:
        raise UsageError("-- COMMAND was expected behind the names or the scenario")
    words = (_found(options.words[0]), *options.words[1:])
    scenarios, names = sorted_out(options.what, options.scenarios)
    jobs = jobs_for(scenarios, names, plan.lanes_for("host", "auto"))
    if len(jobs) != 1:
        raise UsageError(f"{scenarios[0]}: one scenario was expected, not {len(jobs)}")
    if why := no_place(jobs[0].scenario):
        raise UsageError(f"{scenarios[0]}: {why}")
    job = jobs[0]
    if options.gai_conf is not None:
        job = replace(job, gai_confs=(plan.load_gai_conf(options.gai_conf),))
    strace()  # says at once when it is missing
    found = watch(job, Command(words, variables(os.environ), options.timeout))
    if options.format == "json":
        write_json(document(options.words, found))
    else:
        write_text(options.words, found, here=not scenarios)
    asked = zip(job.scenario.lookups, found.reports, strict=True)
    unknown = not scenarios and tell_unknown(
        (lookup.name, result) for lookup, report in asked for result in report.results
    )
    return FINDING if unknown else OK


def _found(word: str) -> str:
    """The program that a word means. Raises UsageError where there is none."""
    if "\0" in word:
        raise UsageError("COMMAND: no program has a NUL in its name")
    if "/" in word:
        if Path(word).is_file() and os.access(word, os.X_OK):
            return word
    elif path := programs.find(word):
        return path
    raise UsageError(f"{word or 'COMMAND'}: a program was expected")
