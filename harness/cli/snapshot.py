"""``gai-harness snapshot``: this host as a scenario file, to be replayed anywhere."""

import secrets
import sys
import textwrap
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from harness.cli.parser import OK, Options, UsageError
from harness.cli.streams import say
from harness.kernel.netlink import Netlink
from harness.live.host import Snapshot, SnapshotError, snapshot
from harness.live.redact import redact
from harness.live.replay import differences
from harness.live.said import Said
from harness.sandbox import SandboxError, SandboxUnavailable
from harness.scenario import Scenario
from harness.scenario.load import as_yaml


def main(options: Options) -> int:
    """Write the file; returns the exit status."""
    with closing(Netlink()) as sock:
        taken = _take(list(dict.fromkeys(options.names)), sock, options.redact)
        scenario, left_out = taken.scenario, taken.left_out
        comments = ["Made by gai-harness snapshot. Replay it with: gai-harness run FILE"]
        if not options.no_check:
            found, said = _compare(scenario, sock)
            left_out += found
            scenario = scenario.model_copy(update={"left_out": tuple(map(str, left_out))})
            comments.append(said)
    if options.redact:
        redacted = redact(scenario, secrets.token_bytes(32), left_out)
        scenario = redacted.scenario
        comments += redacted.notes
    text = as_yaml(scenario, [textwrap.fill(comment, 92) for comment in comments])
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
