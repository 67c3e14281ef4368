"""What a command did with addresses, for a terminal and as JSON."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Annotated

from pydantic import Field

from harness.compare.fields import Schema
from harness.compare.results import Result
from harness.compare.values import fill
from harness.compare.watch import DOMAIN, Tried, Watched
from harness.native.command import Ran
from harness.native.contacts import Contact, Look
from harness.report.tables import table_lines
from harness.report.terminal import Terminal
from harness.report.text import device_lines
from harness.report.words import THIS_HOST, comparison, result_lines

_HEADINGS = ("ms", "what", "address", "port", "result")
_LINES = 40  # of what the command printed; JSON has more


@dataclass(frozen=True, slots=True)
class WatchDocument(Ran):
    """``gai-harness watch --json``; the keys of a result are those of ``run``."""

    command: tuple[str, ...]
    results: Annotated[
        tuple[Result, ...], Field(description="the look-ups, asked of glibc on the same host")
    ]
    tried: tuple[Tried, ...]
    schema: Schema = 1


def document(words: Sequence[str], found: Watched) -> WatchDocument:
    """All that was found as one JSON document; ``words`` are the command's."""
    return fill(WatchDocument, found.ran, found, command=tuple(words))


def write_text(words: Sequence[str], found: Watched, here: bool = False) -> None:
    """Print what the look-ups give, what the command did, and what it printed.

    ``here``: the host is a copy of this one.
    """
    console = Terminal()
    for report in found.reports:
        where = THIS_HOST if here else report.scenario
        console.say(f"{where}: {report.lookup} (gai.conf: {report.gai_conf})", "bold")
        for line in device_lines(report.devices):
            console.say(f"  {line}", "dim")
        for result in report.results:
            console.say(f"  {result.who}: {comparison(result)}", "" if result.agreed else "red")
            for kind, line in result_lines(result):
                if kind != "model" or not result.agreed:
                    console.say(f"  {line}")
    console.say(f"{shlex.join(words)}: {_ending(found.ran)}", "bold")
    for line in _table(found.ran, console.width if console.is_terminal else None):
        console.say(line, whole=True)
    for line in _order(found):
        console.say(f"  {line}")
    for line in _printed(found.ran):
        console.say(line, "dim")


def _ending(ran: Ran) -> str:
    took = f"{ran.elapsed_ms:.0f} ms"
    if ran.signal is not None:
        how = f"killed by {ran.signal} after {took}"
    elif ran.status is not None:
        how = f"ended with status {ran.status} after {took}"
    else:
        return f"did not end, and was ended after {took}"
    return how + ("; what it left running was ended" if ran.timed_out else "")


def _table(ran: Ran, width: int | None) -> Iterator[str]:
    if not ran.looks and not ran.contacts:
        yield "  it asked for no source, and came to no address"
        return
    came: list[Look | Contact] = sorted([*ran.looks, *ran.contacts], key=attrgetter("at_ms"))
    rows = [
        (f"{one.at_ms:.1f}", _what(one), one.address, str(one.port), _result(one)) for one in came
    ]
    yield ""
    yield from table_lines([_HEADINGS, *rows], width, "  ")
    if ran.left_out:
        yield f"  and {ran.left_out} more"
    yield ""


def _what(one: Look | Contact) -> str:
    if isinstance(one, Look):
        return "looked at"
    if one.port == DOMAIN:
        return "name server"
    return f"{one.protocol.upper()} {'connect' if one.protocol in ('tcp', 'sctp') else 'send'}"


def _result(one: Look | Contact) -> str:
    if isinstance(one, Look):
        return f"source {one.source}" if one.source else one.error or "no source"
    after = "" if one.after_ms is None else f" after {one.after_ms:.1f} ms"
    if one.result == "no answer":
        closed = f", closed{after}" if after else ""
        return "in progress, " * one.in_progress + one.result + closed
    return "in progress, then " * one.in_progress + one.result + after * (one.result != "sent")


def _order(found: Watched) -> Iterator[str]:
    """How the addresses that were tried compare with glibc's order."""
    orders = {one.lookup: one.order for one in found.results}
    for tried in found.tried:
        line = f"tried for {tried.lookup}: {', '.join(tried.addresses)}"
        if tried.as_ordered:
            yield f"{line}: glibc's order"
        else:
            yield f"{line}; glibc's order is {', '.join(orders[tried.lookup])}"
    known = {address for one in found.tried for address in one.addresses}
    others = dict.fromkeys(
        one.address for one in found.ran.contacts if one.address not in known and one.port != DOMAIN
    )
    if others:
        yield f"of no look-up above: {', '.join(others)}"


def _printed(ran: Ran) -> Iterator[str]:
    lines = ran.output.splitlines()
    if lines:
        yield "it printed:"
    yield from (f"  {line}" for line in lines[:_LINES])
    if (more := len(lines) - _LINES) > 0:
        yield f"  … ({more} more lines)"
    if ran.output_left_out:
        yield f"  … ({ran.output_left_out} more bytes)"
