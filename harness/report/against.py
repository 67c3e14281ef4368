"""What one build answers otherwise than another, grouped by the rules, for every format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.compare.results import BuildChange, LookupReport
from harness.sandbox.spool import Spool

Held = tuple[LookupReport, BuildChange]


@dataclass(frozen=True, slots=True)
class Group:
    """The changes in which the same rules decided before and after; ``title`` names them.

    ``places`` are the numbers of these changes among ``every``.
    """

    title: str
    every: Sequence[Held]
    places: tuple[int, ...]
    failing: bool

    @property
    def count(self) -> int:
        """How many changes it has."""
        return len(self.places)

    @property
    def held(self) -> Iterator[Held]:
        """The changes, each with its look-up; the look-up's results are left out."""
        return (self.every[place] for place in self.places)


class Against:
    """What a run's builds answer otherwise than the one they are held against, added up."""

    def __init__(self) -> None:
        self._held: Spool[Held] = Spool()
        self._places: dict[str, list[int]] = {}
        self._failing: set[str] = set()
        self._reference = ""
        self._pairs = self._unlucky = self._known = 0

    def add(self, report: LookupReport) -> None:
        """Take one look-up."""
        self._reference = self._reference or report.reference
        self._pairs += sum(map(report.holds, report.results))
        bare = replace(report, results=(), against=())
        for change in report.against:
            self._places.setdefault(change.rules, []).append(len(self._held))
            self._held.append((bare, change))
            if change.failed:
                self._failing.add(change.rules)
            self._unlucky += change.undefined
            self._known += change.accepted

    def groups(self) -> tuple[Group, ...]:
        """Changes by the rules that decided, the largest group first, findings before others."""
        made = [
            Group(title, self._held, tuple(places), title in self._failing)
            for title, places in self._places.items()
        ]
        return tuple(sorted(made, key=lambda group: (not group.failing, -group.count)))

    @property
    def words(self) -> str:
        """How many answers differ from the reference build's, in a line; "" without one."""
        if not self._reference:
            return ""
        words = f"{len(self._held)} of {self._pairs} answers differ from {self._reference}"
        if self._unlucky:
            words += f", {self._unlucky} by undefined lines of gai.conf"
        if self._known:
            words += f", {self._known} accepted"
        return words
