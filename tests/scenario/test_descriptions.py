"""Every key of a scenario file says what it means, and nothing else does."""

from __future__ import annotations

from typing import Any

from harness.scenario import Scenario, json_schema
from harness.scenario.descriptions import KEYS


def forms() -> dict[str, dict[str, Any]]:
    """The mappings of the schema by the name of their model."""
    found = {"Scenario": Scenario.model_json_schema(by_alias=True)}
    for name, definition in found["Scenario"]["$defs"].items():
        for form in definition.get("anyOf", [definition]):
            if "properties" in form:
                found[name] = form
    return found


def test_every_key_has_a_text_and_every_text_a_key() -> None:
    keys = {name: set(form["properties"]) for name, form in forms().items()}
    assert keys == {name: set(texts) for name, texts in KEYS.items()}


def test_the_texts_are_sentences() -> None:
    for name, texts in KEYS.items():
        for key, text in texts.items():
            assert text.endswith("."), f"{name}.{key}"
            assert "  " not in text, f"{name}.{key}"


def test_the_schema_carries_them() -> None:
    schema = json_schema()
    assert schema["properties"]["host"]["description"] == KEYS["Scenario"]["host"]
    [address] = [one for one in schema["$defs"]["Address"]["anyOf"] if "properties" in one]
    assert address["properties"]["peer"]["description"] == KEYS["Address"]["peer"]
    route = schema["$defs"]["RouteSpec"]["properties"]
    assert route["on-link"]["description"] == KEYS["RouteSpec"]["on-link"]
