"""``gai-harness suggest``: the gai.conf changes that yield a wished order."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.advice.suggest import Suggestion
from harness.cli.parser import FINDING, OK, Options, UsageError
from harness.cli.streams import say, write_json
from harness.cli.subjects import jobs_for, picked, sorted_out
from harness.compare.plan import trusted_lanes, unasked
from harness.compare.suggest import Answered, Wish, fulfil
from harness.kubelet.own_name import in_scenarios
from harness.report.suggest import document, write_text


def main(options: Options) -> int:
    """Suggest; 1 when no gai.conf can do it or real glibc does not confirm it."""
    scenarios, names = sorted_out(options.what, options.scenarios)
    if not scenarios and options.lookup:
        raise UsageError("--lookup: a SCENARIO was expected beside it")
    if not scenarios and len(names) > 1:
        raise UsageError(
            f"{' '.join(names)}: one NAME was expected; what must stay as it is goes with"
            f" --keep {names[1]}"
        )
    if options.no_keep and options.keep:
        raise UsageError("either --keep or --no-keep was expected")
    lanes = trusted_lanes(options.glibc, "auto")
    wanted = [*options.lookup, *names]
    live = [*names, *(name for name, _ in options.keep)] if names and not scenarios else []
    jobs = jobs_for(scenarios, list(dict.fromkeys(live)), lanes)
    if len(jobs) != 1:
        raise UsageError(f"{scenarios[0]}: one scenario was expected, not {len(jobs)}")
    for line in unasked(jobs):
        say(line, sys.stderr)
    (wished,) = picked(jobs, wanted, "--lookup " if options.lookup else "")
    if not wanted and len(wished) > 1:
        picked(jobs, [""], "--lookup")
    kept = [
        Wish(number, order)
        for name, order in options.keep
        for number in picked(jobs, [name], "--keep ")[0]
        if number not in wished
    ]
    wishes = [Wish(number, tuple(options.want)) for number in wished]
    own = in_scenarios([jobs[0].scenario])
    answered = [
        replace(one, own_name=own.get((one.scenario, one.lookup), ""))
        for one in fulfil(jobs[0], wishes, kept, others_stay=not options.no_keep)
    ]
    if options.format == "json":
        write_json(document(answered))
    else:
        write_text(answered, here=not scenarios)
    if options.output is not None:
        _write(answered, options.output)
    return OK if all(one.verified for one in answered) else FINDING


def _write(answered: Sequence[Answered], output: str) -> None:
    files = {
        one.outcome.gai_conf or b""
        for one in answered
        if isinstance(one.outcome, Suggestion) and one.verified
    }
    if len(files) > 1:
        raise UsageError("-o: one look-up was expected: each has a gai.conf of its own here")
    if not files:
        say(f"{output}: not written, as there is no gai.conf to suggest", sys.stderr)
    for data in files:
        try:
            Path(output).write_bytes(data)
        except OSError as error:
            raise UsageError(f"{output}: cannot be written: {error.strerror}") from None
