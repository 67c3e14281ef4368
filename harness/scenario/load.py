"""Scenario files read and written, their JSON Schema, the library and the gai.conf catalogue."""

import errno
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Self

from harness.model.addresses import inet_aton, inet_pton6
from harness.model.dns_servers import ascii_lower
from harness.model.myhostname import knows
from harness.text.errors import InputError, show
from harness.text.nearest import did_you_mean
from harness.text.reading import open_regular
from harness.text.strict_yaml import MAX_BYTES, document, parse
from harness.text.validation import validated

from .nameservice import plain_name
from .schema import GaiConfFile, Scenario
from .values import TABLES

KEYS = "name, host and lookups"
"""The keys of a scenario file that every one has, in words."""
_MAX_GAI_CONF = 1 << 16
_NEVER = ".invalid"  # RFC 6761: a name that nobody ever has, and so none that was mistyped


@dataclass(frozen=True, slots=True)
class LoadedScenario:
    """A scenario, the bytes of its gai.conf (None for no such file), and the look-ups' lines.

    ``gai_conf_name`` is "default", "inline" or the file's; ``lines`` count from 1, if known.
    """

    scenario: Scenario
    path: Path
    gai_conf: bytes | None
    gai_conf_name: str
    lines: tuple[int, ...] = ()

    @classmethod
    def inline(cls, scenario: Scenario, path: Path, lines: tuple[int, ...] = ()) -> Self:
        """A scenario whose gai.conf, if any, is its own text."""
        text = scenario.gai_conf
        data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else None
        return cls(scenario, path, data, "default" if data is None else "inline", lines)


def load(path: Path | str) -> LoadedScenario:
    """Read and validate one scenario file. Raises ScenarioError, whose text is one line."""
    path = Path(path)
    ours = path.parent == _packaged("library")  # without any text that libyaml reads otherwise
    tree = parse(str(path), _read(path, str(path), MAX_BYTES), KEYS, libyaml=ours)
    scenario = validated(Scenario, tree, str(path))
    lookups = tree.children["lookups"].children
    lines = tuple(lookups[number].line or 0 for number in range(len(scenario.lookups)))
    wanted = scenario.gai_conf
    if isinstance(wanted, GaiConfFile):
        data = _gai_conf(path, wanted.file, tree.children["gai_conf"].children["file"].line)
        loaded = LoadedScenario(scenario, path, data, wanted.file, lines)
    else:
        loaded = LoadedScenario.inline(scenario, path, lines)
    for number, expected in _unknown_names(scenario):
        name = lookups[number].children["name"]
        place = f"lookups[{number}].name"
        raise InputError(str(path), name.line, place, expected, show(name.value))
    return loaded


def _unknown_names(scenario: Scenario) -> Iterator[tuple[int, str]]:
    """The look-ups of names that no name service of the scenario holds, unless that is meant.

    Most are mistyped, and would pass as EAI_NONAME. It is meant where an expectation has an error,
    and for names below ``invalid``. Numbers, ``localhost`` and the host's own name need nobody who
    knows them. Yields the number of the look-up, from 0, and what was expected of its name; a name
    that would be escaped is among them.
    """
    service = scenario.served
    known = (
        {plain_name(name): name for name in scenario.names} if service is None else service.known()
    )
    for number, lookup in enumerate(scenario.lookups):
        if lookup.name and "\\" in lookup.name and scenario.asks("dns"):
            yield number, "a name without \\, by which a question to DNS escapes what follows"
        if lookup.name is None or lookup.name == "*" or any(one.error for one in lookup.expect):
            continue
        name = plain_name(lookup.name)
        asked = () if service is None else service.spellings(ascii_lower(lookup.name))
        if name in known or not known.keys().isdisjoint(asked):
            continue
        own = scenario.host.hostname
        is_number = inet_aton(name) or inet_pton6(name.partition("%")[0])
        if name in ("localhost", plain_name(own)) or name.endswith(_NEVER) or is_number:
            continue
        if scenario.asks("myhostname") and knows(lookup.name, own):
            continue
        perhaps = did_you_mean(name, known.values(), "{!r}")
        meant = "expect: {error: EAI_NONAME} where nobody shall know it"
        place = "names" if service is None else "name_service"
        yield number, f"a name that {place} has, or {meant}{perhaps}"


