"""The one error a scenario file can give, and the way validators report what they expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import PydanticCustomError

from harness.text.shown import one_line

_SHOWN = 60
_NAMED = 12


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


def some(names: Sequence[str]) -> str:
    """The names in words, of many the first only: a message stays one that can be read.

    Parameters: ``names``. Raises nothing.
    """
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


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


_EXPECTED = {
    "missing": "this required field",
    "string_type": "text",
    "string_unicode": "text in UTF-8",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "mapping_type": "a mapping",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def expected(item: Mapping[str, Any]) -> str:
    """What was expected, in words, of one of the errors that pydantic lists.

    Parameters: ``item`` one entry of ``ValidationError.errors()``. Raises nothing.
    """
    context = item.get("ctx") or {}
    if "expected" in context:
        return str(context["expected"])
    kind: str = item["type"]
    if kind in _EXPECTED:
        return _EXPECTED[kind]
    if kind in ("too_long", "string_too_long"):
        unit = "characters" if kind.startswith("string") else "entries"
        return f"at most {context['max_length']} {unit}"
    if kind in ("too_short", "string_too_short"):
        unit = "character(s)" if kind.startswith("string") else "entry"
        return f"at least {context['min_length']} {unit}"
    if kind == "string_pattern_mismatch":
        return f"text that matches {context['pattern']}"
    for limit, words in (("ge", "at least"), ("le", "at most"), ("lt", "less than")):
        if limit in context:
            return f"a number of {words} {context[limit]}"
    return str(item["msg"])
