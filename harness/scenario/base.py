"""What every part of the scenario schema is made of: the base model and the plain types."""

from __future__ import annotations

from typing import Annotated, Any, NoReturn, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Strict
from pydantic import WithJsonSchema as JsonSchema

from harness.text.validation import bad

from . import values

Text = Annotated[str, Strict()]
Whole = Annotated[int, Strict()]
Truth = Annotated[bool, Strict()]

_K = TypeVar("_K")
_V = TypeVar("_V")


class FrozenDict(dict[_K, _V]):
    """A dict that cannot be changed, so that a scenario is a value through and through."""

    def _refuse(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise TypeError("a scenario cannot be changed")

    __setitem__ = __delitem__ = _refuse
    clear = pop = popitem = setdefault = update = __ior__ = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)


class Model(BaseModel):
    """Base of every part of a scenario: frozen, strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def word(value: Any) -> Any:
    """The text of a number or truth value where YAML reads a bare word as one."""
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value) if isinstance(value, int) else value


def unbool(value: Any) -> Any:
    """The text of a number, but not of a truth value."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


def listed(value: Any) -> Any:
    """One entry as a list of one."""
    return (value,) if isinstance(value, (dict, BaseModel)) else value


def once(items: tuple[str, ...]) -> tuple[str, ...]:
    """``items``, each of which may occur once."""
    seen: set[str] = set()
    for position, item in enumerate(items):
        if item in seen:
            raise bad("each entry once", item, at=(position,))
        seen.add(item)
    return items


def printable(text: str) -> str:
    """``text`` without control characters."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise bad("text in UTF-8", text)
    if not text.isprintable():
        raise bad("text without control characters", text)
    return text


PlainAddress = Annotated[Text, AfterValidator(values.plain_address)]
Prefix = Annotated[Text, AfterValidator(values.network)]
Table = Annotated[int, BeforeValidator(values.table), JsonSchema({"type": ["integer", "string"]})]
Word = Annotated[
    Text,
    BeforeValidator(unbool),
    AfterValidator(printable),
    JsonSchema({"type": ["string", "integer"]}),
]
"""A text that a file may give as a number."""
