"""Explanations for a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from itertools import groupby
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from harness.report.documents import Explain, Explained, extended
from harness.report.terminal import Terminal
from harness.report.text import summed_up
from harness.text.shown import one_line

if TYPE_CHECKING:
    from harness.compare.explain import Explanation
    from harness.compare.results import DestinationRow
    from harness.compare.tracing import TraceReport

_WIDE = 150


def as_text(explanations: Sequence[Explanation]) -> str:
    """The same text that `write_text` prints, without colours."""
    stream = StringIO()
    write_text(explanations, Terminal(file=stream, width=_WIDE, no_color=True))
    return stream.getvalue()


def write_text(explanations: Sequence[Explanation], console: Terminal | None = None) -> None:
    """Print explanations, one look-up after the other, equal versions side by side.

    ``console`` decides on colours and width; by default it is standard output.
    """
    if console is None:
        console = Terminal()
        if not console.is_terminal:
            console = Terminal(width=_WIDE)
    for _, group in groupby(
        explanations, key=lambda e: (e.result.scenario, e.result.lookup, e.result.gai_conf)
    ):
        items = list(group)
        first = items[0].result
        title = f"{first.scenario}: {first.lookup} (gai.conf: {first.gai_conf})"
        console.print(Text(title, "bold"), soft_wrap=True)
        for line in summed_up(items[0].devices):
            console.print(Text(f"  {line}", "dim"), soft_wrap=True)
        for same in _equal(items):
            _write(console, same)
        for line in items[0].apart:
            console.print(Text(f"  {line}", "yellow"), soft_wrap=True)


def _equal(items: Sequence[Explanation]) -> list[list[Explanation]]:
    groups: dict[object, list[Explanation]] = {}
    for item in items:
        result = item.result
        key = (
            result.destinations, item.pair, item.trace, result.native, result.model, result.error,
            result.verdict, result.decisions, result.undefined, result.unmet, result.untrusted,
        )  # fmt: skip
        groups.setdefault(key, []).append(item)
    return list(groups.values())


def _write(console: Terminal, same: Sequence[Explanation]) -> None:
    result = same[0].result
    builds = ", ".join(f"{e.result.glibc} {e.result.arch}" for e in same)
    head = Text(f"  glibc {builds}: native and model {result.verdict}")
    if result.error:
        head.append(f" ({result.error})")
    console.print(head, soft_wrap=True)
    if result.untrusted:
        console.print(Text(f"  not counted: {result.untrusted}", "bold magenta"), soft_wrap=True)
    if not result.destinations and result.native:
        only = ", ".join(dict.fromkeys(result.native))
        console.print(Text(f"  returned: {only} (one address: nothing is sorted)"), soft_wrap=True)
    if result.destinations:
        console.print(_table(result.destinations))
    for number, decision in enumerate(result.decisions, 1):
        console.print(
            Text(f"  {number}. {decision.before} before {decision.after}\n     {decision.why}"),
            soft_wrap=True,
        )
    if not result.agreed:
        console.print(Text(f"  native: {', '.join(result.native)}", "bold red"), soft_wrap=True)
        console.print(Text(f"  model:  {', '.join(result.model)}", "bold red"), soft_wrap=True)
    for line in result.unmet:
        console.print(Text(f"  expectation failed: {line}", "bold red"), soft_wrap=True)
    if same[0].pair is not None:
        pair = same[0].pair
        console.print(Text(f"  asked: {pair.before} before {pair.after}: {pair.why}", "bold"))
    if same[0].trace is not None:
        _write_trace(console, same[0].trace)
    for line in result.undefined:
        console.print(Text(f"  undefined: {line}", "magenta"), soft_wrap=True)
    for remark in result.remarks:
        console.print(Text(f"  {remark.kind}: {remark.text}", "yellow"), soft_wrap=True)
    for departure in result.departures:
        order = ", ".join(departure.order)
        console.print(
            Text(f"  {departure.standard} would return {order}: {departure.why}", "blue"),
            soft_wrap=True,
        )


def _write_trace(console: Terminal, trace: TraceReport) -> None:
    console.print(Text("  system calls of the real glibc:", "dim"), soft_wrap=True)
    for call in trace.calls:
        console.print(Text(f"    {call}", "dim"), soft_wrap=True)
    for check in trace.checks:
        words = (
            "as the kernel's route look-up says"
            if check.same
            else (f"but the kernel's route look-up says {check.looked_up}")
        )
        console.print(
            Text(
                f"  connect {check.destination}: source {check.traced}, {words}",
                "" if check.same else "bold red",
            ),
            soft_wrap=True,
        )


def _table(rows: Sequence[DestinationRow]) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False)
    for heading in (
        "destination", "was", "source", "reachable", "scope", "label", "precedence",
        "interface", "common prefix", "flags",
    ):  # fmt: skip
        table.add_column(heading, no_wrap=heading in ("destination", "source"))
    for row in rows:
        table.add_row(*map(one_line, _cells(row)))
    return table


def _cells(row: DestinationRow) -> tuple[str, ...]:
    def both(destination: int, source: int | None) -> str:
        if source is None:
            return str(destination)
        return f"{destination} {'=' if destination == source else '≠'} {source}"

    if row.interface is None:
        interface = "unknown, not native" if row.reachable else "-"
    else:
        interface = row.interface if row.native else f"{row.interface}, not native"
    return (
        row.destination,
        str(row.position + 1),
        f"{row.source}/{row.prefixlen}" if row.source else "-",
        "yes" if row.reachable else f"no ({row.error})" if row.error else "no",
        both(row.destination_scope, row.source_scope),
        both(row.destination_label, row.source_label),
        str(row.precedence),
        interface,
        f"{row.common_prefix} bits" if row.reachable else "-",
        ", ".join(row.flags) or "-",
    )


def document(explanations: Sequence[Explanation]) -> Explain:
    """All explanations as one JSON document; the keys of a result are those of ``run``."""
    return Explain(
        tuple(
            extended(Explained, one.result, trace=one.trace, apart=one.apart, pair=one.pair)
            for one in explanations
        )
    )
