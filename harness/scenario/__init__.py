"""What to test, as data: the scenario format, its loader, the built-in library."""

from harness.text.errors import InputError as ScenarioError

from .load import LoadedScenario, gai_conf_files, json_schema, library, load
from .schema import Scenario

__all__ = [
    "LoadedScenario", "Scenario", "ScenarioError", "gai_conf_files", "json_schema", "library",
    "load",
]  # fmt: skip
