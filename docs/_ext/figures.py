"""The figures of docs/how-glibc-orders.md, drawn from runs of the harness on real glibc 2.36.

    python docs/_ext/figures.py            writes docs/figures/*.svg
    python docs/_ext/figures.py --check    writes nothing; 1 when one of them is stale

Every order in them is what glibc returned; where native and model differ, nothing is drawn.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from svg import Drawing

from harness.model import Candidate, Destination, Policy, order
from harness.model.dialects import ROWS
from harness.model.order import Compare, decide, merge_sort
from harness.report.html.answers import PrefixBits, prefix_bits

DOCS = Path(__file__).resolve().parents[1]
PAGE = DOCS / "how-glibc-orders.md"
FOLDER = DOCS / "figures"
GLIBC = "2.36"
Explained = dict[str, Any]


def explained(scenario: str | Path, lookup: str) -> Explained:
    """What glibc and the model made of one look-up. Raises SystemExit where they differ."""
    done = subprocess.run(
        [
            sys.executable, "-P", "-m", "harness", "explain", str(scenario),
            "--lookup", lookup, "--glibc", GLIBC, "--json",
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(f"{scenario}: {done.stderr or done.stdout}")
    first: Explained = json.loads(done.stdout)["explanations"][0]
    assert first["verdict"] == "agree"
    assert first["native"] == first["model"]
    return first


def of_the_page(name: str) -> Explained:
    """The look-up of the scenario that the page itself shows under ``name``."""
    match = re.search(rf"```yaml\n(# {re.escape(name)}\n.*?)```", PAGE.read_text("utf-8"), re.S)
    assert match is not None, name
    with TemporaryDirectory() as folder:
        file = Path(folder, name)
        file.write_text(match[1], encoding="utf-8")
        return explained(file, "web")


def order_figure() -> Drawing:
    """One answer, as the name service gave it and as getaddrinfo returned it."""
    run = of_the_page("eight.yaml")
    rows = run["destinations"]  # in the order returned
    step, top, left, right = 58, 62, 16, 330
    drawn = Drawing(700, top + step * len(rows) - 8, "One answer before and after the sort")
    drawn.text(left, 22, "the name service's order", "f-soft small")
    drawn.text(right, 22, f"getaddrinfo's order (glibc {GLIBC})", "f-soft small")
    for place, row in enumerate(rows):
        was, y = row["position"], top + step * place
        start = top + step * was
        near, far = left + 190, right - 10
        middle = (near + far) / 2
        drawn.path(
            f"M{near} {start - 5}C{middle} {start - 5} {middle} {y - 5} {far} {y - 5}",
            "s-line" if row["reachable"] else "s-odd",
            head=True,
        )
        drawn.text(left, start, f"{was + 1}.", "f-soft")
        drawn.text(left + 24, start, row["destination"], "mono f-ink")
        drawn.text(right, y, row["destination"], "mono f-ink bold")
        source = f"from {row['source']}/{row['prefixlen']}" if row["source"] else "no source"
        drawn.text(right + 180, y, source, "mono small f-soft")
    for place, decision in enumerate(run["decisions"]):
        y = top + step * place + 29
        drawn.rect(right + 2, y - 15, 58, 20, "f-card", 10)
        drawn.text(right + 31, y - 1, f"rule {decision['rule']}", "small f-main bold", "middle")
        drawn.text(right + 70, y - 1, _values(decision), "small f-ink")
    return drawn


def _values(decision: dict[str, Any]) -> str:
    """Both values of a decision without the addresses they belong to."""
    text = decision["why"].partition(": ")[2]
    before, after = text.split(f", {decision['after']} ")
    first, second = before.removeprefix(f"{decision['before']} "), after
    short = {
        "reached": "can be reached", "cannot": "cannot be reached",
        "is outside": "outside the subnet",
    }  # fmt: skip
    for start, words in short.items():
        first = words if first.startswith(start) else first
        second = words if second.startswith(start) else second
    first, second = (
        re.sub(r" (?:of|with) [0-9a-f.:/]+$|^source \S+ is ", "", one) for one in (first, second)
    )
    word = first.partition(" ")[0]
    return f"{first} against {second.removeprefix(word + ' ')}"


def bits_figure() -> Drawing:
    """Rule 9 on the seed's example: with an address table, and without one."""
    hosts = [
        ("with any IPv6 address: the source's prefix length is known", "seed-rule9-dual-stack"),
        ("IPv4 only: the table is gone, no prefix length (amd64)", "seed-rule9-ipv4-only"),
    ]
    drawn = Drawing(560, 404, "Rule 9 in bits")
    y = 20
    for words, scenario in hosts:
        run = explained(scenario, "web")
        drawn.text(10, y, words, "f-ink bold")
        y += 28
        for row in run["destinations"]:
            bits = prefix_bits(
                row["destination"], row["source"], row["prefixlen"], row["common_prefix"]
            )
            _bits(drawn, y, bits)
            y += 72
        drawn.text(10, y, f"returned: {', '.join(run['native'])}", "f-main")
        y += 38
    return drawn


