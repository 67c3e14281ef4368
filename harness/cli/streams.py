"""Standard streams that are closed, full, without a reader, or of a narrow encoding."""

import codecs
import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import TextIO, TypeGuard, cast

from harness.cli.parser import UsageError
from harness.text.shown import Shown, one_line

_EXHAUSTED = (
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM,
)  # fmt: skip


def prepare() -> None:
    """Give every standard stream a file, and standard output a way to write any character.

    The system gives a closed descriptor to the next file or socket, and output would go there.
    Reading a closed standard input fails. Writing to a closed output does nothing, and the
    exit status still tells the result.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is not None:
            continue
        null = os.open(os.devnull, os.O_RDWR if number else os.O_WRONLY)
        if null != number:
            os.dup2(null, number)
            os.close(null)
        os.set_inheritable(number, True)
        setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))
    if os.environ.get("COLUMNS") == "0":
        del os.environ["COLUMNS"]  # a terminal of unknown width, where rich would write nothing
    codecs.register_error("gai-harness", _escaped)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="gai-harness")


def complain(line: str) -> None:
    """Write a line to standard error, if that can be."""
    try:
        print(one_line(line), file=sys.stderr, flush=True)
    except OSError:
        drop(sys.stderr)


@contextlib.contextmanager
def shown() -> Iterator[None]:
    """Standard output and error show what they are given, as `harness.text.shown` does."""
    streams = [cast("TextIO", Shown(each)) for each in (sys.stdout, sys.stderr)]
    try:
        with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
            yield
    finally:
        for stream in streams:
            with contextlib.suppress(OSError, ValueError):
                stream.flush()


def say(text: str, file: TextIO | None = None) -> None:
    """Print one line, whatever is in it. Raises OSError."""
    print(one_line(text), file=sys.stdout if file is None else file)


def write_json(document: object) -> None:
    """Write a document of `harness.report.documents` on standard output. Raises OSError."""
    from harness.report.documents import text  # not for --help

    sys.stdout.write(text(document))


def content(name: str, limit: int, option: str = "") -> bytes:
    """What an input file holds, or standard input for ``-``.

    Raises UsageError, which names ``option`` too, where it cannot be read or is longer.
    """
    from pathlib import Path  # not for --help

    from harness.text.reading import read_bounded

    try:
        return read_bounded(sys.stdin.buffer if name == "-" else Path(name), limit)
    except OSError as error:
        reason = error.strerror
    except ValueError:
        reason = "no file has a NUL in its name"
    raise UsageError(f"{option}{name}: a file that can be read was expected ({reason})")


def drop(stream: TextIO) -> None:
    """Send what a stream still holds nowhere, so that the interpreter ends quietly."""
    # what cannot be flushed at the end makes the interpreter end with a status of its own, 120
    with contextlib.suppress(OSError, ValueError):
        try:
            stream.flush()
        except OSError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)


def exhausted(error: BaseException) -> TypeGuard[OSError]:
    """Whether the machine has run out of something: disk space, file descriptors."""
    return isinstance(error, OSError) and error.errno in _EXHAUSTED


def refused(error: BaseException) -> TypeGuard[OSError]:
    """Whether the kernel, or a filter before it, refuses a call that concerns no file."""
    refusals = (errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EAGAIN)
    return isinstance(error, OSError) and error.errno in refusals and error.filename is None


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """Characters that the encoding lacks as JSON writes them, so that JSON stays JSON."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    text = "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
    return text, error.end
