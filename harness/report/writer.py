"""What the formats of a run have in common: a writer, and answers held against another build's."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import TextIO

from harness.compare.differences import BuildChange
from harness.compare.results import LookupReport, Notice, Summary
from harness.report.words import beyond
from harness.sandbox.spool import Spool

Held = tuple[LookupReport, BuildChange]


class Writer:
    """Takes the reports of a run one by one, in order, and writes them to ``stream``.

    ``summary`` has the totals of what was added, ``against`` what differs from another build.
    """

    def __init__(self, stream: TextIO, title: str = "") -> None:
        self._stream = stream
        self._title = title
        self.summary = Summary()
        self.against = Against()
        self._notices: list[Notice] = []
        self._versions: dict[str, None] = {}

    def add(self, report: LookupReport) -> None:
        """Take one look-up, on every glibc asked for."""
        self.summary += Summary.of(report.results)
        self._versions.update(
            dict.fromkeys(one.glibc for one in report.results if one.resolver == "glibc")
        )
        self.against.add(report)

    def note(self, notice: Notice) -> None:
        """Take what stands beside the results: a refused host, a stale entry of a baseline."""
        self._notices.append(notice)

    def finish(self) -> None:
        """Write what is still to be written."""

    @property
    def totals(self) -> str:
        """The counts of the whole run in words, with the hosts that could not be built."""
        refused = sum(notice.kind == "refused" for notice in self._notices)
        more = f", {refused} scenario{'s'[: refused != 1]} not run" if refused else ""
        return self.summary.words + more

    @property
    def beyond(self) -> str:
        """Which versions of the run are newer than the model knows, in a line; "" for none."""
        return beyond(self._versions)


class KeepingWriter(Writer):
    """Keeps the look-ups in a spool, for a document that is written when the run is finished."""

    def __init__(self, stream: TextIO, title: str = "") -> None:
        super().__init__(stream, title)
        self._reports: Spool[LookupReport] = Spool()

    def add(self, report: LookupReport) -> None:
        """Keep one look-up."""
        super().add(report)
        self._reports.append(report)


class Against:
    """What a run's builds answer otherwise than the one they are held against, added up.

    ``pairs`` answers were held against those of the build ``reference``, "" where none is.
    ``failing`` changes are findings, ``reasons`` what explains them, with how many.
    """

    def __init__(self) -> None:
        self._held: Spool[Held] = Spool()
        self._places: dict[str, list[int]] = {}
        self._findings: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.reference = ""
        self.pairs = self._unlucky = self._known = 0

    def add(self, report: LookupReport) -> None:
        """Take one look-up."""
        self.reference = self.reference or report.reference
        self.pairs += sum(map(report.holds, report.results))
        bare = replace(report, results=(), against=())
        for change in report.against:
            self._places.setdefault(change.rules, []).append(len(self._held))
            self._held.append((bare, change))
            if change.failed:
                self._findings[change.rules] += 1
                self.reasons.update(change.why)
            self._unlucky += change.undefined
            self._known += change.accepted

    def groups(self) -> Iterator[tuple[str, int, Iterator[Held]]]:
        """Changes by the rules that decided: these in words, how many, and the changes.

        Each comes with its look-up, whose results are left out. The largest group is first,
        but findings stand before what is none.
        """
        for rules, places in sorted(
            self._places.items(), key=lambda item: (item[0] not in self._findings, -len(item[1]))
        ):
            yield rules, len(places), (self._held[place] for place in places)

    @property
    def failing(self) -> int:
        """How many changes are findings."""
        return self._findings.total()

    @property
    def words(self) -> str:
        """How many answers differ from the reference build's, in a line; "" without one."""
        if not self.reference:
            return ""
        words = f"{len(self._held)} of {self.pairs} answers differ from {self.reference}"
        if self._unlucky:
            words += f", {self._unlucky} by undefined lines of gai.conf"
        if self._known:
            words += f", {self._known} accepted"
        return words