def _bits(drawn: Drawing, y: float, bits: PrefixBits) -> None:
    kinds = {"equal": "f-good bold" if bits.counted else "f-soft", "first": "f-odd bold",
             "rest": "f-soft"}  # fmt: skip
    unit, left, gap = 8.4, 126, 10
    for line, text in ((0, bits.destination), (20, bits.source)):
        drawn.text(10, y + line, text, "mono small f-ink")
    for number, group in enumerate(bits.groups):
        x = left + number * (8 * unit + gap)
        for line, runs in ((0, group.destination), (20, group.source)):
            drawn.spans(x, y + line, [(run.bits, kinds[run.kind]) for run in runs], "mono")
    if bits.prefixlen:
        edge = left + bits.prefixlen // 8 * (8 * unit + gap) - gap / 2
        drawn.path(f"M{edge} {y - 14}V{y + 26}", "s-main", 2)
        drawn.text(edge + 4, y + 40, f"/{bits.prefixlen}", "small f-main")
    drawn.text(left, y + 40, f"{bits.equal} bits are equal, {bits.counted} count", "small f-ink")


class Sorted:
    """The merge sort on one look-up, with the comparisons it made."""

    def __init__(self, run: Explained, names: dict[str, str]) -> None:
        policy = Policy.from_gai_conf("precedence ::ffff:0:0/96 40", GLIBC)
        given = sorted(run["destinations"], key=lambda row: row["position"])
        ordered = order(
            [
                Candidate(row["destination"], row["source"], prefixlen=row["prefixlen"], index=2)
                for row in given
            ],
            policy,
            GLIBC,
        )
        known = sorted(ordered.ranked, key=lambda item: item.position)
        assert [item.common_prefix for item in known] == [row["common_prefix"] for row in given]
        self.names = [names[row["destination"]] for row in given]
        self.merges: list[tuple[int, int, list[str], list[str]]] = []
        result = self._sort(known, 0)
        assert result == merge_sort(known, lambda a, b: decide(a, b)[0])
        assert [str(item.address) for item in result] == run["native"]

    def _sort(self, items: Sequence[Destination], start: int) -> list[Destination]:
        if len(items) <= 1:
            return list(items)
        middle = len(items) // 2
        self._sort(items[:middle], start)
        self._sort(items[middle:], start + middle)
        asked: list[str] = []
        last = 0

        def compare(a: Destination, b: Destination) -> int:
            nonlocal last
            verdict, rule = decide(a, b)
            first, second = (a, b) if verdict <= 0 else (b, a)
            asked.append(f"{self._name(first)} before {self._name(second)} (rule {rule.number})")
            return verdict

        halves = [self._quiet(items[:middle]), self._quiet(items[middle:])]
        result = _merge(halves[0], halves[1], compare)
        self.merges.append((start, start + len(items), [self._name(i) for i in result], asked))
        return result

    def _quiet(self, items: Sequence[Destination]) -> list[Destination]:
        return merge_sort(items, lambda a, b: decide(a, b)[0])

    def _name(self, item: Destination) -> str:
        return self.names[item.position]


