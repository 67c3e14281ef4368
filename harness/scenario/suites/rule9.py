"""tmp"""
from __future__ import annotations
from ..load import LoadedScenario
from .ipv4 import by_prefix_length
def scenarios() -> list[LoadedScenario]:
    """x."""
    return [c.loaded("rule9") for c in by_prefix_length()]
