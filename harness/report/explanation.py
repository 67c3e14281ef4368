"""Explanations for a terminal and as JSON."""

from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from itertools import groupby

from harness.compare.explain import Explanation, GetentAnswer, TraceReport
from harness.compare.results import DestinationRow, Result, Verdict
from harness.compare.values import fill, grouped
from harness.report import words
from harness.report.documents import Explain, Explained
from harness.report.tables import fits, folded, table_lines
from harness.report.terminal import Terminal
from harness.report.text import device_lines

_WIDE = 150
_MOST_FINDINGS = 10  # of a file that is no gai.conf at all there are thousands


def as_text(explanations: Sequence[Explanation]) -> str:
    """The same text that `write_text` prints, without colours."""
    stream = StringIO()
    write_text(explanations, Terminal(file=stream, width=_WIDE, no_color=True))
    return stream.getvalue()


def write_text(
    explanations: Sequence[Explanation], console: Terminal | None = None, here: bool = False
) -> None:
    """Print explanations, one look-up after the other, equal versions side by side.

    ``here``: they are of this host, or of a copy of it.
    """
    if console is None:
        console = Terminal()
        if not console.is_terminal:
            console = Terminal(width=_WIDE)
    remarks: set[str] = set()
    for (scenario, lookup, gai_conf), group in groupby(
        explanations, key=lambda e: (e.result.scenario, e.result.lookup, e.result.gai_conf)
    ):
        items = list(group)
        where = words.THIS_HOST if here else scenario
        console.say(f"{where}: {lookup} (gai.conf: {gai_conf})", "bold")
        for line in device_lines(items[0].devices):
            console.say(f"  {line}", "dim")
        alike = grouped(
            items, lambda e: (e.result.without_build(remarks=(), departures=()), e.pair, e.trace)
        )
        for same in alike.values():
            _write(console, words.builds(one.result for one in same), same[0], remarks)
        if len({one.result.resolver for one in items}) > 1:
            for line in _side_by_side(items, console.width):
                console.say(line)
        own_names = dict.fromkeys(one.own_name for one in items if one.own_name)
        for line in (*items[0].apart, *own_names, *_of_the_file(items)):
            console.say(f"  {line}", "yellow")
    of_glibc = (one.result.glibc for one in explanations if one.result.resolver == "glibc")
    if line := words.beyond(of_glibc):
        console.say(line, "yellow")


def _of_the_file(items: Sequence[Explanation]) -> Iterator[str]:
    """What lint finds in the gai.conf that was used, for any of the builds."""
    found = list(dict.fromkeys(finding for one in items for finding in one.findings))
    for finding in found[:_MOST_FINDINGS]:
        yield f"gai.conf: {words.lint_line(finding)}"
    if (more := len(found) - _MOST_FINDINGS) > 0:
        yield f"gai.conf: {more} more findings (gai-harness lint has all)"


def _write(console: Terminal, on: str, found: Explanation, remarks: set[str]) -> None:
    result = found.result
    failed = result.verdict in (Verdict.CRASHED, Verdict.ERROR)  # the words name the error then
    error = f" ({result.error})" if result.error and not failed else ""
    console.say(f"  {words.whose([result])}{on}: {words.comparison(result)}{error}")
    if result.rows:
        console.say(f"  {words.told(result)}")
    if result.said:
        console.say(f"  it said {result.said}", "bold red")
    if result.untrusted:
        console.say(f"  not counted: {result.untrusted}", "bold magenta")
    if result.destinations:
        for line in _facts(result, console.width):
            console.say(line)
        if len(result.order) > len(result.destinations):  # one of them stands there twice
            console.say(f"  returned: {', '.join(result.order)}")
    elif result.native:
        why = result.unsorted or "one address: nothing is sorted" * (len({*result.order}) == 1)
        console.say(f"  returned: {', '.join(result.order)}" + f" ({why})" * bool(why))
    for line in result.presence_lines:
        console.say(f"  {line}", "cyan")
    for number, decision in enumerate(result.decisions, 1):
        console.say(f"  {number}. {decision.before} before {decision.after}")
        console.say(f"     {decision.why}")
    for line, style in _beside(found, remarks):
        console.say(f"  {line}", style)


def _beside(found: Explanation, remarks: set[str]) -> Iterator[tuple[str, str]]:
    result, pair = found.result, found.pair
    if not result.agreed:
        yield f"native: {result.answer}", "bold red"
        yield f"model:  {result.model_answer}", "bold red"
    for line in result.unmet:
        yield f"expectation failed: {line}", "bold red"
    if pair is not None:
        yield f"asked: {pair.before} before {pair.after}: {pair.why}", "bold"
    if found.trace is not None:
        yield from _traced(found.trace, result.resolver)
    for line in result.undefined:
        yield f"undefined: {line}", "magenta"
    for remark in result.remarks:
        yield f"{remark.kind}: {words.remarked(remark.kind, remark.text, remarks)}", "yellow"
    for departure in result.departures:
        order = ", ".join(departure.order)
        yield f"{departure.standard} would return {order}: {departure.why}", "blue"


def _traced(trace: TraceReport, resolver: str) -> Iterator[tuple[str, str]]:
    yield f"system calls of the real {resolver}:", "dim"
    for call in trace.calls:
        yield f"  {call}", "dim"
    for check in trace.checks:
        says = "as the kernel's route look-up says"
        if not check.same:
            says = f"but the kernel's route look-up says {check.looked_up}"
        style = "" if check.same else "bold red"
        yield f"connect {check.destination}: source {check.traced}, {says}", style


