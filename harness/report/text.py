"""Results for a terminal: for each look-up the orders, the verdict, and why."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TextIO

from harness.compare.differences import BuildChange, Change, VersionChange
from harness.compare.results import LookupReport, Notice, Result, Verdict, beside_build
from harness.compare.values import grouped
from harness.report import words
from harness.report.lines import printer
from harness.report.writer import Writer
from harness.sandbox import DeviceNote
from harness.text.errors import some
from harness.versions import age, who

_COLOURS = {
    Verdict.AGREE: "green", Verdict.DISAGREE: "bold red", Verdict.CRASHED: "magenta",
    Verdict.ERROR: "red",
}  # fmt: skip
_STYLES = {
    "untrusted": "bold magenta", "undefined": "magenta", "trap": "cyan", "cycle": "yellow",
    "reply": "yellow", "reload": "cyan", "presence": "cyan", "departure": "blue",
    "unmet": "bold red", "accepted": "cyan",
}  # fmt: skip
_NAMED = 4  # interfaces named in one note


class TextReport(Writer):
    """Writes reports one by one as they come, then the summary; nothing is wrapped.

    ``quiet`` leaves out look-ups on which native and model agree and all builds answer alike,
    predicted crashes, what a baseline accepts, and what is told again at the end: there, a change
    is one line, below the causes. ``brief`` leaves out such look-ups, too, and has a line for each
    scenario.
    """

    def __init__(
        self, stream: TextIO, title: str = "", *, quiet: bool = False, brief: bool = False
    ) -> None:
        super().__init__(stream, title)
        self._say = printer(stream).say
        self._few = quiet or brief
        self._quiet = quiet
        self._brief = brief
        self._heading = ""  # the scenario that stands above the next look-up
        self._unshown: Counter[str] = Counter()  # look-ups of the scenario, by what came of them
        self._last_words: Counter[str] = Counter()  # of crashes that are told by their changes
        self._remarks: set[str] = set()
        self._lookups = 0
        self._ran: dict[tuple[str, str, str, str], Result] = {}  # builds, and a result of each
        self._changed = 0
        self._scenario = ""

    def add(self, report: LookupReport) -> None:
        """Write one look-up."""
        super().add(report)
        self._lookups += 1
        for one in report.results:
            self._ran.setdefault((one.version, one.arch, one.lane, one.label), one)
        self._changed += sum(
            isinstance(change, VersionChange) and not _held(report, change)
            for change in report.differences
        )
        if report.scenario != self._scenario:
            self._end_scenario()
            self._scenario = report.scenario
        if self._few and not _noteworthy(report, self._quiet):
            self._unshown[_outcome(report)] += 1
            self._last_words.update(one.said for one in report.results if one.failed and one.said)
            return
        if report.scenario != self._heading:
            self._heading = report.scenario
            self._say(report.scenario, "bold")
            for line in device_lines(report.devices):
                self._say(f"  {line}", "dim")
        self._say(f"  {_title(report)}")
        # neighbours that say the same stand side by side
        for _, same in groupby(report.results, beside_build):
            self._answer(list(same), report.results)
        for change in report.differences:
            if _held(report, change) or (self._few and report.against):
                continue  # each is held against the reference below
            known = isinstance(change, BuildChange) and not change.failed
            self._say(f"    {change.headline}", "dim" if known else "yellow")

    def finish(self) -> None:
        """Write the totals, changes against another build, and stale entries of the baseline."""
        self._end_scenario()
        lookups, ran = self._lookups, self._ran.values()
        on = ", ".join(_builds(self._ran))
        whose = "glibc " if any(one.resolver == "glibc" for one in ran) else ""
        what = f"{lookups} lookup{'s'[: lookups != 1]}" + (f" on {whose}{on}" if on else "")
        self._say(f"{what}{self.summary.beside(lookups)}: {self.totals}", "bold")
        if through := sorted({(one.arch, one.emulator) for one in ran if one.emulator}):
            self._say(", ".join(f"{arch} ran through {name}" for arch, name in through))
        for one in ran:
            if one.rows:
                self._say(words.told(one))
        if self.beyond:
            self._say(self.beyond, "yellow")
        if self._changed and not (self._quiet and self.against.reference):
            plural = "s"[: self._changed != 1]
            self._say(f"{self._changed} difference{plural} between neighbouring versions")
        if self._quiet:
            self._causes()
            self._changes_in_lines()
        else:
            self._changes_in_full()
        if line := self.against.words:
            self._say(line, "bold")
        for notice in self._notices:
            if notice.kind == "stale":  # refused hosts are told elsewhere
                self._say(f"stale in the baseline: {_where(notice)}: {notice.text}", "bold yellow")
        if not self._quiet:
            self._causes()
        if self._brief and lookups:
            self._say("every look-up with its orders and rules: gai-harness run -v")

    def _causes(self) -> None:
        for notice in self._notices:
            if notice.kind == "cause":
                self._say(f"{who(notice.build)}: {notice.text}", "bold")

    def _changes_in_full(self) -> None:
        for rules, count, held in self.against.groups():
            heading = f"{rules}: {count}"
            for report, change in held:
                if change.accepted and self._few:
                    continue  # counted below
                if heading:
                    self._say(heading, "bold yellow")
                    heading = ""
                place = f"  {report.scenario}: {_title(report)}"
                if change.accepted:
                    self._say(f"{place}: {words.acceptance(change)}")
                    continue
                for line in (place, *(f"    {line}" for line in words.change_lines(change))):
                    self._say(line)

    def _changes_in_lines(self) -> None:
        """The reasons, each with how many changes it explains, and a line for each change."""
        for why, count in self.against.reasons.most_common():
            self._say(f"{why}: {count} of {self.against.failing} differences", "bold")
        for said, count in self._last_words.most_common():
            self._say(f"it said {said}: {count} of {self.against.failing} differences", "bold")
        several = len(self._ran) > 2  # beside the reference
        for rules, _, held in self.against.groups():
            news = [(report, change) for report, change in held if change.failed]
            if news:
                self._say(f"{rules}: {len(news)}", "bold yellow")
            for report, change in news:
                on = f" on {change.new.where}" if several else ""
                line = f"{change.new.answer} instead of {change.old.answer}{on}"
                self._say(f"  {report.scenario}: {_title(report)}: {line}")

    def _end_scenario(self) -> None:
        """Write the line of a scenario's look-ups that are not shown, where there are any."""
        if self._brief and self._unshown:
            counts = ", ".join(f"{count} {what}" for what, count in self._unshown.items())
            above = self._heading == self._scenario
            self._say(f"  beside: {counts}" if above else f"{self._scenario}: {counts}")
        self._unshown.clear()

    def _answer(self, results: Sequence[Result], among: Sequence[Result]) -> None:
        first = results[0]
        crashed = first.verdict is Verdict.CRASHED
        labels = " ".join(_label(result, among) for result in results)
        verdict = f"{first.verdict} with {first.error}" if crashed else str(first.verdict)
        line = f"    {words.whose(results)}{labels}: {verdict}"
        self._say(line, _COLOURS[first.verdict], mark=verdict)
        for kind, line in words.result_lines(first):
            plain = kind == "why" and first.verdict is Verdict.AGREE
            line = words.remarked(kind, line, self._remarks)
            if kind != "native" or not crashed:
                self._say(f"      {line}", "dim" if plain else _STYLES.get(kind, ""))


