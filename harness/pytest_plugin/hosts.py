"""What tests give as a host, as a scenario: a file, a name of the library, words, YAML text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Final

from harness.compare.plan import load_gai_conf
from harness.scenario import LoadedScenario, Scenario, library, load
from harness.scenario.load import KEYS
from harness.text.errors import InputError, show
from harness.text.validation import validated
from harness.text.yaml_reading import parse

_NAME = "gai_host"


class _Keep(Enum):
    OWN = "the scenario's own"


OWN: Final = _Keep.OWN
"""The scenario's own gai.conf, where None means no file at all."""

GaiConfWords = str | bytes | Path | None | _Keep


def scenario_of(
    source: object,
    folders: Sequence[Path],
    names: Mapping[str, Sequence[str]] | None = None,
    resolver: str | None = None,
    gai_conf: GaiConfWords = OWN,
) -> LoadedScenario:
    """The scenario that a test means.

    Parameters: ``source`` a path, a name of the library, a mapping or YAML text in the words
    of a scenario or of its ``host``; ``folders`` where relative paths are looked for;
    ``names``, ``resolver`` and ``gai_conf`` replace those of the scenario.
    Raises ScenarioError, and TypeError for a source of another kind.
    """
    loaded = _loaded(source, folders)
    scenario = loaded.scenario
    if names is not None or resolver is not None:
        fields = {key: getattr(scenario, key) for key in Scenario.model_fields}
        fields["names"] = scenario.names if names is None else _lists(names)
        fields["resolver"] = resolver or scenario.resolver
        if fields["resolver"] != "dns":
            del fields["dns"]
        scenario = validated(Scenario, fields, _NAME)
    data, name = loaded.gai_conf, loaded.gai_conf_name
    if gai_conf is not OWN:
        data, name = read_gai_conf(gai_conf, folders)
    return LoadedScenario(scenario, loaded.path, data, name, loaded.lines)


def read_gai_conf(words: GaiConfWords, folders: Sequence[Path]) -> tuple[bytes | None, str]:
    """The bytes of a gai.conf and a name for it.

    Parameters: ``words`` its text, its bytes, a file's path or name in the catalogue, or
    None for no file at all; ``folders`` where relative paths are looked for.
    Raises PlanError for a file that cannot be read.
    """
    if words is None or words is OWN:
        return None, "none"
    if isinstance(words, bytes):
        return words, "inline"
    if isinstance(words, str) and (not words.strip() or len(words.split()) > 1):
        return words.encode(), "inline"
    conf = load_gai_conf(str(_found(Path(words), folders)))
    return conf.data, conf.name


def _loaded(source: object, folders: Sequence[Path]) -> LoadedScenario:
    if isinstance(source, LoadedScenario):
        return source
    if isinstance(source, Mapping):
        return _from_words(source)
    if isinstance(source, str) and ("\n" in source or "{" in source):
        return _from_words(parse(_NAME, source.encode(), KEYS).value)
    if isinstance(source, (str, Path)):
        path = _found(Path(source), folders)
        if path.is_file():
            return load(path)
        for known in library():
            if known.stem == str(source):
                return load(known)
        raise InputError(
            _NAME, None, "host", "a scenario file, a name of the library, words or YAML text",
            show(str(source)),
        )  # fmt: skip
    raise TypeError(
        f"gai_host: a path, a mapping or text was expected, got {type(source).__name__}"
    )


def _found(path: Path, folders: Sequence[Path]) -> Path:
    """``path`` in the first folder that has it, else as it is."""
    return next((folder / path for folder in folders if (folder / path).is_file()), path)


def _from_words(words: Mapping[str, Any]) -> LoadedScenario:
    """A scenario of the words of a whole file, or of its host alone."""
    document: dict[str, Any] = {"name": _NAME}
    document |= words if "host" in words else {"host": words}
    # every scenario looks something up; a host for other code need not
    document.setdefault("lookups", [{"name": "localhost"}])
    scenario = validated(Scenario, document, _NAME)
    if scenario.gai_conf is not None and not isinstance(scenario.gai_conf, str):
        data, name = read_gai_conf(scenario.gai_conf.file, ())
        return LoadedScenario(scenario, Path(_NAME), data, name)
    data = None if scenario.gai_conf is None else scenario.gai_conf.encode("utf-8", "surrogatepass")
    return LoadedScenario(scenario, Path(_NAME), data, "default" if data is None else "inline")


def _lists(names: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """One address alone is as good as a list of one."""
    return {
        name: (addresses,) if isinstance(addresses, str) else tuple(addresses)
        for name, addresses in names.items()
    }
