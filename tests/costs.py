"""What an act costs, on a machine of any speed."""

import sys
import tracemalloc
from collections.abc import Callable


def calls_of(act: Callable[[], object]) -> int:
    """How many calls, of Python and of C, an act makes."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        act()
    finally:
        sys.setprofile(None)
    return calls


def memory_of(act: Callable[[], object]) -> int:
    """The most MiB that an act holds."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1] >> 20
    finally:
        tracemalloc.stop()
