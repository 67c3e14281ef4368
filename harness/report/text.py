"""Results for a terminal: for each look-up the orders, the verdict, and why."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from typing import TextIO

from rich.text import Text

from harness.compare.results import LookupReport, Notice, Result, Summary, Verdict
from harness.report.against import Against, accepted, explanation, title_of
from harness.report.terminal import Terminal
from harness.text.shown import one_line
from harness.versions import Version

_COLOURS = {
    Verdict.AGREE: "green",
    Verdict.DISAGREE: "bold red",
    Verdict.CRASHED: "magenta",
    Verdict.ERROR: "red",
}

_NAMED = 4  # interfaces named in one note


def text_report(stream: TextIO, title: str = "") -> TextReport:  # noqa: ARG001 - as all writers
    """The writer of ``run --format text``; it has no title."""
    return TextReport(Terminal(stream))


class TextReport:
    """Writes reports one by one as they come, then the summary.

    ``console`` decides on colours and width; nothing is wrapped. ``quiet`` leaves out
    look-ups on which native and model agree and all builds answer alike.
    """

    def __init__(self, console: Terminal, quiet: bool = False) -> None:
        self._console = console
        self._quiet = quiet
        self._summary = Summary()
        self._lookups: set[tuple[str, str, str]] = set()
        self._ran: dict[tuple[str, str, str, str], str] = {}  # builds, and their emulators
        self._changed = 0
        self._against = Against()
        self._stale: list[Notice] = []
        self._scenario = ""

    def add(self, report: LookupReport) -> None:
        """Write one look-up."""
        self._against.add(report)
        self._summary += Summary.of(report.results)
        self._lookups.add((report.scenario, report.lookup, report.gai_conf))
        for result in report.results:
            self._ran[result.glibc, result.arch, result.lane, result.label] = result.emulator or ""
        if self._quiet and not _noteworthy(report):
            return
        if report.scenario != self._scenario:
            self._scenario = report.scenario
            self._line(Text(report.scenario, style="bold"))
            for line in summed_up(report.devices):
                self._line(Text(f"  {line}", style="dim"))
        self._line(Text(f"  {title_of(report)}"))
        for same in _same_answers(report.results):
            self._answer(same, report.results)
        for change in report.changes:
            if report.reference and change.older == change.newer:
                continue  # each is held against the reference below
            self._changed += 1
            why = change.why or ("no single dialect row explains it",)
            self._line(Text(f"    {change.between} differs: {'; '.join(why)}", "yellow"))
        for apart in report.architectures:
            why = apart.why or ("no dialect rows explain it",)
            self._line(Text(f"    {apart.between}: {'; '.join(why)}", "yellow"))
        for against in report.against:
            self._line(
                Text(f"    {against.new.where} differs from {against.old.where}: {against.rules}",
                     "yellow" if against.failed else "dim")
            )  # fmt: skip

    def finish(self) -> Summary:
        """Write the totals and return them."""
        summary = self._summary
        lookups = len(self._lookups)
        on = ", ".join(_builds(self._ran))
        what = f"{lookups} lookup{'s'[: lookups != 1]}" + (f" on glibc {on}" if on else "")
        self._line(Text(f"{what}: {summary.words}", "bold"))
        through = sorted({(arch, name) for (_, arch, *_), name in self._ran.items() if name})
        if through:
            self._line(Text(", ".join(f"{arch} ran through {name}" for arch, name in through)))
        if self._changed:
            plural = "s"[: self._changed != 1]
            self._line(Text(f"{self._changed} difference{plural} between neighbouring versions"))
        self._changes()
        return summary

    def note(self, notice: Notice) -> None:
        """Write what a run has to say beside its results; refused hosts are told elsewhere."""
        if notice.kind == "stale":
            self._stale.append(notice)

    def _changes(self) -> None:
        for group in self._against.groups():
            self._line(Text(f"{group.title}: {group.count}", "bold yellow"))
            for report, change in group.held:
                place = f"  {report.scenario}: {title_of(report)}"
                if change.accepted:
                    self._line(Text(f"{place}: {accepted(change)}"))
                    continue
                self._line(Text(place))
                for line in explanation(change):
                    self._line(Text(f"    {line}"))
        words = self._against.words
        if words:
            self._line(Text(words, "bold"))
        for notice in self._stale:
            self._line(
                Text(f"stale in the baseline: {where_of(notice)}: {notice.text}", "bold yellow")
            )

    def _answer(self, results: Sequence[Result], among: Sequence[Result]) -> None:
        first = results[0]
        where = " ".join(_label(result, among) for result in results)
        head = Text(f"    glibc {where}: ")
        verdict = str(first.verdict)
        if first.verdict is Verdict.CRASHED:
            verdict += f" with {first.error}"
        head.append(verdict, _COLOURS[first.verdict])
        self._line(head)
        if first.untrusted:
            self._line(Text(f"      not counted: {first.untrusted}", "bold magenta"))
        for line in first.undefined:
            self._line(
                Text(f"      undefined: {line}; a crash or any use of it is right", "magenta")
            )
        agreed = first.verdict is Verdict.AGREE
        if first.error and first.verdict is not Verdict.CRASHED:
            self._line(Text(f"      native  {first.error}"))
        elif first.native:
            self._line(Text(f"      native  {_once(first.native)}"))
        if first.model_error:
            self._line(Text(f"      model   {first.model_error}"))
        elif first.model:
            self._line(Text(f"      model   {_once(first.model)}"))
        if not agreed and first.first_difference is not None:
            self._line(Text(f"      first difference at number {first.first_difference + 1}"))
        for decision in first.decisions:
            self._line(Text(f"        {decision.why}", "dim" if agreed else ""))
        for remark in first.remarks:
            self._line(Text(f"      {remark.text}", "yellow" if remark.kind != "trap" else "cyan"))
        for departure in first.departures:
            self._line(
                Text(
                    f"      {departure.standard} says {', '.join(departure.order)} "
                    f"({departure.why})",
                    "blue",
                )
            )
        for failure in dict.fromkeys(line for result in results for line in result.unmet):
            self._line(Text(f"      expectation failed: {failure}", "bold red"))
        for known in dict.fromkeys(accepted(result) for result in results if result.accepted):
            self._line(Text(f"      {known}", "cyan"))

    def _line(self, text: Text) -> None:
        if "\n" in text.plain:
            text = Text(one_line(text.plain), text.style)
        self._console.print(text, soft_wrap=True, highlight=False)


def summed_up(devices: Sequence[str]) -> Iterator[str]:
    """Notes on interfaces, "NAME: WORDS", those of the same words as one line.

    A node has hundreds of interfaces that say the same.
    """
    alike: dict[str, list[str]] = {}
    for note in devices:
        name, _, words = note.partition(": ")
        alike.setdefault(words, []).append(name)
    for words, names in alike.items():
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        yield f"{', '.join(names[:_NAMED])}{more}: {words}"


def where_of(notice: Notice) -> str:
    """The place a notice speaks of, in words."""
    words = [notice.scenario, notice.lookup]
    if notice.gai_conf not in ("", "default"):
        words.append(f"gai.conf {notice.gai_conf}")
    words.append(f"glibc {notice.build}" if notice.build else "")
    return ", ".join(filter(None, words))


def _once(addresses: Sequence[str]) -> str:
    return ", ".join(address for address, _ in groupby(addresses))


def _label(result: Result, among: Sequence[Result]) -> str:
    text = result.glibc
    if result.arch != among[0].arch or len({r.arch for r in among}) > 1:
        text += f":{result.arch}"
    alike = [r for r in among if (r.glibc, r.arch) == (result.glibc, result.arch)]
    if len(alike) > 1:
        text += f" ({_apart(result, alike)})"
    return text


def _apart(result: Result, alike: Sequence[Result]) -> str:
    """What tells a result from those of the same version: its build, its lane, or both."""
    words = []
    if len({r.label for r in alike}) > 1:
        words.append(result.label)
    if sum(r.label == result.label for r in alike) > 1:
        words.append(result.lane)
    return ", ".join(words)


def _builds(builds: Collection[tuple[str, str, str, str]]) -> Iterator[str]:
    """Every build of a run, oldest first, with its label where its version has several."""
    for glibc, arch, lane, label in sorted(builds, key=_version_key):
        alone = len({other for *version, _, other in builds if version == [glibc, arch]}) == 1
        yield f"{glibc} {arch} ({lane if alone else f'{label}, {lane}'})"


def _version_key(item: tuple[str, str, str, str]) -> tuple[object, ...]:
    glibc, *others = item
    return Version.parse(glibc), *others


def _same_answers(results: Sequence[Result]) -> Iterator[list[Result]]:
    """Neighbouring results that say the same, so that versions stand side by side."""
    for _, same in groupby(
        results,
        key=lambda r: (
            r.verdict,
            r.native,
            r.model,
            r.error,
            r.unmet,
            r.decisions,
            r.undefined,
            r.remarks,
            r.accepted,
            r.untrusted,
        ),
    ):
        yield list(same)


def _noteworthy(report: LookupReport) -> bool:
    """Whether ``--quiet`` shows a look-up: something fails, is known to, or differs."""
    return bool(
        report.failed
        or report.changes
        or report.architectures
        or report.against
        or any(result.differs or result.predicted or result.untrusted for result in report.results)
    )
