"""Built-in suites: generated scenarios, the same list of them every time.

>>> from harness.scenario.suites import suites
>>> sorted(suites())
['findings', 'rule9', 'smoke']
>>> first = suites()["smoke"]()[0]
>>> first.scenario.name
'smoke-v4-p24-dual'
"""

from __future__ import annotations

from collections.abc import Callable

from ..load import LoadedScenario
from .findings import scenarios as _findings
from .rule9 import scenarios as _rule9
from .smoke import scenarios as _smoke

__all__ = ["suites"]


def suites() -> dict[str, Callable[[], list[LoadedScenario]]]:
    """The suites by name; calling one generates its scenarios.

    A scenario's path is no file but ``suite:NAME``.
    """
    return {"rule9": _rule9, "smoke": _smoke, "findings": _findings}
