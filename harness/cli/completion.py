"""``gai-harness completion``: the shell's script, and the answers it asks for at each Tab."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from harness.cli.parser import COMMAND, Options

if TYPE_CHECKING:
    from harness.glibcs import Build


def main(options: Options) -> int:
    """Print the script; returns the exit status, 0."""
    from argcomplete.shell_integration import shellcode

    sys.stdout.write(shellcode(["gai-harness"], shell=options.shell))
    return 0


def complete(made: Callable[[Sequence[str]], argparse.ArgumentParser]) -> NoReturn:
    """Answer the shell's script, as ``_ARGCOMPLETE`` in the environment asks for, and end.

    ``made`` gives the parser of the whole line as far as words on it need it. Raises SystemExit.
    """
    import os

    import argcomplete

    from harness.sandbox import programs

    line = os.environ.get("COMP_LINE", "")
    if line.split()[1:2] == ["help"] and len(line.split()) + line.endswith(" ") > 2:
        # what follows is what would follow the command itself
        shorter = line.replace("help", "", 1)
        point = int(os.environ.get("COMP_POINT", len(line))) - len("help")
        os.environ |= {"COMP_LINE": shorter, "COMP_POINT": str(point)}
    parser = made(os.environ.get("COMP_LINE", "").split()[1:2])
    typed = line[: int(os.environ.get("COMP_POINT", len(line)))]
    own, dashes, command = typed.partition(" -- ")
    if dashes and own.split()[1:2] == ["watch"]:
        # what follows is another program's line, of which the options are not ours
        alone = f"gai-harness {command}"
        os.environ |= {"COMP_LINE": alone, "COMP_POINT": str(len(alone))}
        parser = argparse.ArgumentParser(add_help=False)
        parser.add_argument("program" if " " not in command else COMMAND, nargs="*")
    os.environ.update(programs.environment())  # argcomplete asks bash for the files
    for command, action in _actions(parser, ""):
        # an option of one command before the option of that name of any
        keys = (*action.option_strings, action.dest)
        places = [place for key in keys for place in (f"{command} {key}", key)]
        kind = next((_KINDS[place] for place in places if place in _KINDS), None)
        if kind is not None:
            action.completer = partial(_words, kind)  # type: ignore[attr-defined]
    argcomplete.autocomplete(
        parser,
        always_complete_options=False,
        # the name of a file or a build may be anybody's, and a shell may show it raw
        validator=lambda word, prefix: word.startswith(prefix) and word.isprintable(),
    )
    raise SystemExit(1)


def _actions(
    parser: argparse.ArgumentParser, command: str
) -> Iterable[tuple[str, argparse.Action]]:
    """Every action of a parser and of its commands, each with the command it belongs to."""
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to list them
        if isinstance(action.choices, dict):
            for name, below in action.choices.items():
                yield from _actions(below, f"{command} {name}".strip())
        else:
            yield command, action


_KINDS = {
    "scenarios": "scenario", "what": "scenario", "--scenario": "scenario", "files": "gai.conf",
    "--gai-conf": "gai.conf", "--glibc": "build", "--against": "build", "run --suite": "suite",
    "glibc fetch --suite": "distribution", "glibc fetch versions": "fetchable",
    "glibc remove versions": "removable", "glibc probe build": "build", "--row": "row",
    "--report": "report", "--flags": "flag", "--scheduler": "scheduler", "program": "program",
}  # fmt: skip
"""What fits each place of the command line."""


def _words(kind: str, prefix: str, **_: object) -> list[str]:
    """The words of a kind, as argcomplete asks for them; each imports only what it needs."""
    match kind:
        case "scenario":
            from harness.scenario import library

            return [*(path.stem for path in library()), *_files(prefix, "yaml", "yml")]
        case "gai.conf":
            from harness.scenario import gai_conf_files

            return [*gai_conf_files(), "none", *_files(prefix)]
        case "suite":
            from harness.scenario.suites import suites

            return list(suites())
        case "build":  # one that can be run on, after a comma too
            names = _builds(lambda one: one.state != "available" and one.resolver == "glibc")
            done, comma, _rest = prefix.rpartition(",")
            taken = done.split(",")
            more = [f"{done}{comma}{one}" for one in ("host", "all", *names) if one not in taken]
            return [*more, *_files(prefix)] if "/" in prefix else more
        case "distribution" | "fetchable":
            from harness.glibcs.catalog import host_distribution
            from harness.glibcs.others import PACKAGES

            suites_of_it = host_distribution().suites
            versions = [one.glibc for one in suites_of_it if kind == "fetchable" and one.glibc]
            others = [*PACKAGES] if kind == "fetchable" else []
            return [*dict.fromkeys([*versions, *(one.name for one in suites_of_it), *others])]
        case "removable":
            return [*_builds(lambda one: one.state in ("cached", "added", "damaged")), "all"]
        case "report":
            from harness.report.formats import FORMATS

            name, equals, file = prefix.partition("=")
            files = (f"{name}={found}" for found in _files(file))
            return list(files) if equals else [f"{one}=" for one in FORMATS]
        case "program":
            import glob
            import os
            from pathlib import Path

            folders = (Path(one) for one in os.environ.get("PATH", "").split(os.pathsep) if one)
            found = (path for each in folders for path in each.glob(f"{glob.escape(prefix)}*"))
            names = sorted({path.name for path in found if os.access(path, os.X_OK)})
            return [*names, *_files(prefix)] if prefix else []
        case "row":
            from harness.model.dialects import FEATURES, shown

            return [f"{name}={shown(one)}" for name, values in FEATURES.items() for one in values]
        case "flag":
            from harness.compare.predict import FLAGS

            return list(FLAGS)
        case _:
            return ["local"]


def _builds(wanted: Callable[[Build], bool]) -> list[str]:
    from harness.glibcs import inventory
    from harness.glibcs.catalog import native_arch

    def name(one: Build) -> str:
        if one.state == "damaged":
            return one.id
        if one.resolver != "glibc":
            return one.name or f"{one.resolver}={one.resolver_version}"
        return one.name or one.version + f":{one.arch}" * (one.arch != native_arch())

    return list(dict.fromkeys(map(name, filter(wanted, inventory()))))


def _files(prefix: str, *suffixes: str) -> list[str]:
    from argcomplete.completers import FilesCompleter

    return list(FilesCompleter(suffixes)(prefix))
