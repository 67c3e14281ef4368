"""``{schema-fields} module:function [argument]``: every key of a JSON Schema, and its meaning.

A definition that several schemas of one page share is shown once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_LIMITS = {
    "minimum": "at least {}", "maximum": "at most {}", "exclusiveMaximum": "below {}",
    "exclusiveMinimum": "above {}", "minLength": "at least {} characters",
    "maxLength": "at most {} characters", "minItems": "at least {} of them",
    "maxItems": "at most {} of them", "pattern": "as {}", "maxProperties": "at most {} of them",
}  # fmt: skip


class SchemaFields(SphinxDirective):
    """A section for the schema itself and for each of its definitions, in order of use."""

    required_arguments = 1
    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The sections."""
        module, _, function = self.arguments[0].partition(":")
        schema = getattr(import_module(module), function)(*self.arguments[1:])
        definitions = schema.get("$defs", {})
        shown: dict[str, object] = self.env.temp_data.setdefault("schema-fields", {})
        root = _section(str(schema.get("title", "The document")), schema)
        # with an argument the page gives the heading
        made: list[nodes.Node] = root.children[1:] if self.arguments[1:] else [root]
        for name in _in_order(schema, definitions):
            if shown.setdefault(name, definitions[name]) is definitions[name]:
                made.append(_section(name, definitions[name]))
            elif shown[name] != definitions[name]:
                raise self.error(f"{name} means two things on this page")
        return made


def _in_order(schema: dict[str, Any], definitions: dict[str, Any]) -> list[str]:
    """The definitions as they are met from the top, each once."""
    found: list[str] = []
    waiting = [{key: value for key, value in schema.items() if key != "$defs"}]
    while waiting:
        for name in _references(waiting.pop(0)):
            if name not in found:
                found.append(name)
                waiting.append(definitions[name])
    return found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"].rpartition("/")[2]
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _identity(name: str) -> str:
    return nodes.make_id(f"schema {name}")


def _section(name: str, definition: dict[str, Any]) -> nodes.section:
    made = nodes.section("", nodes.title("", name), ids=[_identity(name)])
    forms = definition.get("anyOf") or definition.get("oneOf") or [definition]
    for form in forms:
        text = form.get("description") or definition.get("description")
        if text and "properties" in form:
            for paragraph in text.split("\n\n"):
                made += _text(" ".join(paragraph.split()))
        if "properties" in form:
            made += _fields(form, name)
    shorts = [form for form in forms if "properties" not in form]
    if shorts:
        made += _text("", *_type({"anyOf": shorts}), before="Or short: ")
    return made


def _fields(form: dict[str, Any], name: str) -> nodes.definition_list:
    made = nodes.definition_list(classes=["options"])
    required = form.get("required", [])
    for key, value in form["properties"].items():
        term = nodes.term("", "", nodes.literal("", key), ids=[nodes.make_id(f"{name} {key}")])
        body = nodes.definition()
        if value.get("description"):
            body += _text(value["description"])
        facts: list[nodes.Node] = [*_type(value)]
        if key in required:
            if {"type": "null"} in value.get("anyOf", []):
                facts += [nodes.Text(" or "), nodes.literal("", "null")]
            facts.append(nodes.Text(" · required"))
        elif "default" in value and value["default"] not in (None, [], {}, ""):
            facts += [nodes.Text(" · default "), nodes.literal("", _yaml(value["default"]))]
        for limit, words in _LIMITS.items():
            if limit in value:
                said = words.partition("{}")
                facts += [nodes.Text(f" · {said[0]}"), nodes.literal("", str(value[limit]))]
                facts.append(nodes.Text(said[2]))
        body += nodes.paragraph("", "", *facts, classes=["facts"])
        made += nodes.definition_list_item("", term, body)
    return made


def _type(value: dict[str, Any]) -> list[nodes.Node]:
    """The type in words, definitions as links."""
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return [nodes.reference("", "", nodes.literal("", name), refid=_identity(name))]
    if "const" in value:
        return [nodes.literal("", _yaml(value["const"]))]
    if "enum" in value:
        return _joined([[nodes.literal("", _yaml(one))] for one in value["enum"]])
    choices = value.get("anyOf") or value.get("oneOf")
    if choices:
        said = [_type(one) for one in choices if one.get("type") != "null"]
        return _joined([words for n, words in enumerate(said) if _plain(words) not in
                        [_plain(other) for other in said[:n]]])  # fmt: skip
    kind = value.get("type")
    if isinstance(kind, list):
        return _joined([_type({"type": one}) for one in kind if one != "null"])
    if kind == "array":
        return [nodes.Text("list of "), *_type(value.get("items", {}))]
    if kind == "object":
        inner = value.get("additionalProperties")
        if isinstance(inner, dict):
            return [nodes.Text("mapping of name to "), *_type(inner)]
        return [nodes.Text("mapping")]
    words = {"string": "text", "integer": "whole number", "boolean": "true or false",
             "number": "number", "null": "nothing"}  # fmt: skip
    return [nodes.Text(words.get(str(kind), "anything"))]


def _plain(words: list[nodes.Node]) -> str:
    return "".join(one.astext() for one in words)


def _joined(parts: list[list[nodes.Node]]) -> list[nodes.Node]:
    made: list[nodes.Node] = []
    for number, part in enumerate(parts):
        if number:
            made.append(nodes.Text(" or " if number == len(parts) - 1 else ", "))
        made += part
    return made


def _yaml(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _text(text: str, *more: nodes.Node, before: str = "") -> nodes.paragraph:
    """A paragraph in which `words` and ``words`` stand as code."""
    made = nodes.paragraph("", before)
    for number, part in enumerate(re.split(r"`{1,2}", text)):
        if part:
            made += nodes.literal("", part) if number % 2 else nodes.Text(part)
    made += list(more)
    return made


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("schema-fields", SchemaFields)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
