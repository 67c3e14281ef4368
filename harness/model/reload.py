"""When a process reads gai.conf again: glibc does at its first sort, and later on two conditions.

The condition is the same in every version from 2.5 to 2.44: a ``reload yes`` was read, and the
file's modification time is another than that of the file read last. It is compared to the
nanosecond, and an older one is another one; size, inode and change time are not looked at.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from harness.model.dialects import Dialect
from harness.model.gaiconf import parse_gai_conf


class Step(StrEnum):
    """What a sort did with gai.conf, and why."""

    FIRST = "gai.conf was read: it was the first sort of the process"
    NOT_ASKED = "gai.conf was not read again: no reload yes in what was read before"
    SAME_TIME = "gai.conf was not read again: its mtime is that of the file read last"
    GONE = "gai.conf was looked for again, by reload yes, and is gone: the default tables hold"
    AGAIN = "gai.conf was read again: reload yes, and its mtime is another"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a process goes by: the file's content as it was read, None for the default tables.

    ``mtime`` and ``reload`` are of what was read last: a file that is gone changes neither.
    """

    data: bytes | None = None
    mtime: int | None = None
    reload: bool = False
    step: Step | None = None

    def sort(self, data: bytes | None, mtime: int, dialect: Dialect) -> "Reading":
        """After one more sort, which finds a file with ``data``, or none.

        >>> from harness.model.dialects import dialect
        >>> new = dialect("2.44")
        >>> first = Reading().sort(b"reload yes", 1, new)
        >>> first.sort(None, 1, new).sort(b"label ::1/128 0", 1, new).step.name
        'SAME_TIME'
        """
        first = self.step is None
        if not first and not self.reload:
            return replace(self, step=Step.NOT_ASKED)
        if data is None:
            return replace(self, data=None, step=Step.FIRST if first else Step.GONE)
        if mtime == self.mtime:
            return replace(self, step=Step.SAME_TIME)
        reload = parse_gai_conf(data, dialect, reload=self.reload).reload
        return Reading(data, mtime, reload, Step.FIRST if first else Step.AGAIN)
