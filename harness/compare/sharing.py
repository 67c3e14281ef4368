"""What is worked out once for all builds that share it: analyses, and results of like answers.

Two versions of glibc differ in some of forty features, and a look-up asks a few of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from harness.compare.evidence import Case, Evidence
from harness.compare.predict import Prediction
from harness.compare.presence import PresenceRow
from harness.compare.results import Departure, DestinationRow, PairReason, Remark, Result
from harness.model.watched import WatchedDialect


@dataclass(frozen=True, slots=True)
class Analysis:
    """All that the model says of one look-up in one dialect."""

    prediction: Prediction
    decisions: tuple[PairReason, ...]
    remarks: tuple[Remark, ...]
    departures: tuple[Departure, ...]
    destinations: tuple[DestinationRow, ...]
    presence: PresenceRow | None


class Shared:
    """What judging one look-up under one gai.conf has worked out so far, by one model.

    ``analyses`` are known at the beginning.
    """

    def __init__(self, analyses: Mapping[Case, Analysis] = MappingProxyType({})) -> None:
        self.analyses = dict(analyses)
        self.results: dict[tuple[object, ...], Result] = {}
        """By the analysis and the answer, which several builds can have in common."""
        self._watched: list[tuple[WatchedDialect, Case, Analysis]] = []

    def analysis(self, evidence: Evidence, analyse: Callable[[Evidence], Analysis]) -> Analysis:
        """The analysis for a build: by ``analyse`` where it cannot have that of another one."""
        case = evidence.case
        if case in self.analyses:
            return self.analyses[case]
        for watched, (_, *rest), found in self._watched:
            if rest == [*case[1:]] and watched.holds_for(case[0]):
                self.analyses[case] = found
                return found
        own: Any = WatchedDialect(case[0])
        found = analyse(replace(evidence, asked=own))
        self._watched.append((own, case, found))
        self.analyses[case] = found
        return found
