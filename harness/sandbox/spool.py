"""Values that are many or large: in memory while they are few, then in a file without a name."""

import pickle
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, TypeVar, overload

T = TypeVar("T")

ROOM = 1 << 20
"""Bytes, as pickled, that a spool keeps in memory."""


class Spool(Sequence[T]):
    """A sequence that takes values at its end.

    Values beyond `ROOM` bytes lie in a temporary file and are unpickled each time they are
    read, so that a long run needs no more memory than a short one.
    """

    def __init__(self) -> None:
        self._near: list[T] = []  # the first values
        self._far: list[int] = []  # where the others begin in the file
        self._room = ROOM
        self._file: IO[bytes] | None = None

    def append(self, value: T, size: int | None = None) -> None:
        """Take a value; ``size`` is the bytes of its pickle, if known. Raises OSError."""
        if self._far or size is None or size > self._room:
            data = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
            size = len(data)
        if not self._far and size <= self._room:
            self._room -= size
            self._near.append(value)
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the spool
        self._far.append(self._file.seek(0, 2))
        self._file.write(data)

    def __len__(self) -> int:
        return len(self._near) + len(self._far)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        number = range(len(self))[index]  # IndexError, and numbers from the end
        if number < len(self._near):
            return self._near[number]
        assert self._file is not None
        self._file.seek(self._far[number - len(self._near)])
        value: T = pickle.load(self._file)
        return value

    def __del__(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # what is left to write, on a full disk
                self._file.close()