def _side_by_side(items: Sequence[Explanation], width: int) -> Iterator[str]:
    """The place that each resolver gives each address, and the reasons where two part."""
    groups = grouped(items, lambda one: (one.result.resolver, one.result.returned))
    columns = [same[0].result for same in groups.values()]
    rows = [["address", *(_versions(one.result for one in same) for same in groups.values())]]
    for text in dict.fromkeys(text for one in columns for text in one.order):
        places = ([n for n, each in enumerate(one.order, 1) if each == text] for one in columns)
        rows.append([text, *(", ".join(map(str, each)) or "-" for each in places)])
    if any(one.error for one in columns):
        rows.append(["error", *(one.error or "" for one in columns)])
    for each in items[0].standards:
        rows[0].append(each.standard)
        for row in rows[1:]:
            row.append(str(each.order.index(row[0]) + 1) if row[0] in each.order else "-")
    yield ""
    yield from table_lines(rows, width, "  ")
    yield ""
    for part in items[0].contrasts:
        yield f"  {_has(part.one, part.one_first, part.other_first)}: {part.one_why}"
        yield f"  {_has(part.other, part.other_first, part.one_first)}: {part.other_why}"
    for each in items[0].standards:
        yield f"  {each.standard} would return {', '.join(each.order)}: {each.why}"


def _has(who: str, first: str, then: str) -> str:
    """What an answer has at the first place where two part; "" where it has ended or failed."""
    if not first:
        return who
    return f"{who} has {first} before {then}" if then else f"{who} has {first} too"


def _versions(results: Iterable[Result]) -> str:
    """The resolver and the versions of it that answer alike: ``musl 1.2.3, 1.2.5``."""
    listed = list(results)
    numbers = (one.resolver_version or one.glibc for one in listed)
    return f"{listed[0].resolver} {', '.join(dict.fromkeys(numbers))}"


_HEADINGS = (
    "destination", "was", "source", "reachable", "scope", "label", "precedence", "interface",
    "common prefix", "flags",
)  # fmt: skip
# the columns in which each rule sees what it decides on
_SEEN = {1: (3,), 2: (4,), 3: (9,), 4: (9,), 5: (5,), 6: (6,), 7: (7,), 8: (4,), 9: (8,), 10: (1,)}
_SPARED = (9, 3, 7, 4, 5, 6, 8, 2, 1)  # the columns that are too much, the least telling first


def _facts(result: Result, width: int) -> Iterator[str]:
    """The table of the destinations; what all have in common stands above it.

    So do the columns that decided nothing, where there is no room for them.
    """
    table = [_HEADINGS, *map(_cells, result.destinations)]
    decided = {at for one in result.decisions for at in _SEEN.get(one.rule or 0, ())}
    alike = [
        at
        for at, (_, *facts) in enumerate(zip(*table, strict=True))
        if len(facts) > 1 and len({*facts}) == 1 and at > 1 and at not in decided
    ]
    kept = [at for at in range(len(_HEADINGS)) if at not in alike]
    spared: list[int] = []

    def shown() -> list[list[str]]:
        return [[row[at] for at in kept] for row in table]

    for at in _SPARED:
        if at in kept and at not in decided and not fits(shown(), width, "  ", whole=True):
            kept.remove(at)
            spared.append(at)
    if not fits(shown(), width, "  "):  # a block for each has room for all
        kept, spared = sorted([*kept, *spared]), []
    common = "; ".join(f"{_HEADINGS[at]} {table[1][at]}" for at in alike)
    above = [f"in common: {common}"] if alike else []
    for at in sorted(spared):
        in_order = ", ".join(row[at] for row in table[1:])
        above += [f"{_HEADINGS[at]} in this order: {in_order}"]
    yield ""
    for line in above:
        yield from (f"  {each}" for each in folded(line, width - 2))
    if above:
        yield ""
    yield from table_lines(shown(), width, "  ")
    yield ""


def _cells(row: DestinationRow) -> tuple[str, ...]:
    native = "" if row.native else ", not native"
    return (
        row.destination,
        str(row.place or row.position + 1),
        f"{row.source}/{row.prefixlen}" if row.source else "-",
        "yes" if row.reachable else f"no ({row.error})" if row.error else "no",
        words.equality(row.destination_scope, row.source_scope),
        words.equality(row.destination_label, row.source_label),
        str(row.precedence),
        (row.interface or "unknown") + native if row.interface or row.reachable else "-",
        f"{row.common_prefix} bits" if row.reachable else "-",
        ", ".join(row.flags) or "-",
    )


def write_getent(answers: Sequence[GetentAnswer], explanations: Sequence[Explanation]) -> None:
    """Print the questions of getent side by side, each with what is left out or changed."""
    out = Terminal()
    said = iter(explanations)
    width = max(len(one.command) for one in answers)
    out.say(f"{words.THIS_HOST}: what getent asks, and in which order it comes", "bold")
    for one in answers:
        what = ", ".join(one.addresses) or "nothing"
        if one.model is None:
            out.say(f"  {one.command:{width}}  {what} (IPv6 alone where there is any; not sorted)")
            continue
        model = "as the model" if one.agreed else f"the model: {', '.join(one.model) or 'nothing'}"
        out.say(f"  {one.command:{width}}  {what} ({model})", "" if one.agreed else "bold red")
        for line in next(said).result.presence_lines:
            out.say(f"    {line}", "cyan")


def document(explanations: Sequence[Explanation]) -> Explain:
    """All explanations as one JSON document; the keys of a result are those of ``run``."""
    return Explain(tuple(fill(Explained, one, one.result) for one in explanations))
