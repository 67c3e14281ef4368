"""When a process reads gai.conf again: what each of its sorts does, step by step."""

from __future__ import annotations

import pytest

from harness.model.dialects import dialect
from harness.model.reload import Reading, Step

NEW = dialect("2.44")
YES, NO, PLAIN = b"reload yes", b"reload no", b"# nothing"
Found = tuple[bytes | None, int, Step]
"""The file that a sort finds, its time, and what the sort does."""
CASES: list[list[Found]] = [
    # the wish counts from the next sort on, and until a line takes it back
    [(YES, 5, Step.FIRST), (PLAIN, 6, Step.AGAIN), (NO, 7, Step.AGAIN), (YES, 8, Step.NOT_ASKED)],
    [(PLAIN, 5, Step.FIRST), (YES, 6, Step.NOT_ASKED), (None, 6, Step.NOT_ASKED)],
    [(None, 5, Step.FIRST), (YES, 5, Step.NOT_ASKED)],
    [(YES, 5, Step.FIRST), (PLAIN, 5, Step.SAME_TIME), (PLAIN, 4, Step.AGAIN)],
    [(YES, 5, Step.FIRST), (None, 9, Step.GONE), (None, 9, Step.GONE), (PLAIN, 5, Step.SAME_TIME)],
    [(YES, 5, Step.FIRST), (None, 9, Step.GONE), (PLAIN, 9, Step.AGAIN), (NO, 1, Step.AGAIN)],
]


@pytest.mark.parametrize("found", CASES)
def test_each_sort(found: list[Found]) -> None:
    read = Reading()
    for data, mtime, step in found:
        held = read.data
        read = read.sort(data, mtime, NEW)
        assert read.step is step
        is_read = step in (Step.FIRST, Step.AGAIN, Step.GONE)
        assert read.data == (data if is_read else held)
