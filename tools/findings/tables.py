"""The tables of docs/findings.md, in Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from ipaddress import ip_address

from harness.model.order import RULES
from harness.scenario.suites.findings import IP1, RESOLVERS, SHAPES, STACKS
from harness.versions import Version
from tools.findings.checks import Report, Result, Seen, Table, differing, once

_TITLES = {rule.number: rule.title for rule in RULES}
_STACK_WORDS = {"v4only": "IPv4 only", "linklocal": "with fe80::", "dual": "dual-stack"}


def render(table: Table, seen: Seen) -> list[str]:
    """The lines of one table. Raises LookupError where no result belongs to it."""
    makers = {
        "orders": _orders,
        "shares": _shares,
        "differences": _differences,
        "standards": _standards,
        "seed": _seed,
        "processors": _processors,
    }
    lines = makers[table.kind](table, seen)
    return [table.caption.strip(), "", *lines] if table.caption else lines


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        raise LookupError(f"no rows for the table {' | '.join(head)}")
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def _reports(table: Table, seen: Seen) -> list[Report]:
    return [report for pattern in table.at for report in seen.at(pattern)]


def versions_of(results: Sequence[Result]) -> str:
    """The versions of some results, each once: never the package's revision."""
    return ", ".join(dict.fromkeys(result["glibc"] for result in results))


def _addresses(order: Sequence[str]) -> str:
    return ", ".join(f"`{address}`" for address in order)


def _rule(number: int) -> str:
    return f"rule {number}, {_TITLES[number]}"


def _decided(result: Result) -> str:
    return _rule(result["decisions"][0]["rule"]) if result["decisions"] else "not sorted"


def _by_answer(report: Report) -> Iterator[list[Result]]:
    """The results of one look-up, those that say the same together."""
    groups: dict[tuple[object, ...], list[Result]] = {}
    for result in report.results:
        key = (once(result["native"]), result["error"], _decided(result))
        groups.setdefault(key, []).append(result)
    yield from groups.values()


def _orders(table: Table, seen: Seen) -> list[str]:
    rows = [
        (
            f"`{report.scenario}` {report.lookup}",
            versions_of(same),
            _addresses(once(same[0]["native"])) or str(same[0]["error"]),
            _decided(same[0]),
        )
        for report in _reports(table, seen)
        for same in _by_answer(report)
    ]
    return _grid(("scenario, look-up", "glibc", "order", "first before second by"), rows)


def _shares(table: Table, seen: Seen) -> list[str]:
    """How often each address comes first over all look-ups of a scenario."""
    by_scenario: dict[str, list[Report]] = {}
    for report in _reports(table, seen):
        by_scenario.setdefault(report.scenario, []).append(report)
    addresses = sorted(
        {result["native"][0] for reports in by_scenario.values() for report in reports
         for result in report.results if result["native"]},
        key=lambda address: int(ip_address(address)),
    )  # fmt: skip
    rows = []
    for scenario, reports in by_scenario.items():
        shares: dict[tuple[str, ...], list[Result]] = {}
        for same_version in zip(*(report.results for report in reports), strict=True):
            counts = Counter(result["native"][0] for result in same_version)
            row = tuple(f"{counts[address]}/{len(reports)}" for address in addresses)
            shares.setdefault(row, []).append(same_version[0])
        rows += [
            (f"`{scenario}`", versions_of(same), *row) for row, same in shares.items()
        ]  # fmt: skip
    return _grid(("scenario", "glibc", *(f"`{address}`" for address in addresses)), rows)


def _differences(table: Table, seen: Seen) -> list[str]:
    """The look-ups of two scenarios that come out differently."""
    left, right = table.at
    differ, of = differing((left, right), seen)
    rows = [
        (pair[0].lookup, versions_of(a), *_side(a), *_side(b))
        for pair in differ
        for a, b in zip(_by_answer(pair[0]), _by_answer(pair[1]), strict=True)
    ]
    head = ("look-up", "glibc", f"`{left}`", "by", f"`{right}`", "by")
    return [
        *_grid(head, rows),
        "",
        f"The other {of - len(differ)} of {of} look-ups give one order.",
    ]


