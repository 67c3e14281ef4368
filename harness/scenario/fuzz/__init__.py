"""Random hosts, names, gai.conf files and look-ups for fuzzing: the same ones for a seed.

>>> from harness.scenario.fuzz import draw_batch
>>> draw_batch(seed=1, number=0) == draw_batch(seed=1, number=0)
True
"""

from __future__ import annotations

from .batch import Batch, Round, draw_batch, scenario_of

__all__ = ["Batch", "Round", "draw_batch", "scenario_of"]
