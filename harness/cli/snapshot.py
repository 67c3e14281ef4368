"""``gai-harness snapshot``: this host as a scenario file, to be replayed anywhere."""

import json
import secrets
import sys
import textwrap
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from harness.cli.parser import FINDING, OK, Options, UsageError
from harness.cli.streams import say
from harness.cli.subjects import jobs_for, sorted_out, taken
from harness.kernel.netlink import Netlink
from harness.kubelet.replay import contradictions
from harness.live import process
from harness.live.host import Snapshot, SnapshotError
from harness.live.redact import redact
from harness.live.replay import Seen, differences, seen
from harness.live.said import Said
from harness.native.record import LaneError
from harness.sandbox import SandboxError, SandboxUnavailable
from harness.scenario import Scenario
from harness.scenario.load import as_data, as_yaml


def main(options: Options) -> int:
    """Write the file; 1 where a copy would answer otherwise than this host, or nobody knows a
    name.
    """
    if not options.what:
        raise UsageError("a NAME to look up was expected, or a SCENARIO to write anew")
    scenarios, names = sorted_out(options.what)
    if scenarios and options.inside is not None:
        raise UsageError("--in: only a name is looked up there, and this is a scenario")
    made = _anew(scenarios, names) if scenarios else _of_this_host(names, options)
    scenario, left_out, comments, others = made
    if options.redact:
        redacted = redact(scenario, secrets.token_bytes(32), left_out)
        scenario = redacted.scenario
        comments += redacted.notes
    text = as_yaml(scenario, [textwrap.fill(comment, 92) for comment in comments])
    if options.format == "json":
        text = json.dumps(as_data(scenario), indent=1) + "\n"
    for number, line in enumerate(scenario.left_out, 1):
        contradicts = number > len(scenario.left_out) - others
        word = "a replay answers otherwise" if contradicts else "left out"
        say(f"gai-harness snapshot: {word}: {line}", sys.stderr)
    unknown = {one.error for each in scenario.lookups for one in each.expect} & {"EAI_NONAME"}
    status = FINDING if others or (unknown and not scenarios) else OK
    if options.output is None:
        sys.stdout.write(text)
        return status
    try:
        Path(options.output).write_text(text, encoding="utf-8")
    except OSError as error:
        name = "the file" if options.redact else options.output
        raise UsageError(f"{name}: cannot be written: {error.strerror}") from None
    return status


Made = tuple[Scenario, tuple[Said, ...], list[str], int]
"""A scenario, what is left out of it, what its file's head says, and how many of the last lines
left out are answers that are otherwise."""


def _of_this_host(names: Sequence[str], options: Options) -> Made:
    comments = ["Made by gai-harness snapshot. Replay it with: gai-harness run FILE"]
    names = list(dict.fromkeys(names))
    copy = process.inside(options.inside, partial(_take, names, options.redact))
    if options.no_check:
        return copy.scenario, copy.left_out, comments, 0
    found, other, said = _compare(copy, options.inside)
    left_out = copy.left_out + found + other
    texts = {"left_out": tuple(map(str, left_out))}
    scenario = copy.scenario.model_copy(update=texts)
    return scenario, left_out, [*comments, said], len(other)


def _anew(files: Sequence[Path], names: Sequence[str]) -> Made:
    """Of a scenario: its gai.conf is in the file then, and only the look-ups named.

    Raises UsageError for several scenarios.
    """
    jobs = jobs_for(files, names, ())
    if len(jobs) != 1:
        raise UsageError(f"{files[0]}: one scenario was expected, not {len(jobs)}")
    data = jobs[0].gai_confs[0].data
    text = None if data is None else data.decode("utf-8", "replace")
    said = "Made by gai-harness snapshot of a scenario."
    return jobs[0].scenario.model_copy(update={"gai_conf": text}), (), [said], 0


def _take(names: Sequence[str], redacted: bool) -> Snapshot:
    """The snapshot; the error of one that is to be redacted says nothing of the host."""
    try:
        return taken(names)
    except SnapshotError:
        if not redacted:
            raise
        raise SnapshotError(
            "a name asked for, or this host, cannot be written as a scenario; "
            "without --redact the reason is told"
        ) from None


def _look(scenario: Scenario) -> Seen:
    with closing(Netlink()) as sock:
        return seen(scenario, sock)


def _compare(copy: Snapshot, inside: int | None) -> tuple[tuple[Said, ...], tuple[Said, ...], str]:
    """Where a copy differs from the host, what it would answer otherwise, and the words for the
    file's head. What runs in another process's network is not asked for answers.
    """
    other: tuple[Said, ...] = ()
    try:
        here = process.inside(inside, partial(_look, copy.scenario))
        found = tuple(differences(copy.scenario, here))
        if inside is None:
            other = tuple(contradictions(copy))
    except SandboxUnavailable as problem:
        return (), (), f"The copy was not compared with the host: {problem.reason}."
    except (SandboxError, LaneError) as problem:
        found = (Said("the copy cannot be built: {}", str(problem)),)
    said = "addresses, links, the source for every address looked up, and the answers of glibc, "
    said += "Go's own resolver and a kubelet are the host's."
    if found or other:
        said = "see left_out for what is otherwise in it."
    elif inside is not None:
        said = "addresses, links and the source for every address looked up are the host's."
    return found, other, f"A copy was built and compared: {said}"
