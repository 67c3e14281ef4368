"""Output files, written whole or not at all, and never over what is read."""

import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from harness.cli.parser import UsageError
from harness.cli.streams import exhausted


@contextmanager
def whole(name: str) -> Iterator[TextIO]:
    """A stream whose text becomes the file ``name`` when the block ends without an exception.

    Until then the text is in a file without a name, which vanishes with the process. A device
    or pipe is written to at once. Raises UsageError where the file cannot be written.
    """
    try:
        special: TextIO | None = None
        if _is_special(name):
            special = Path(name).open("w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
        else:
            target = Path(os.path.realpath(name))  # a link stays a link
            if not name or name.endswith("/") or target.is_dir():
                raise IsADirectoryError(21, "Is a directory")
            draft = _draft(target)  # whether it can be made is asked before the work
            draft.unlink()
    except (OSError, ValueError) as error:
        raise _cannot(name, error) from None
    if special is not None:
        with special:  # its faults are those of standard output: full, without a reader
            yield special
        return
    with tempfile.TemporaryFile(
        "w+", encoding="utf-8", errors="backslashreplace", dir=draft.parent
    ) as stream:
        yield stream
        stream.seek(0)
        try:
            _publish(stream, target)
        except OSError as error:
            if exhausted(error):
                raise
            raise _cannot(name, error) from None


def _cannot(name: str, error: OSError | ValueError) -> UsageError:
    reason = getattr(error, "strerror", None) or error
    return UsageError(f"{name}: cannot be written: {reason}")


def _is_special(name: str) -> bool:
    """Whether it is a device or pipe; the pipe behind /dev/stdout has no other name."""
    try:
        mode = Path(name).stat().st_mode
    except FileNotFoundError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _draft(target: Path) -> Path:
    """An empty file beside ``target``, with the permissions that it has or would get."""
    draft = target.parent / f".{target.name[:200]}.{secrets.token_hex(4)}"
    try:
        draft.touch(exist_ok=False)
    except PermissionError:
        if not os.access(target, os.W_OK):
            raise
        descriptor, name = tempfile.mkstemp(prefix="gai-harness-")
        os.close(descriptor)
        return Path(name)
    if target.exists():
        if not os.access(target, os.W_OK):
            draft.unlink()
            raise PermissionError(13, "Permission denied")
        draft.chmod(stat.S_IMODE(target.stat().st_mode))
    return draft


def _publish(stream: TextIO, target: Path) -> None:
    draft = _draft(target)
    try:
        with draft.open("wb") as file:
            shutil.copyfileobj(stream.buffer, file)
        try:
            draft.replace(target)
        except OSError:  # mounted as a file of its own, or where nothing may be renamed
            shutil.copyfile(draft, target)
    finally:
        draft.unlink(missing_ok=True)


def spare(outputs: Iterable[str], inputs: Iterable[str]) -> None:
    """Refuse to write over what is read, or two outputs into one file. Raises UsageError."""
    inputs = list(inputs)
    seen: set[str] = set()
    for output in outputs:
        for name in inputs:
            try:
                same = Path(output).samefile(name)
            except (OSError, ValueError):
                continue
            if same:
                raise UsageError(f"{output}: is read here; another file was expected to write to")
        try:
            real = os.path.realpath(output)
        except (OSError, ValueError) as error:  # this folder is gone, or it is no name at all
            raise _cannot(output, error) from None
        if real in seen and not _is_special(output):
            raise UsageError(f"{output}: is written twice; a file for each report was expected")
        seen.add(real)
