"""``gai-harness snapshot``: this host as a scenario file, to be replayed anywhere."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.options import declare, flag, option, shared
from harness.cli.parser import OK, UsageError
from harness.cli.streams import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.kernel.netlink import Netlink
    from harness.live.host import Snapshot
    from harness.live.said import Said
    from harness.scenario import Scenario


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``snapshot``."""
    declare(
        parser,
        option("names", "the names to look up", nargs="+", metavar="NAME"),
        shared("output", "write there (default: the terminal)"),
        flag("--redact", "replace names and addresses such that every rule still decides the same"),
        flag("--no-check",
             "do not build the copy in a sandbox to see whether it behaves as the host"),
    )  # fmt: skip
    parser.epilog = (
        "Nothing is changed and no root is needed. What a copy cannot have is listed in the "
        "file under left_out. Replay it with: gai-harness run FILE"
    )


def main(options: argparse.Namespace) -> int:
    """Write the file; returns the exit status."""
    import textwrap

    from harness.kernel.netlink import Netlink
    from harness.scenario.load import as_yaml

    names = list(dict.fromkeys(options.names))
    sock = Netlink()
    try:
        taken = _take(names, sock, options.redact)
        scenario, left_out = taken.scenario, taken.left_out
        comments = ["Made by gai-harness snapshot. Replay it with: gai-harness run FILE"]
        if not options.no_check:
            found, said = _compare(scenario, sock)
            left_out += found
            scenario = scenario.model_copy(update={"left_out": tuple(map(str, left_out))})
            comments.append(said)
    finally:
        sock.close()
    if options.redact:
        import secrets

        from harness.live.redact import redact

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
    from harness.live.host import SnapshotError, snapshot

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
    from harness.live.replay import differences
    from harness.live.said import Said
    from harness.sandbox import SandboxError, SandboxUnavailable

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
