"""Loading scenario files, and finding the built-in library and the gai.conf catalogue."""

from __future__ import annotations

import errno
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from .document import MAX_BYTES, Node, dotted, parse
from .errors import ScenarioError, expected, show
from .nearest import did_you_mean, nearest
from .schema import GaiConfFile, Scenario

_MAX_GAI_CONF = 1 << 16


@dataclass(frozen=True, slots=True)
class LoadedScenario:
    """A scenario read from a file, its gai.conf resolved to bytes.

    ``gai_conf`` is None when the host has no such file; ``gai_conf_name`` then is
    "default", otherwise "inline" or the file's name. ``lines`` are those of the look-ups in
    the file, counted from 1; empty for what was not read from one.
    """

    scenario: Scenario
    path: Path
    gai_conf: bytes | None
    gai_conf_name: str
    lines: tuple[int, ...] = ()


def load(path: Path | str) -> LoadedScenario:
    """Read and validate one scenario file.

    Parameters: ``path`` of the YAML file. Raises ScenarioError, whose text is one line with
    the file, the line, the field and what was expected.
    """
    path = Path(path)
    tree = parse(str(path), _read(path, str(path), MAX_BYTES))
    try:
        scenario = Scenario.model_validate(tree.value)
    except ValidationError as error:
        raise _first_error(str(path), tree, error) from None
    data, name = _resolve(path, tree, scenario)
    lookups = tree.children["lookups"].children
    lines = tuple(lookups[number].line for number in range(len(scenario.lookups)))
    return LoadedScenario(scenario, path, data, name, lines)


def library() -> list[Path]:
    """The scenario files that come with the package, sorted by name. Raises nothing."""
    return sorted(_package_folder("library").glob("*.yaml"))


def gai_conf_files() -> dict[str, Path]:
    """The catalogue of gai.conf files by name, sorted. Raises nothing."""
    return {path.name: path for path in sorted(_package_folder("gai.conf.d").glob("*.conf"))}


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a scenario file, for editors. Raises nothing."""
    from .descriptions import described

    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **described(Scenario.model_json_schema(by_alias=True)),
        "title": "gai-harness scenario",
    }


@cache
def _package_folder(name: str) -> Path:
    return Path(str(resources.files(__package__).joinpath(name)))


def _read(path: Path, file: str, limit: int) -> bytes:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise _unreadable(file, error) from None
    except ValueError:
        raise ScenarioError(file, None, "file", "a file name", "a NUL character") from None
    # asked first: opening a pipe would wait for a writer
    if not stat.S_ISREG(mode):
        got = "a folder" if stat.S_ISDIR(mode) else "a device, pipe or socket"
        raise ScenarioError(file, None, "file", "a scenario in a regular file", got)
    try:
        with path.open("rb") as stream:
            return stream.read(limit + 1)
    except OSError as error:
        raise _unreadable(file, error) from None


def _unreadable(file: str, error: OSError) -> ScenarioError:
    got = error.strerror or type(error).__name__
    wanted = "a file that can be read"
    if error.errno == errno.ENOENT:
        wanted += did_you_mean(file, _known_files(Path(file)), "{!r}")
    return ScenarioError(file, None, "file", wanted, got)


def _known_files(wanted: Path) -> list[str]:
    """What could have been meant: the library's names, and the scenarios in the file's folder."""
    beside: list[Path] = []
    with suppress(OSError):
        beside = [one for one in wanted.parent.iterdir() if one.suffix in (".yaml", ".yml")]
    return [*(path.stem for path in library()), *map(str, beside)]


def _resolve(path: Path, tree: Node, scenario: Scenario) -> tuple[bytes | None, str]:
    """The bytes and the name of the scenario's gai.conf."""
    wanted = scenario.gai_conf
    if wanted is None:
        return None, "default"
    if isinstance(wanted, str):
        return wanted.encode("utf-8", "surrogatepass"), "inline"
    assert isinstance(wanted, GaiConfFile)
    at = tree.children["gai_conf"].children["file"]

    def refuse(expected: str) -> ScenarioError:
        return ScenarioError(str(path), at.line, "gai_conf.file", expected, show(wanted.file))

    for folder in (path.parent, _package_folder("gai.conf.d")):
        candidate = folder / wanted.file
        if not candidate.exists() and not candidate.is_symlink():
            continue
        try:
            real = candidate.resolve(strict=True)
        except (OSError, RuntimeError):
            raise refuse("a file, not a dangling link") from None
        if not real.is_relative_to(folder.resolve()):
            raise refuse("a file in its folder, not a link that leaves it")
        try:
            data = _read(real, str(path), _MAX_GAI_CONF)
        except ScenarioError:
            raise refuse("a regular file that can be read") from None
        if len(data) > _MAX_GAI_CONF:
            raise refuse(f"a gai.conf of at most {_MAX_GAI_CONF} bytes")
        return data, wanted.file
    known = ", ".join(gai_conf_files())
    raise refuse(f"a file beside the scenario or one of the catalogue ({known})")


