"""The gai.conf changes that yield a wished order, or why there is none. Pure."""

from harness.advice.suggest.goal import Blocker, LookupCase, OwnNetworks
from harness.advice.suggest.lines import Mended
from harness.advice.suggest.search import (
    Impossible,
    SideEffects,
    Suggestion,
    answered_order,
    suggest,
)

__all__ = [
    "Blocker", "Impossible", "LookupCase", "Mended", "OwnNetworks", "SideEffects", "Suggestion",
    "answered_order", "suggest",
]  # fmt: skip
