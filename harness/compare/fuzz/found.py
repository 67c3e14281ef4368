"""A disagreement as a scenario file that `gai-harness run` reproduces."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from harness.compare.predict import lookup_title
from harness.scenario.load import as_yaml

if TYPE_CHECKING:
    from harness.compare.fuzz.engine import Disagreement


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
    description = (
        f"Found by fuzzing{origin and f' ({origin})'}: native and model differ on "
        f"{lookup_title(found.evidence.lookup)} with glibc {result.glibc}. "
        f"Native: {native}. Model: {model}."
    )
    scenario = found.evidence.scenario.model_copy(update={"description": description})
    return as_yaml(scenario, [fill(text, 94, subsequent_indent="  ") for text in comments])


def write_scenario(found: Disagreement, folder: Path, name: str, origin: str = "") -> Path:
    """Write the scenario file ``name``.yaml.

    Parameters: as for `scenario_text`; ``folder`` is made when it is not there. Returns the
    file's path. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.yaml"
    path.write_text(scenario_text(found, origin), encoding="utf-8")
    return path
