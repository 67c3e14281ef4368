"""Reading a Containerfile: its stages, and their instructions in order.

Source: the Dockerfile reference. Only what this project's file uses is understood; anything
else is an error, so that nothing in the file goes untried.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

_KNOWN = {"ARG", "FROM", "RUN", "COPY", "WORKDIR", "ENV", "USER", "ENTRYPOINT", "CMD"}
_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")


@dataclass(frozen=True)
class Instruction:
    """One instruction, its --options and the rest of its words as they are written."""

    name: str
    options: tuple[tuple[str, str], ...]
    value: str

    def option(self, name: str) -> str | None:
        return dict(self.options).get(name)


@dataclass
class Stage:
    """What follows one FROM; ``base`` with the arguments before it filled in."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def exec_form(self, name: str) -> list[str]:
        (value,) = [one.value for one in self.instructions if one.name == name]
        words: list[str] = json.loads(value)
        return words


def stages(text: str, arguments: Mapping[str, str]) -> list[Stage]:
    """The stages of a Containerfile; ``arguments`` as --build-arg gives them."""
    found: list[Stage] = []
    values: dict[str, str] = {}
    for instruction in _instructions(text):
        if instruction.name == "ARG" and not found:
            name, _, default = instruction.value.partition("=")
            values[name] = arguments.get(name, default)
        elif instruction.name == "FROM":
            base, _, name = filled(instruction.value, values).partition(" AS ")
            found.append(Stage(base, name))
        else:
            found[-1].instructions.append(instruction)
    return found


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with its $NAME and ${NAME} replaced; KeyError for one that is not set."""
    return _VARIABLE.sub(lambda match: values[match[1] or match[2]], text)


def _instructions(text: str) -> Iterator[Instruction]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ")
    for line in whole.splitlines():
        name, _, rest = line.strip().partition(" ")
        assert name in _KNOWN, f"an instruction these tests do not know: {line}"
        options: list[tuple[str, str]] = []
        rest = " ".join(rest.split())
        while match := re.match(r"--([a-z]+)=(\S+) ", rest):
            options.append((match[1], match[2]))
            rest = rest[match.end() :]
        yield Instruction(name, tuple(options), rest)


def context(root: Path, ignore: str) -> list[Path]:
    """The files of a folder that an engine is sent: .dockerignore's last fitting line decides."""
    rules = [line for line in ignore.splitlines() if line and not line.startswith("#")]
    return [
        path
        for path in sorted(root.rglob("*"))
        if (path.is_file() or path.is_symlink())
        and not _ignored(PurePosixPath(path.relative_to(root)), rules)
    ]


def _ignored(path: PurePosixPath, rules: list[str]) -> bool:
    verdict = False
    names = [str(path), *(str(parent) for parent in path.parents if parent != PurePosixPath("."))]
    for rule in rules:
        pattern = rule.removeprefix("!")
        inner = pattern.removeprefix("**/")
        fits = any(
            _match(name, inner) or (inner != pattern and _match(PurePosixPath(name).name, inner))
            for name in names
        )
        if fits:
            verdict = not rule.startswith("!")
    return verdict


def _match(name: str, pattern: str) -> bool:
    return name.count("/") == pattern.count("/") and fnmatchcase(name, pattern)
