"""The one error a scenario file can give, and the way validators report what they expected."""

from __future__ import annotations

from typing import Any

from pydantic_core import PydanticCustomError

_SHOWN = 60


class ScenarioError(ValueError):
    """A scenario file that cannot be used; ``str()`` is the one line to show.

    Parameters: ``file`` the file as the user named it, ``line`` its line (from 1) or None,
    ``field`` the path of the field ("host.routes[0].via"), ``expected`` what was expected
    there, ``got`` what stood there instead ("" when there is nothing to show).
    """

    exit_status = 2

    def __init__(
        self, file: str, line: int | None, field: str, expected: str, got: str = ""
    ) -> None:
        super().__init__(file, line, field, expected, got)
        self.file = file
        self.line = line
        self.field = field
        self.expected = expected
        self.got = got

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        tail = f" (got {self.got})" if self.got else ""
        return one_line(f"{place}: {self.field}: expected {self.expected}{tail}")


def one_line(text: str) -> str:
    """``text`` with everything unprintable escaped, so that it stays on one line.

    Parameters: ``text`` any string. Raises nothing.
    """
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def show(value: Any) -> str:
    """A short, one-line rendering of a value found in a file.

    Parameters: ``value`` anything a YAML document can hold. Raises nothing.
    """
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list, tuple)):
        kind = "a mapping" if isinstance(value, dict) else "a list"
        return f"an empty {kind[2:]}" if not value else kind
    text = value if isinstance(value, str) else repr(value)
    if len(text) > _SHOWN:
        text = text[: _SHOWN - 1] + "…"
    return repr(text) if isinstance(value, str) else text


def bad(expected: str, got: Any = None, *, at: tuple[str | int, ...] = ()) -> PydanticCustomError:
    """The error a validator raises.

    Parameters: ``expected`` the words that follow "expected"; ``got`` the offending value,
    where it is not simply the validated one; ``at`` the path from the validated value down
    to the field at fault, for checks that span several fields. Raises nothing itself.
    """
    context: dict[str, Any] = {"expected": expected, "at": at}
    if got is not None:
        context["got"] = show(got)
    return PydanticCustomError("scenario", "expected {expected}", context)