def _merge(
    left: list[Destination], right: list[Destination], compare: Compare
) -> list[Destination]:
    made: list[Destination] = []
    left, right = left[:], right[:]
    while left and right:
        made.append(left.pop(0) if compare(left[0], right[0]) <= 0 else right.pop(0))
    return made + left + right


NAMES = {
    "172.31.80.8": "far IPv4", "172.18.45.6": "near IPv4",
    "2001:db8:9::1": "far IPv6", "2001:db8:1::6": "near IPv6",
}  # fmt: skip


def sort_figure() -> Drawing:
    """Three addresses that form a cycle, and the same three with a fourth."""
    drawn = Drawing(660, 520, "The steps of the merge sort decide")
    y = 20.0
    for lookup, words in (
        ("three", "three addresses: unchanged"),
        ("four", "one more behind them: near IPv4 comes to the front"),
    ):
        steps = Sorted(explained("fact-2.9-intransitive", lookup), NAMES)
        drawn.text(10, y, words, "f-ink bold")
        y = _merges(drawn, y + 18, steps) + 44
    drawn.height = y - 20
    return drawn


def _merges(drawn: Drawing, top: float, steps: Sorted) -> float:
    unit, box, height = 160, 84, 26
    bottoms = {}
    for place, name in enumerate(steps.names):
        x = 10 + place * unit
        drawn.rect(x, top, box, height, "f-card")
        drawn.text(x + box / 2, top + 18, name, "small f-ink", "middle")
        bottoms[place, place + 1] = (x + box / 2, top + height)
    low = top + height
    for start, end, result, asked in steps.merges:
        parts = [key for key in bottoms if start <= key[0] and key[1] <= end]
        y = max(bottoms[key][1] for key in parts) + 34
        width = 74 * len(result)
        middle = sum(bottoms[key][0] for key in parts) / len(parts)
        x = max(10.0, middle - width / 2)
        for key in parts:
            from_x, from_y = bottoms.pop(key)
            to_x = x + width * (0.3 if from_x < middle else 0.7)
            drawn.path(f"M{from_x} {from_y + 2}L{to_x} {y - 3}", "s-line", head=True)
        drawn.rect(x, y, width, height, "f-card")
        for number, name in enumerate(result):
            drawn.text(x + 37 + 74 * number, y + 18, name, "small f-ink", "middle")
        for number, line in enumerate(asked):
            drawn.text(x + width / 2, y + height + 16 + 16 * number, line, "small f-main", "middle")
        bottom = y + height + 16 * len(asked) + 4
        bottoms[start, end] = (x + width / 2, bottom)
        low = max(low, bottom)
    return low


def cycle_figure() -> Drawing:
    """The cycle as the harness names it."""
    run = explained("fact-2.9-intransitive", "three")
    [remark] = [one["text"] for one in run["remarks"] if one["kind"] == "cycle"]
    match = re.search(r"form a cycle: (.*) \(rules (.*)\)", remark)
    assert match is not None, remark
    addresses = match[1].split(" before ")
    rules = match[2].split(", ")
    assert addresses[0] == addresses[-1]
    places = {0: (200, 34), 1: (340, 190), 2: (60, 190)}
    drawn = Drawing(400, 236, "Three addresses, each preferred to the next")
    paths = ("M240 56L322 164", "M252 194H152", "M78 164L160 56")
    labels = ((300, 106, "start"), (200, 214, "middle"), (96, 106, "end"))
    for number in range(3):
        x, y = places[number]
        drawn.rect(x - 86 if number == 0 else x - (88 if number == 1 else 50),
                   y - 20, 172 if number == 0 else 140, 40, "f-card")  # fmt: skip
        middle = x if number == 0 else (x - 18 if number == 1 else x + 20)
        drawn.text(middle, y - 2, addresses[number], "mono small f-ink bold", "middle")
        drawn.text(middle, y + 14, NAMES[addresses[number]], "small f-soft", "middle")
        drawn.path(paths[number], "s-soft", head=True)
        at_x, at_y, at = labels[number]
        drawn.text(at_x, at_y, f"rule {rules[number]}", "small f-main bold", at)
    return drawn


