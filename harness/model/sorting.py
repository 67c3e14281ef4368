"""glibc's merge sort, whose exact steps matter where the comparison is not transitive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def merge_sort(items: Sequence[T], compare: Callable[[T, T], int]) -> list[T]:
    """Sort top-down: halves of n // 2 and the rest, the left one first while it is ≤ the right.

    So glibc's qsort_r has done it for arrays of this size in every release from 2.5 to 2.44.

    Where stone beats scissors, scissors beat paper and paper beats stone, no order is right and
    the steps decide:

    >>> beaten = {"scissors": "stone", "paper": "scissors", "stone": "paper"}
    >>> def compare(a, b):
    ...     return 1 if beaten[a] == b else -1
    >>> merge_sort(["scissors", "paper", "stone"], compare)
    ['scissors', 'paper', 'stone']
    >>> merge_sort(["stone", "paper", "scissors"], compare)
    ['stone', 'scissors', 'paper']
    """
    if len(items) <= 1:
        return list(items)
    middle = len(items) // 2
    left = merge_sort(items[:middle], compare)
    right = merge_sort(items[middle:], compare)
    merged: list[T] = []
    i = j = 0
    while i < len(left) and j < len(right):
        if compare(left[i], right[j]) <= 0:
            merged.append(left[i])
            i += 1
        else:
            merged.append(right[j])
            j += 1
    return merged + left[i:] + right[j:]
