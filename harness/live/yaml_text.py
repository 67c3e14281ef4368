"""A scenario as a YAML file that people read: short forms, one line for each route.

Nothing is left to YAML's guessing: what could be read as anything but text is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from harness.scenario import Scenario
from harness.text.shown import escaped, one_line

_BARE = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*|\d+\.\d+\.\d+\.\d+(?:/\d+)?")
_RESERVED = frozenset({"yes", "no", "on", "off", "y", "n", "true", "false", "null"})


def as_yaml(scenario: Scenario, comments: Sequence[str] = ()) -> str:
    """The file of a scenario.

    Parameters: ``scenario``; ``comments`` lines for its head. Raises nothing.
    """
    data = scenario.model_dump(by_alias=True, exclude_defaults=True, mode="json")
    lines = [
        f"# {escaped(line)}".rstrip() for text in comments for line in text.splitlines() or [""]
    ]
    lines.append(f"name: {_scalar(data['name'])}")
    if data.get("description"):
        lines.append(f"description: {_scalar(data['description'])}")
    lines.append("host:" if data.get("host") else "host: {}")
    lines += _host(data.get("host", {}))
    if data.get("names"):
        lines.append("names:")
        for name, addresses in data["names"].items():
            lines.append(f"  {_scalar(name)}: {_flow(addresses)}")
    for key in ("resolver", "dns"):
        if key in data:
            lines.append(f"{key}: {_flow(data[key])}")
    if scenario.gai_conf is not None:
        lines += _gai_conf(data.get("gai_conf", ""))
    lines.append("lookups:")
    lines += [f"  - {_flow(lookup)}" for lookup in data["lookups"]]
    if data.get("left_out"):
        lines.append("left_out:")
        lines += [f"  - {_scalar(text)}" for text in data["left_out"]]
    return "\n".join(lines) + "\n"


def _host(host: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    if host.get("interfaces"):
        lines.append("  interfaces:")
        for name, interface in host["interfaces"].items():
            lines += _interface(name, interface)
    for key in ("routes", "rules", "addrlabels"):
        if key in host:
            lines.append(f"  {key}:" + ("" if host[key] else " []"))
            lines += [f"    - {_flow(_shortened(key, each))}" for each in host[key]]
    if "default_rules" in host:
        lines.append(f"  default_rules: {_flow(host['default_rules'])}")
    if host.get("sysctls"):
        lines.append("  sysctls:")
        lines += [f"    {_scalar(key)}: {_scalar(v)}" for key, v in host["sysctls"].items()]
    return lines


def _shortened(key: str, each: Mapping[str, Any]) -> Mapping[str, Any]:
    words = {253: "default", 254: "main", 255: "local"}
    if key in ("routes", "rules") and each.get("table") in words:
        return {**each, "table": words[each["table"]]}
    return each


def _interface(name: str, interface: Mapping[str, Any]) -> list[str]:
    if not interface:
        return [f"    {_scalar(name)}: {{}}"]
    lines = [f"    {_scalar(name)}:"]
    lines += [
        f"      {key}: {_flow(value)}" for key, value in interface.items() if key != "addresses"
    ]
    if "addresses" in interface:
        lines.append("      addresses:")
        for address in interface["addresses"]:
            short = address["address"] if len(address) == 1 else address
            lines.append(f"        - {_flow(short)}")
    return lines


def _gai_conf(text: Any) -> list[str]:
    if not isinstance(text, str):
        return [f"gai_conf: {_flow(text)}"]
    rows = text.split("\n")
    plain = all(one_line(row) == row == row.strip() for row in rows)
    if text.endswith("\n") and plain and rows[0] and not text.endswith("\n\n"):
        return ["gai_conf: |", *(f"  {row}".rstrip() for row in rows[:-1])]
    return [f"gai_conf: {_quoted(text)}"]


def _flow(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_scalar(key)}: {_flow(each)}" for key, each in value.items())
        return f"{{{inner}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_flow(each) for each in value)}]"
    return str(value) if isinstance(value, int) else _scalar(value)


def _scalar(text: str) -> str:
    if _BARE.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    return _quoted(text)


def _quoted(text: str) -> str:
    """A double-quoted scalar; YAML shares JSON's escapes but not its surrogate pairs."""
    pieces = []
    for character in text:
        if character in '"\\':
            pieces.append(f"\\{character}")
        elif escaped(character) == character:
            pieces.append(character)
        elif character == "\n":
            pieces.append("\\n")
        elif ord(character) <= 0xFFFF:
            pieces.append(f"\\u{ord(character):04x}")
        else:
            pieces.append(f"\\U{ord(character):08x}")
    return f'"{"".join(pieces)}"'
