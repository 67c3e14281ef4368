"""What can go wrong with a glibc build, each as one line a user can act on."""

from __future__ import annotations

from harness.text.shown import escaped


class GlibcError(Exception):
    """A tree, a package or a specification that cannot be used as a glibc build.

    ``str()`` is the one line shown. ``exit_status`` is the status the command line ends with:
    2 here (wrong input), 3 in the subclasses (this machine cannot do it).
    """

    exit_status: int = 2

    def __init__(self, line: str) -> None:
        # names out of a tree or a library may have line breaks and control characters
        super().__init__(escaped(line))


class GlibcUnavailable(GlibcError):
    """A build that cannot be had on this machine: no apt-get, no mirror, no keys, a musl host.

    Args:
        reason: What is missing.
        hint: What would help, the command to run among it.
    """

    exit_status = 3

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(f"{reason}; {hint}")
        self.reason = reason
        self.hint = hint


class GlibcMissing(GlibcError):
    """A build that is not on this machine, although it may be had.

    Args:
        spec: What was asked for, as given: ``2.31``, ``2.36:armhf``, a name.
        hint: What would help, the command to run among it.
    """

    exit_status = 3

    def __init__(self, spec: str, hint: str) -> None:
        super().__init__(f"glibc {spec} is not on this machine; {hint}")
        self.spec = spec
        self.hint = hint