FEATURES = {
    "rule9_ipv4_in_subnet_only": ("rule 9, IPv4", "longest match", "in the subnet only"),
    "scopev4_configurable": ("scopev4 in gai.conf", "unknown", "read"),
    "rfc1918_is_global": ("private IPv4 scope", "site-local (5)", "global (14)"),
    "loopback_source_by_127_0_0_1": ("source in 127/8", "as it is", "as 127.0.0.1"),
    "rule7_fills_in_unknown": ("unknown interface", "never native", "noted, or a crash"),
    "families_asked_together": ("one look-up for all", "AF_UNSPEC only", "every family"),
    "mapped_beside_ipv6": ("V4MAPPED with ALL", "lost", "both families"),
    "zone_numbers_checked": ("zones as numbers", "strtoul's", "checked"),
    "node_local_zone_names": ("zones of ff01::/16", "numbers only", "names too"),
    "no_data_told_by_family": ("no such record", "EAI_NONAME", "EAI_NODATA"),
    "numeric_names_whole": ("blank in an address", "ends it", "makes it a name"),
    "gaiconf_numbers_checked": ("gai.conf numbers", "guessed or undefined", "checked"),
    "mptcp_known": ("IPPROTO_MPTCP", "refused", "accepted"),
}
RUN_ON = (31, 36, 41, 43, 44)


def versions_figure() -> Drawing:
    """What changed when: the model's rows, and the versions that runs confirm."""
    first, last, left, unit, step = 5, 45, 150, 12.6, 40
    drawn = Drawing(left + unit * (last - first) + 16, 44 + step * len(FEATURES) + 30,
                    "What changed between glibc 2.5 and 2.44")  # fmt: skip

    def at(version: int) -> float:
        return left + unit * (version - first)

    low = 34 + step * len(FEATURES)
    for version in (5, 10, 15, 20, 25, 30, 35, 40, 44):
        drawn.path(f"M{at(version)} 26V{low}", "s-line", 0.5)
        drawn.text(at(version), 18, f"2.{version}", "small f-soft", "middle")
    for number, (feature, (title, *in_words)) in enumerate(FEATURES.items()):
        y = 34 + step * number
        rows = [row for row in ROWS if row.feature == feature]
        drawn.text(left - 8, y + 20, title, "small f-ink", "end")
        ends = [*(row.since[1] for row in rows[1:]), last]
        for row, end in zip(rows, ends, strict=True):
            start, newest = row.since[1], row.value == rows[-1].value
            fill, kind = ("f-main", "f-page") if newest else ("f-card", "f-ink")
            words, room = in_words[bool(row.value)], at(end) - at(start)
            drawn.rect(at(start), y + 4, room - (0 if end == last else 2), 24, fill, 4)
            if len(words) * 6.6 < room:
                drawn.text((at(start) + at(end)) / 2, y + 20, words, f"small {kind}", "middle")
    for version in RUN_ON:
        drawn.path(f"M{at(version)} {low}V{low + 8}", "s-good", 3)
    drawn.text(at(31) - 8, low + 14, "confirmed by runs", "small f-good", "end")
    return drawn


FIGURES: dict[str, Callable[[], Drawing]] = {
    "order": order_figure,
    "rule-9": bits_figure,
    "cycle": cycle_figure,
    "merge-sort": sort_figure,
    "versions": versions_figure,
}


def main(arguments: Sequence[str]) -> int:
    """Write the figures, or check them."""
    stale = []
    for name, draw in FIGURES.items():
        file = FOLDER / f"{name}.svg"
        text = draw().render()
        if "--check" not in arguments:
            file.write_text(text, encoding="utf-8")
        elif not file.exists() or file.read_text(encoding="utf-8") != text:
            stale.append(str(file))
    for name in stale:
        print(f"{name}: is stale; python docs/_ext/figures.py makes it anew", file=sys.stderr)
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
