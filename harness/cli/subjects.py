"""What a command is about: scenarios with their look-ups, or names looked up on this host."""

import sys
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from harness.cli.parser import UsageError
from harness.cli.streams import say
from harness.compare import plan
from harness.compare.evidence import LaneSpec
from harness.compare.predict import lookup_title
from harness.compare.results import Result
from harness.compare.run import HostJob
from harness.kernel.netlink import Netlink
from harness.live import process
from harness.live.host import Snapshot, snapshot
from harness.model.presence_reasons import Cause
from harness.scenario import library
from harness.scenario.schema import Lookup
from harness.text.errors import show
from harness.text.nearest import did_you_mean

_SHOWN = 20
_NO_ANSWER = (
    "EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY", "EAI_AGAIN", "EAI_SERVICE", "EAI_IDN_ENCODE",
    "EAI_SYSTEM",
)  # fmt: skip
_NOBODY = {
    Cause.UNKNOWN_NAME, Cause.SERVICE, Cause.IDN, Cause.MALFORMED, Cause.SERVICE_FAILED,
    Cause.EARLIER_SERVICE, Cause.ACTION,
}  # fmt: skip
"""Why there is no answer whatever family and flags are asked with."""


def sorted_out(
    words: Sequence[str], scenarios: Sequence[Path] = ()
) -> tuple[list[Path], list[str]]:
    """The scenarios among the words, and the names; beside ``--scenario`` all are names."""
    if scenarios:
        return [*scenarios], [*words]
    found = [word for word in words if plan.is_scenario(word)]
    return [Path(word) for word in found], [word for word in words if word not in found]


def picked(jobs: Sequence[HostJob], texts: Sequence[str], option: str = "") -> list[list[int]]:
    """Of each job the look-ups, from 0, that the texts mean by name, title or number; or all.

    Raises UsageError, with ``option`` before it, for a text that means none in any of them.
    """
    lookups = [job.scenario.lookups for job in jobs]
    for text in texts:
        if not any(_meant(each, text) for each in lookups):
            titles = ((n, lookup_title(one)) for each in lookups for n, one in enumerate(each, 1))
            known = [f"{number} {title}" for number, title in titles]
            listed = ", ".join([*known[:_SHOWN], *["…"] * (len(known) > _SHOWN)])
            wanted = f"one of the scenario's look-ups was expected ({listed})"
            raise UsageError(f"{option}{text}: {wanted}")
    if not texts:
        return [list(range(len(each))) for each in lookups]
    return [sorted({n for text in texts for n in _meant(each, text)}) for each in lookups]


def _meant(lookups: Sequence[Lookup], text: str) -> list[int]:
    """Which look-ups a text means, from 0: those of a name or a title, or a number from 1."""
    for of in (lambda one: one.name, lookup_title):
        found = [number for number, one in enumerate(lookups) if of(one) == text]
        if found:
            return found
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= 5 else 0
    return [number - 1] if 0 < number <= len(lookups) else []


def taken(names: Sequence[str]) -> Snapshot:
    """A copy of this host, or of where it is called."""
    with closing(Netlink()) as sock:
        return snapshot(names, sock)


def jobs_for(
    scenarios: Sequence[Path],
    names: Sequence[str],
    lanes: tuple[LaneSpec, ...],
    inside: int | None = None,
) -> list[HostJob]:
    """One job per scenario, or one for a copy of this host; ``names`` select look-ups.

    ``inside`` is a process in whose network that copy is made.
    Raises UsageError for a name that no scenario looks up, ScenarioError for a bad file.
    """
    if not scenarios:
        if not names:
            raise UsageError("a NAME to look up or a SCENARIO was expected")
        copy = process.inside(inside, partial(taken, names))
        for line in copy.scenario.left_out:
            say(f"left out of the copy: {line}", sys.stderr)
        return plan.make_jobs([copy], lanes)
    jobs = plan.make_jobs(plan.load_scenarios(scenarios), lanes)
    some = []
    for job, numbers in zip(jobs, picked(jobs, names), strict=True):
        lookups = tuple(job.scenario.lookups[number] for number in numbers)
        scenario = job.scenario.model_copy(update={"lookups": lookups})
        some += [replace(job, scenario=scenario)] if lookups else []
    return some


def tell_unknown(found: Iterable[tuple[str | None, Result]]) -> bool:
    """Say why names have no address, and which scenario an unknown one may have meant.

    True where nobody knows, or says, an address of one of them.
    """
    unknown, lines, results = False, [], list(found)
    answered = {name for name, result in results if result.native}
    for name, result in results:
        if result.error not in _NO_ANSWER:
            continue
        known, meant = result.presence, ""
        words = known.why if known else f"{result.resolver} has no address"
        unknown |= result.error == "EAI_AGAIN"
        # another resolver than glibc says no more than its error
        unknown |= known is None and result.error == "EAI_NONAME" and name not in answered
        unknown |= known is not None and not _NOBODY.isdisjoint(known.causes)
        if known and name is not None and Cause.UNKNOWN_NAME in known.causes:
            words = "the name service knows no address"
            meant = did_you_mean(name, (path.stem for path in library()), "the scenario {}")
        lines.append(f"{show(name or result.lookup)}: {words}{meant}")
    for line in dict.fromkeys(lines):
        say(line, sys.stderr)
    return unknown