def _first_error(file: str, tree: Node, error: ValidationError) -> ScenarioError:
    """The fault that comes first in the file; a list of all would be more than one line."""
    items: list[dict[str, Any]] = [dict(item) for item in error.errors(include_url=False)]
    # a list whose entries all failed also counts as too short: a mere consequence
    around = {item["loc"][:end] for item in items for end in range(len(item["loc"]))}
    placed = [_placed(tree, item) for item in items if item["loc"] not in around]
    return _convert(file, *min(placed, key=lambda one: one[0].line))


def _placed(tree: Node, item: dict[str, Any]) -> tuple[Node, list[str | int], dict[str, Any]]:
    """The value at fault, the path of the field, and the error itself."""
    path: list[str | int] = []
    node = tree
    location = (*item["loc"], *(item.get("ctx") or {}).get("at", ()))
    for position, part in enumerate(location):
        child = node.children.get(part)
        if child is not None:
            node = child
            path.append(part)
        elif item["type"] == "missing" and position == len(location) - 1:
            path.append(part)
    return node, path, item


def _convert(file: str, node: Node, path: list[str | int], item: dict[str, Any]) -> ScenarioError:
    context = item.get("ctx") or {}
    kind = item["type"]
    got = context["got"] if "got" in context else show(node.value)
    wanted = expected(item)
    if kind == "missing":
        got = "nothing"
    elif kind == "extra_forbidden":
        wanted, got = _known_keys(path), show(path[-1])
    elif kind == "scenario" and "got" not in context and isinstance(node.value, dict):
        got = ""
    elif kind == "string_type" and isinstance(node.value, dict):
        wanted += "; an address that begins or ends with ':' needs quotes"
    return ScenarioError(file, node.line, dotted(tuple(path)), wanted, got)


def _known_keys(path: list[str | int]) -> str:
    """What to say of an unknown key: the nearest known one, or all of them."""
    model = _model_at(Scenario, path[:-1])
    known = [info.alias or name for name, info in model.model_fields.items()] if model else []
    near = nearest(str(path[-1]), known)
    if near is not None:
        return f"a known key, perhaps {near!r}"
    return f"one of the keys {', '.join(known)}" if known else "a known key"


def _model_at(model: type[BaseModel], path: list[str | int]) -> type[BaseModel] | None:
    current: type[BaseModel] | None = model
    in_table = False
    for part in path:
        if isinstance(part, int) or in_table:
            in_table = False  # a position, or a name the user gave: the model is known already
        elif current is not None:
            fields = current.model_fields
            info = next((i for n, i in fields.items() if part in (n, i.alias)), None)
            current = None if info is None else _models_in(info.annotation)
            in_table = info is not None and get_origin(info.annotation) is Mapping
    return current


def _models_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        found = _models_in(inner)
        if found is not None:
            return found
    return None
