"""What fuzzing found, and how batches of it are put together."""

from collections import Counter
from dataclasses import dataclass, field, fields, replace

from harness.compare import predict
from harness.compare.evidence import Evidence
from harness.compare.fuzz.changes import explanations
from harness.compare.fuzz.tally import known_keys
from harness.compare.results import Result
from harness.compare.verdict import judge


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One case on which native and model differ, with everything to look into it.

    ``agreed`` are cases of its host on which they do not differ.
    """

    evidence: Evidence
    result: Result
    agreed: tuple[Evidence, ...] = ()


def judged(
    evidence: Evidence, agreed: tuple[Evidence, ...], is_explained: bool = True
) -> Disagreement:
    """A case judged, and explained by what spoils none of what is ``agreed`` on."""
    left = explanations(evidence) if is_explained else ()
    for one in agreed:
        left = explanations(one, left)
    return Disagreement(evidence, replace(judge(evidence, predict.GLIBC), causes=left), agreed)


@dataclass(frozen=True, slots=True)
class FuzzReport:
    """What batches gave.

    ``cases`` counts look-ups × gai.conf × glibc; ``crashes`` the sessions that died as
    predicted, ``unasked`` the look-ups lost with them; ``native_ns`` is the time inside
    getaddrinfo; ``refused`` are hosts that the kernel would not build, ``disagreements`` some
    of the ``differing`` cases. ``counts`` says how often each of `known_keys` decided.
    """

    batches: int = 0
    cases: int = 0
    crashes: int = 0
    unasked: int = 0
    native_ns: int = 0
    differing: int = 0
    refused: tuple[str, ...] = ()
    counts: Counter[str] = field(default_factory=Counter)
    disagreements: tuple[Disagreement, ...] = ()

    def __add__(self, more: "FuzzReport") -> "FuzzReport":
        both = (getattr(self, one.name) + getattr(more, one.name) for one in fields(self))
        return FuzzReport(*both)

    @property
    def left_out(self) -> tuple[str, ...]:
        """The `known_keys` that never came up."""
        return tuple(key for key in known_keys() if not self.counts[key])
