"""A disagreement as a scenario file that `gai-harness run` reproduces."""

from __future__ import annotations

from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import yaml

from harness.compare.request import lookup_title

if TYPE_CHECKING:
    from harness.compare.fuzz.engine import Disagreement


class _Dumper(yaml.SafeDumper):
    """Lines of a gai.conf under each other, everything else as short as it gets."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = "\n" in text and text.isascii() and not any(ord(c) < 32 and c != "\n" for c in text)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if plain else None)


_Dumper.add_representer(str, _text)


def scenario_text(found: Disagreement, origin: str = "") -> str:
    """The file: what each side says as a comment and description, then the scenario.

    Parameters: ``found`` the disagreement, shrunk; ``origin`` where it comes from, a phrase.
    """
    result = found.result
    native = ", ".join(result.native) or result.error or "nothing"
    model = ", ".join(result.model) or result.model_error or "nothing"
    comments = [
        f"glibc {result.glibc} ({result.arch}) answers: {native}",
        f"the model says: {model}",
        *(f"the model's reason: {reason.why}" for reason in result.decisions),
        *(f"the model remarks: {remark.text}" for remark in result.remarks),
        *(f"undefined in this glibc: {line}" for line in result.undefined),
    ]
    if result.agreed:
        comments.append("only the fast path of the model differs; its rules agree with glibc")
    scenario = found.evidence.scenario
    document: dict[str, Any] = scenario.model_dump(
        mode="json", by_alias=True, exclude_defaults=True
    )
    title = lookup_title(found.evidence.lookup)
    document = {
        "name": document.pop("name"),
        "description": f"Found by fuzzing{origin and f' ({origin})'}: native and model differ on "
        f"{title} with glibc {result.glibc}. Native: {native}. Model: {model}.",
        **document,
    }
    lines = [line for text in comments for line in wrap(text, 96, subsequent_indent="  ")]
    dumped = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=False, width=96)
    return "".join(f"# {line}\n" for line in lines) + dumped


def write_scenario(found: Disagreement, folder: Path, name: str, origin: str = "") -> Path:
    """Write the scenario file ``name``.yaml.

    Parameters: as for `scenario_text`; ``folder`` is made when it is not there. Returns the
    file's path. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.yaml"
    path.write_text(scenario_text(found, origin), encoding="utf-8")
    return path