def device_lines(devices: Sequence[DeviceNote]) -> Iterator[str]:
    """Notes on interfaces, those of the same words as one line: a node has hundreds of them."""
    for note, alike in grouped(devices, itemgetter(1)).items():
        yield f"{some([name for name, _ in alike], _NAMED)}: {note}"


def _title(report: LookupReport) -> str:
    conf = "" if report.gai_conf == "default" else f"  (gai.conf: {report.gai_conf})"
    return report.lookup + conf


def _where(notice: Notice) -> str:
    """The place a stale entry of the baseline speaks of, in words."""
    conf = "" if notice.gai_conf in ("", "default") else f"gai.conf {notice.gai_conf}"
    build = who(notice.build) if notice.build else ""
    return ", ".join(filter(None, (notice.scenario, notice.lookup, conf, build)))


def _label(result: Result, among: Sequence[Result]) -> str:
    """The version, and what tells the build from others: architecture, origin, lane, or all."""
    text = result.version
    if len({each.arch for each in among}) > 1:
        text += f":{result.arch}"
    apart = words.told_apart(result, among)
    return f"{text} ({apart})" if apart else text


def _builds(builds: Collection[tuple[str, str, str, str]]) -> Iterator[str]:
    """Every build of a run, oldest first, with its label where its version has several."""
    for glibc, arch, lane, label in sorted(builds, key=lambda key: (age(key[0]), *key)):
        alone = len({other for *version, _, other in builds if version == [glibc, arch]}) == 1
        yield f"{glibc} {arch} ({lane if alone else f'{label}, {lane}'})"


def _held(report: LookupReport, change: Change) -> bool:
    """Whether two builds of one version differ, each of which is held against the reference."""
    of_version = isinstance(change, VersionChange) and change.older == change.newer
    return of_version and bool(report.reference)


def _noteworthy(report: LookupReport, quiet: bool) -> bool:
    """Whether a look-up is shown: something fails or differs that is not told at the end.

    Builds that differ from each other do not both answer as the reference. ``quiet``: a crash
    that was predicted is counted only.
    """
    told = {change.new.where for change in report.against if not change.accepted}
    return bool(
        (report.differences and not report.against)
        or any(
            (result.predicted and not quiet)
            or result.untrusted
            # a change that is told says all that is wrong with other results
            or (result.failed and (result.agreed or result.differences or result.where not in told))
            for result in report.results
        )
    )


def _outcome(report: LookupReport) -> str:
    """What came of a look-up that is not shown."""
    if any(not change.accepted for change in report.against):
        return "told at the end"
    known = report.against or any(one.accepted for one in report.results)
    return "accepted by the baseline" if known else "as expected"
