"""``gai-harness completion``: the shell's script, and the answers it asks for at each Tab."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from harness.glibcs import InventoryEntry


def main(options: argparse.Namespace) -> int:
    """Print the script; returns the exit status, 0."""
    from argcomplete.shell_integration import shellcode

    sys.stdout.write(shellcode(["gai-harness"], shell=options.shell))
    return 0


def complete(parser: argparse.ArgumentParser) -> NoReturn:
    """Answer the shell's script, as ``_ARGCOMPLETE`` in the environment asks for, and end.

    Parameters: ``parser`` of the whole command line, as far as the words on it need it.
    Raises SystemExit.
    """
    import os

    import argcomplete

    from harness.sandbox import programs

    os.environ.update(programs.environment())  # argcomplete asks bash for the files
    for command, action in _actions(parser, ""):
        # an option of one command before the option of that name of any
        keys = (*action.option_strings, action.dest)
        places = [place for key in keys for place in (f"{command} {key}", key)]
        words = next((_WORDS[place] for place in places if place in _WORDS), None)
        if words is not None:
            action.completer = _completer(words)  # type: ignore[attr-defined]
    argcomplete.autocomplete(parser, always_complete_options=False, validator=_offered)
    raise SystemExit(1)


def _offered(word: str, prefix: str) -> bool:
    # the name of a file or a build may be anybody's, and a shell may show it raw
    return word.startswith(prefix) and word.isprintable()


def _completer(words: Callable[[str], Iterable[str]]) -> Callable[..., list[str]]:
    """A completer as argcomplete calls it."""
    return lambda prefix, **_: list(words(prefix))


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


def _scenarios(prefix: str) -> Iterable[str]:
    from harness.scenario import library

    return [*(path.stem for path in library()), *_files(prefix, "yaml", "yml")]


def _gai_confs(prefix: str) -> Iterable[str]:
    from harness.scenario import gai_conf_files

    return [*gai_conf_files(), "none", *_files(prefix)]


def _suites(_prefix: str) -> Iterable[str]:
    from harness.scenario.suites import suites

    return suites()


def _builds(prefix: str) -> Iterable[str]:
    """Builds that can be run on, after a comma too."""
    from harness.glibcs import inventory

    names = ["host", "all", *(_name(one) for one in inventory() if one.state != "available")]
    done, comma, _rest = prefix.rpartition(",")
    taken = done.split(",")
    more = [f"{done}{comma}{name}" for name in dict.fromkeys(names) if name not in taken]
    return [*more, *_files(prefix)] if "/" in prefix else more


def _fetchable(prefix: str) -> Iterable[str]:
    from harness.glibcs.catalog import host_distribution

    versions = dict.fromkeys(suite.glibc for suite in host_distribution().suites)
    return [*versions, *_fetched_suites(prefix)]


def _fetched_suites(_prefix: str) -> Iterable[str]:
    from harness.glibcs.catalog import host_distribution

    return [suite.name for suite in host_distribution().suites]


def _removable(_prefix: str) -> Iterable[str]:
    from harness.glibcs import inventory

    kept = [one for one in inventory() if one.state in ("cached", "added", "damaged")]
    return [*dict.fromkeys(map(_name, kept)), "all"]


def _reports(prefix: str) -> Iterable[str]:
    from harness.report.formats import FORMATS

    name, equals, file = prefix.partition("=")
    return (
        [f"{name}={found}" for found in _files(file)] if equals else [f"{one}=" for one in FORMATS]
    )


def _flags(_prefix: str) -> Iterable[str]:
    from harness.compare.predict import FLAGS

    return FLAGS


def _name(entry: InventoryEntry) -> str:
    """What a build is called on the command line."""
    from harness.glibcs.catalog import native_arch

    if entry.state == "damaged":
        return entry.id
    own = entry.arch == native_arch()
    return entry.name or (f"{entry.version}" if own else f"{entry.version}:{entry.arch}")


def _files(prefix: str, *suffixes: str) -> list[str]:
    from argcomplete.completers import FilesCompleter

    return list(FilesCompleter(suffixes)(prefix))


_WORDS: dict[str, Callable[[str], Iterable[str]]] = {
    "scenarios": _scenarios,
    "explain what": _scenarios,
    "--scenario": _scenarios,
    "--gai-conf": _gai_confs,
    "--glibc": _builds,
    "--against": _builds,
    "run --suite": _suites,
    "glibc fetch --suite": _fetched_suites,
    "glibc fetch versions": _fetchable,
    "glibc remove versions": _removable,
    "--report": _reports,
    "--flags": _flags,
    "--scheduler": lambda _prefix: ["local"],
}
"""The words that fit each place of the command line."""
