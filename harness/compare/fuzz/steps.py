"""Sessions in which gai.conf changes between two look-ups."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from itertools import groupby

from harness import sandbox
from harness.compare.evidence import NamedGaiConf
from harness.native.lanes import Lane
from harness.native.record import Crashed, TimedOut

Answers = tuple[list[bytes], Crashed | TimedOut | None]
"""A session's records, and how it ended early."""


def in_steps(
    box: "sandbox.Box",
    lanes: Mapping[int, Lane],
    asked: Sequence[Sequence[bytes]],
    files: Sequence[NamedGaiConf],
    timeout: float,
) -> dict[int, Answers]:
    """One session on each lane, all of them at the same step.

    Parameters: ``asked`` has the look-ups of each lane's number, ``files`` gai.conf as each
    look-up finds it; ``timeout`` in seconds. Raises LaneError when a worker breaks.
    """
    found: dict[int, Answers] = {number: ([], None) for number in lanes}
    with ExitStack() as stack:
        sessions = {number: stack.enter_context(lane.open()) for number, lane in lanes.items()}
        at = 0
        for file, several in groupby(files):
            box.set_gai_conf(file.data, file.mtime)
            count = len(list(several))
            alive = [number for number in lanes if found[number][1] is None]
            for number in alive:
                sessions[number].send(asked[number][at : at + count])
            for number in alive:
                answers, end = sessions[number].receive(count, timeout)
                found[number] = found[number][0] + answers, end
            at += count
    return found
