"""The smallest gai.conf change that yields a wished order, or why there is none. Pure."""

from harness.advice.suggest.goal import Blocker, LookupCase
from harness.advice.suggest.lines import Mended
from harness.advice.suggest.search import (
    Impossible,
    SideEffects,
    Suggestion,
    answered_order,
    suggest,
)

__all__ = [
    "Blocker", "Impossible", "LookupCase", "Mended", "SideEffects", "Suggestion", "answered_order",
    "suggest",
]  # fmt: skip
