"""Values held to a pydantic model: the first fault as one line with file, line and field."""

from collections.abc import Mapping
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from harness.text.errors import InputError, show
from harness.text.nearest import nearest
from harness.text.strict_yaml import Node, dotted

_Model = TypeVar("_Model", bound=BaseModel)

PLAIN = "[A-Za-z0-9][A-Za-z0-9._-]"
"""How the pattern of a plain name begins."""
_EXPECTED = {
    "missing": "this required field",
    "string_type": "text",
    "string_unicode": "text in UTF-8",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    **dict.fromkeys(
        ("mapping_type", "dict_type", "model_type", "model_attributes_type"), "a mapping"
    ),
    "too_long": "at most {max_length} entries",
    "string_too_long": "at most {max_length} characters",
    "too_short": "at least {min_length} entry",
    "string_too_short": "at least {min_length} character(s)",
    "string_pattern_mismatch": "text that matches {pattern}",
    "greater_than_equal": "a number of at least {ge}",
    "less_than_equal": "a number of at most {le}",
    "less_than": "a number of less than {lt}",
}


def bad(expected: str, got: Any = None, *, at: tuple[str | int, ...] = ()) -> PydanticCustomError:
    """The error a validator raises.

    Parameters: ``expected`` the words that follow "expected"; ``got`` the offending value,
    where it is not the validated one; ``at`` the path from there to the field at fault.
    """
    context: dict[str, Any] = {"expected": expected, "at": at}
    if got is not None:
        context["got"] = show(got)
    return PydanticCustomError("input", "expected {expected}", context)


def validated(model: type[_Model], value: Any, file: str) -> _Model:
    """The value, a `Node` (whose lines an error has) or plain data, as the model.

    Raises InputError for the fault that comes first in ``file``: all would be many lines.
    """
    data = value.value if isinstance(value, Node) else value
    try:
        return model.model_validate(data)
    except ValidationError as error:
        items: list[dict[str, Any]] = [dict(item) for item in error.errors(include_url=False)]
    root = value if isinstance(value, Node) else _node(value)
    # a list whose entries all failed also counts as too short: a mere consequence
    around = {item["loc"][:end] for item in items for end in range(len(item["loc"]))}
    placed = [_placed(root, item) for item in items if item["loc"] not in around]
    node, path, item = min(placed, key=lambda each: each[0].line or 0)
    raise _input_error(model, file, node, path, item) from None


def _node(value: Any) -> Node:
    children: dict[str | int, Node] = {}
    if isinstance(value, Mapping):
        children = {key: _node(each) for key, each in value.items()}
    elif isinstance(value, (list, tuple)):
        children = {number: _node(each) for number, each in enumerate(value)}
    return Node(None, value, children)


def _placed(root: Node, item: dict[str, Any]) -> tuple[Node, list[str | int], dict[str, Any]]:
    """The value at fault, the path of the field, and the error itself."""
    path: list[str | int] = []
    node = root
    location = (*item["loc"], *(item.get("ctx") or {}).get("at", ()))
    for position, part in enumerate(location):
        # pydantic also names the branch of a union, which stands in no file
        child = node.children.get(part)
        if child is not None:
            node = child
            path.append(part)
        elif item["type"] == "missing" and position == len(location) - 1:
            path.append(part)
    return node, path, item


def _input_error(
    model: type[BaseModel], file: str, node: Node, path: list[str | int], item: dict[str, Any]
) -> InputError:
    context = item.get("ctx") or {}
    kind = item["type"]
    got = context["got"] if "got" in context else show(node.value)
    words = _EXPECTED.get(kind)
    wanted = str(context.get("expected") or (words.format_map(context) if words else item["msg"]))
    if kind == "missing":
        got = "nothing"
    elif kind == "extra_forbidden":
        wanted, got = _known_keys(model, path), show(path[-1])
    elif kind.startswith("model_"):
        wanted += _with_keys(_model_at(model, path))
    elif kind == "string_pattern_mismatch" and PLAIN in context["pattern"]:
        wanted = "letters, digits, '.', '_' and '-', the first a letter or digit"
    elif kind == "input" and "got" not in context and isinstance(node.value, dict):
        got = ""
    elif kind == "string_type" and isinstance(node.value, dict):
        wanted += "; an address that begins or ends with ':' needs quotes"
    elif kind == "string_type" and isinstance(node.value, (int, float)):
        wanted += " in quotes"
    return InputError(file, node.line, dotted(tuple(path)), wanted, got)


def _known_keys(root: type[BaseModel], path: list[str | int]) -> str:
    """What to say of an unknown key: the nearest known one, or all of them."""
    model = _model_at(root, path[:-1])
    known = [info.alias or name for name, info in model.model_fields.items()] if model else []
    near = nearest(str(path[-1]), known)
    if near is not None:
        return f"a known key, perhaps {near!r}"
    return f"one of the keys {', '.join(known)}" if known else "a known key"


def _with_keys(model: type[BaseModel] | None) -> str:
    """The keys that a mapping has to have, or may."""
    fields = model.model_fields.items() if model else ()
    names = [(info.alias or name, info.is_required()) for name, info in fields]
    keys = [name for name, needed in names if needed] or [name for name, _ in names]
    return f" with {', '.join(keys)}" if keys else ""


def _model_at(model: type[BaseModel], path: list[str | int]) -> type[BaseModel] | None:
    current: type[BaseModel] | None = model
    in_table = False
    for part in path:
        if isinstance(part, int) or in_table or current is None:
            in_table = False  # a position, or a name the user gave: the model is known already
            continue
        fields = current.model_fields.items()
        info = next((info for name, info in fields if part in (name, info.alias)), None)
        current = None if info is None else _models_in(info.annotation)
        in_table = info is not None and get_origin(info.annotation) is Mapping
    return current


def _models_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_models_in, get_args(annotation))), None)
