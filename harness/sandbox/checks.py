"""What one look at this machine gave, as a value: a line of ``gai-harness doctor``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "limited", "missing", "cannot"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing this machine can do or cannot.

    Parameters: ``topic`` a short name that stays the same; ``verdict`` "ok", "limited" (it
    works with a replacement, or in part), "missing" (something optional is not there) or
    "cannot" (``gai-harness run`` ends with status 3); ``found`` what there is; ``meaning``
    what follows for the user; ``remedy`` what to install or change, "" for nothing.
    """

    topic: str
    verdict: Verdict
    found: str
    meaning: str = ""
    remedy: str = ""