def library() -> list[Path]:
    """The scenario files that come with the package, sorted by name."""
    return sorted(_packaged("library").glob("*.yaml"))


def gai_conf_files() -> dict[str, Path]:
    """The catalogue of gai.conf files by name, sorted."""
    return {path.name: path for path in sorted(_packaged("gai.conf.d").glob("*.conf"))}


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a scenario file, for editors.

    Every key has its text in descriptions.yaml, and every text its key.
    """
    file = _packaged("descriptions.yaml")
    texts = parse(file.name, file.read_bytes(), "models").value
    schema = Scenario.model_json_schema(by_alias=True)
    models = {"Scenario": schema, **schema["$defs"]}
    for name, model in models.items():
        # the short form of an address is a text beside the mapping
        for form in model.get("anyOf", [model]):
            for key, value in form.get("properties", {}).items():
                value["description"] = texts[name].pop(key)
                value.pop("title", None)
    assert not any(texts.values()), texts
    draft = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": draft, **schema, "title": "gai-harness scenario"}


def as_yaml(scenario: Scenario, comments: Sequence[str] = ()) -> str:
    """The file of a scenario that people read, with ``comments`` as its head."""
    return document(as_data(scenario), comments)


def as_data(scenario: Scenario) -> dict[str, Any]:
    """What such a file holds."""
    data: dict[str, Any] = scenario.model_dump(by_alias=True, exclude_defaults=True, mode="json")
    host = data["host"]
    for interface in host.get("interfaces", {}).values():
        if "addresses" in interface:
            interface["addresses"] = [
                each["address"] if len(each) == 1 else each for each in interface["addresses"]
            ]
    names = {number: name for name, number in TABLES.items()}
    for each in (*host.get("routes", ()), *host.get("rules", ())):
        if each.get("table") in names:
            each["table"] = names[each["table"]]
    return data


@cache
def _packaged(name: str) -> Path:
    return Path(str(resources.files(__package__).joinpath(name)))


def _read(path: Path, file: str, limit: int) -> bytes:
    """At most one byte more than ``limit``, which says that there is more."""
    try:
        with open_regular(path, follow=True) as stream:
            return stream.read(limit + 1)
    except OSError as error:
        wanted = "a regular file that can be read"
        if error.errno == errno.ENOENT:
            listed = "" if "/" in file else ", or a name that gai-harness run --list has"
            wanted += did_you_mean(file, _known_files(path), "{!r}") or listed
        got = error.strerror or type(error).__name__
        raise InputError(file, None, "file", wanted, got) from None
    except ValueError:
        raise InputError(file, None, "file", "a file name", "a NUL character") from None


def _known_files(wanted: Path) -> list[str]:
    """What could have been meant: the library's names, and the scenarios in the file's folder."""
    beside: list[Path] = []
    with suppress(OSError):
        beside = [one for one in wanted.parent.iterdir() if one.suffix in (".yaml", ".yml")]
    return [*(path.stem for path in library()), *map(str, beside)]


def _gai_conf(path: Path, wanted: str, line: int | None) -> bytes:
    def refuse(expected: str) -> InputError:
        return InputError(str(path), line, "gai_conf.file", expected, show(wanted))

    for folder in (path.parent, _packaged("gai.conf.d")):
        candidate = folder / wanted
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
        except InputError:
            raise refuse("a regular file that can be read") from None
        if len(data) > _MAX_GAI_CONF:
            raise refuse(f"a gai.conf of at most {_MAX_GAI_CONF} bytes")
        return data
    known = ", ".join(gai_conf_files())
    raise refuse(f"a file beside the scenario or one of the catalogue ({known})")
