"""What the formats of a run have in common: a writer, and answers held against another build's."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, replace
from operator import add
from typing import Annotated, TextIO

from pydantic import Field

from harness.compare.differences import BuildChange
from harness.compare.fields import Count
from harness.compare.results import LookupReport, Notice, Result
from harness.report.words import beyond
from harness.sandbox.spool import Spool

Held = tuple[LookupReport, BuildChange]


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts over a whole run, in the JSON contract's words."""

    agree: Count = 0
    disagree: Count = 0
    crashed: Count = 0
    error: Count = 0
    expectation_failed: Count = 0
    failed: Count = 0
    accepted: Count = 0
    predicted: Count = 0
    untrusted: Annotated[Count, Field(description="left out of the other counts")] = 0

    @classmethod
    def of(cls, results: Iterable[Result]) -> "Summary":
        """Count ``results``; ``failed`` counts those that make the exit status 1.

        What is ``untrusted`` is counted as that alone.
        """
        counts: Counter[str] = Counter()
        for result in results:
            if result.untrusted:
                counts["untrusted"] += 1
                continue
            counts[result.verdict.value] += 1
            counts["expectation_failed"] += bool(result.unmet)
            for name in ("failed", "accepted", "predicted"):
                counts[name] += getattr(result, name)
        return cls(**counts)

    def __add__(self, other: "Summary") -> "Summary":
        return Summary(*map(add, astuple(self), astuple(other)))

    def beside(self, lookups: int) -> str:
        """The number of answers, for a number of look-ups that is not the same; else nothing."""
        answers = self.agree + self.disagree + self.crashed + self.error + self.untrusted
        return "" if answers == lookups else f", {answers} answer{'s'[: answers != 1]}"

    @property
    def words(self) -> str:
        """The counts in words: "3 agree, 0 disagree, 0 error"."""
        unmet = self.expectation_failed
        counts = (
            f"{self.agree} agree, {self.disagree} disagree",
            f"{self.crashed} crashed ({self.predicted} predicted)" if self.crashed else "",
            f"{self.error} error",
            f"{unmet} with a failed expectation" if unmet else "",
            f"{self.accepted} accepted by the baseline" if self.accepted else "",
            f"{self.untrusted} not counted" if self.untrusted else "",
        )
        return ", ".join(filter(None, counts))


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
