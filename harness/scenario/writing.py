"""A scenario as a YAML file that people read: short forms, one line for each route."""

from __future__ import annotations

from collections.abc import Sequence

from harness.text import yaml_writing

from .schema import Scenario

_TABLES = {253: "default", 254: "main", 255: "local"}


def as_yaml(scenario: Scenario, comments: Sequence[str] = ()) -> str:
    """The file of a scenario.

    Parameters: ``scenario``; ``comments`` texts for its head.
    """
    data = scenario.model_dump(by_alias=True, exclude_defaults=True, mode="json")
    host = data["host"]
    for interface in host.get("interfaces", {}).values():
        if "addresses" in interface:
            interface["addresses"] = [
                each["address"] if len(each) == 1 else each for each in interface["addresses"]
            ]
    for each in (*host.get("routes", ()), *host.get("rules", ())):
        if each.get("table") in _TABLES:
            each["table"] = _TABLES[each["table"]]
    return yaml_writing.document(data, comments)
