"""Files for the loader, written and read at once."""

from pathlib import Path

import pytest

from harness.scenario import LoadedScenario, ScenarioError, load


def loaded(folder: Path, text: str | bytes) -> LoadedScenario:
    """The scenario of a file with this text."""
    path = folder / "example.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load(path)


def refusal(folder: Path, text: str | bytes) -> ScenarioError:
    """The error that a file with this text is refused with."""
    with pytest.raises(ScenarioError) as caught:
        loaded(folder, text)
    return caught.value
