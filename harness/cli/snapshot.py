"""``gai-harness snapshot``: this host as a scenario file, to be replayed anywhere."""

import json
import secrets
import sys
import textwrap
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from harness.cli.parser import OK, Options, UsageError
from harness.cli.streams import say
from harness.cli.subjects import jobs_for, sorted_out
from harness.kernel.netlink import Netlink
from harness.live.host import Snapshot, SnapshotError, snapshot
from harness.live.redact import redact
from harness.live.replay import differences
from harness.live.said import Said
from harness.sandbox import SandboxError, SandboxUnavailable
from harness.scenario import Scenario
from harness.scenario.load import as_data, as_yaml


def main(options: Options) -> int:
    """Write the file; returns the exit status."""
    if not options.what:
        raise UsageError("a NAME to look up was expected, or a SCENARIO to write anew")
    scenarios, names = sorted_out(options.what)
    made = _anew(scenarios, names) if scenarios else _of_this_host(names, options)
    scenario, left_out, comments = made
    if options.redact:
        redacted = redact(scenario, secrets.token_bytes(32), left_out)
        scenario = redacted.scenario
        comments += redacted.notes
    text = as_yaml(scenario, [textwrap.fill(comment, 92) for comment in comments])
    if options.format == "json":
        text = json.dumps(as_data(scenario), indent=1) + "\n"
    for line in scenario.left_out:
        say(f"gai-harness snapshot: left out: {line}", sys.stderr)
    if options.output is None:
        sys.stdout.write(text)
        return OK
    try:
        Path(options.output).write_text(text, encoding="utf-8")
    except OSError as error:
        name = "the file" if options.redact else options.output
        raise UsageError(f"{name}: cannot be written: {error.strerror}") from None
    return OK


Made = tuple[Scenario, tuple[Said, ...], list[str]]
"""A scenario, what is left out of it, and what its file's head says."""


def _of_this_host(names: Sequence[str], options: Options) -> Made:
    comments = ["Made by gai-harness snapshot. Replay it with: gai-harness run FILE"]
    with closing(Netlink()) as sock:
        taken = _take(list(dict.fromkeys(names)), sock, options.redact)
        if options.no_check:
            return taken.scenario, taken.left_out, comments
        found, said = _compare(taken.scenario, sock)
    left_out = taken.left_out + found
    texts = {"left_out": tuple(map(str, left_out))}
    return taken.scenario.model_copy(update=texts), left_out, [*comments, said]


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
    return jobs[0].scenario.model_copy(update={"gai_conf": text}), (), [said]


def _take(names: Sequence[str], sock: Netlink, redacted: bool) -> Snapshot:
    """The snapshot. An error of one that is to be redacted says nothing of the host."""
    try:
        return snapshot(names, sock)
    except SnapshotError:
        if not redacted:
            raise
        raise SnapshotError(
            "a name asked for, or this host, cannot be written as a scenario; "
            "without --redact the reason is told"
        ) from None


def _compare(scenario: Scenario, sock: Netlink) -> tuple[tuple[Said, ...], str]:
    """Where a copy of the scenario differs from the host, and the words for the file's head."""
    try:
        found = differences(scenario, sock)
    except SandboxUnavailable as problem:
        return (), f"The copy was not compared with the host: {problem.reason}."
    except SandboxError as problem:
        found = [Said("the copy cannot be built: {}", problem.message)]
    if not found:
        return (), (
            "A copy was built and compared: addresses, links and the source for every "
            "address looked up are those of the host."
        )
    said = "A copy was built and compared: see left_out for what is otherwise in it."
    return tuple(found), said