def _side(results: Sequence[Result]) -> tuple[str, str]:
    return _addresses(once(results[0]["native"])), _decided(results[0])


def _standards(table: Table, seen: Seen) -> list[str]:
    rows = []
    for report in _reports(table, seen):
        for same in _by_answer(report):
            says = {item["standard"]: item for item in same[0]["departures"]}
            cells = [
                "the same" if name not in says else _addresses(once(says[name]["order"]))
                for name in ("RFC 3484", "RFC 6724")
            ]
            rows.append(
                (
                    f"`{report.scenario}` {report.lookup}",
                    versions_of(same),
                    _addresses(once(same[0]["native"])),
                    _decided(same[0]),
                    *cells,
                )
            )
    head = ("scenario, look-up", "glibc", "order", "first before second by", "RFC 3484", "RFC 6724")
    return _grid(head, rows)


def _seed(table: Table, seen: Seen) -> list[str]:
    """Who comes first in every shape of the node, over all versions."""
    columns = [(stack, resolver) for resolver in RESOLVERS for stack in STACKS]
    rows = []
    for shape in SHAPES:
        for lookup in ("ip1-first", "ip2-first"):
            cells = [
                _winner(list(seen.at(f"findings-seed-{stack}-{resolver}-{shape.name}/{lookup}")))
                for stack, resolver in columns
            ]
            size = shape.name.rpartition("-")[2]
            rows.append((shape.words, size, lookup.replace("-", " "), *cells))
    head = (
        "node", "ip2 is", "names give",
        *(f"{resolver}, {_STACK_WORDS[stack]}" for stack, resolver in columns),
    )  # fmt: skip
    everywhere = [result for report in seen.at("findings-seed-*") for result in report.results]
    assert table.kind == "seed"
    return [*_grid(head, rows), "", f"Every cell is the answer of glibc {versions_of(everywhere)}."]


NOT_RUN = "not run"


def _processors(table: Table, seen: Seen) -> list[str]:
    """Versions × architectures of each look-up: the order as places in the list given."""
    named = [build.partition(":") for build in seen.builds]
    versions = sorted({glibc for glibc, _, _ in named}, key=Version.parse)
    lines: list[str] = []
    for report in _reports(table, Seen(seen.elsewhere)):
        cells = {(result["arch"], result["glibc"]): _places(result) for result in report.results}
        given = sorted(report.results[0]["destinations"], key=lambda row: row["position"])
        places = ", ".join(f"{n} is `{row['destination']}`" for n, row in enumerate(given, 1))
        rows = [
            (arch, *(cells.get((arch, glibc), NOT_RUN) for glibc in versions))
            for arch in dict.fromkeys(arch for _, _, arch in named)
        ]
        lines += [f"`{report.scenario}` {report.lookup}: {places}", ""]
        lines += [*_grid(("architecture", *versions), rows), ""]
    if not lines:
        raise LookupError("no look-up was run on other architectures")
    return lines[:-1]


def _places(result: Result) -> str:
    if result["error"]:
        return str(result["error"])
    given = sorted(result["destinations"], key=lambda row: row["position"])
    places = {row["destination"]: number for number, row in enumerate(given, 1)}
    order = " ".join(str(places[address]) for address in once(result["native"]))
    return f"{order} ({result['decisions'][0]['rule']})" if result["decisions"] else order


def _winner(reports: Sequence[Report]) -> str:
    """Which address came first and by which rule; LookupError unless versions agree on it."""
    found = {
        (result["native"][0] == IP1, result["decisions"][0]["rule"])
        for report in reports
        for result in report.results
    }
    if len(found) != 1:
        raise LookupError(f"{len(found)} answers where the seed's table has room for one")
    is_ip1, rule = found.pop()
    return f"ip1 ({rule})" if is_ip1 else f"**ip2** ({rule})"
