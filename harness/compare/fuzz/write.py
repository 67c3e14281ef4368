"""A disagreement as a scenario file that shows it again."""

from pathlib import Path
from textwrap import fill

from harness.compare.fuzz.found import Disagreement
from harness.compare.predict import lookup_title
from harness.scenario.load import as_yaml
from harness.versions import who


def write_scenario(found: Disagreement, folder: Path, name: str, origin: str = "") -> Path:
    """Write a disagreement as the scenario file ``name``.yaml, which `gai-harness run` reproduces.

    What each side says stands in it as a comment and the description. Parameters: ``found`` the
    disagreement, shrunk; ``folder`` is made when it is not there; ``origin`` where it comes
    from, a phrase. Returns the file's path. Raises OSError.
    """
    result = found.result
    native = ", ".join(result.native) or result.error or "nothing"
    model = ", ".join(result.model) or result.model_error or "nothing"
    comments = [
        f"{who(result.version)} ({result.arch}) answers: {native}",
        f"the model says: {model}",
        *(f"explained by: {one}" for one in result.causes[:1]),
        *result.differences[:3],
        *(f"the model's reason: {reason.why}" for reason in result.decisions),
        *(f"the model remarks: {remark.text}" for remark in result.remarks),
        *(f"undefined in this glibc: {line}" for line in result.undefined),
    ]
    if result.agreed:
        comments.append("only the fast path of the model differs; its rules agree with glibc")
    description = (
        f"Found by fuzzing{origin and f' ({origin})'}: native and model differ on "
        f"{lookup_title(found.evidence.lookup)} with {who(result.version)}. "
        f"Native: {native}. Model: {model}."
    )
    scenario = found.evidence.scenario.model_copy(update={"description": description})
    text = as_yaml(scenario, [fill(line, 94, subsequent_indent="  ") for line in comments])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path
