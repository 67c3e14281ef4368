"""The words that fit each place of the command line, for the shell's completion."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

Completer = Callable[..., Iterable[str]]


def find(command: str, action: argparse.Action) -> Completer | None:
    """The completer of one option or argument; None where argcomplete's own does.

    Parameters: ``command`` such as "run" or "glibc fetch"; ``action`` argparse's.
    """
    for key in (*action.option_strings, action.dest):
        for place in (f"{command} {key}", key):
            if place in _WHERE:
                return _WHERE[place]
    return None


def fits(candidate: str, prefix: str) -> bool:
    """Whether a candidate begins with what has been typed."""
    return candidate.startswith(prefix)


def scenarios(prefix: str, **_: Any) -> list[str]:
    """Names of the library, scenario files and folders."""
    from harness.scenario import library

    return [*(path.stem for path in library()), *_files(prefix, "yaml", "yml")]


def gai_confs(prefix: str, **_: Any) -> list[str]:
    """Names of the catalogue, ``none``, and files."""
    from harness.scenario import gai_conf_files

    return [*gai_conf_files(), "none", *_files(prefix)]


def suites(**_: Any) -> list[str]:
    """The generated suites of scenarios."""
    from harness.scenario.suites import suites as known

    return list(known())


def builds(prefix: str, **_: Any) -> list[str]:
    """Builds that can be run on, after a comma too."""
    from harness.glibcs import inventory

    names = ["host", "all"]
    names += [name for entry in inventory() if entry.state != "available" for name in _names(entry)]
    done, comma, _rest = prefix.rpartition(",")
    taken = done.split(",")
    more = [f"{done}{comma}{name}" for name in dict.fromkeys(names) if name not in taken]
    return [*more, *_files(prefix)] if "/" in prefix else more


def fetchable(**_: Any) -> list[str]:
    """Versions and suites of the distribution."""
    from harness.glibcs.catalog import host_distribution

    known = host_distribution().suites
    return [*dict.fromkeys(suite.glibc for suite in known), *(suite.name for suite in known)]


def fetch_suites(**_: Any) -> list[str]:
    """Suites of the distribution."""
    from harness.glibcs.catalog import host_distribution

    return [suite.name for suite in host_distribution().suites]


def removable(**_: Any) -> list[str]:
    """What ``glibc remove`` takes."""
    from harness.glibcs import inventory

    kept = [entry for entry in inventory() if entry.state in ("cached", "added", "damaged")]
    return [*dict.fromkeys(name for entry in kept for name in _names(entry)), "all"]


def reports(prefix: str, **_: Any) -> list[str]:
    """``FORMAT=FILE``."""
    from harness.report.formats import FORMATS

    name, equals, file = prefix.partition("=")
    if not equals:
        return [f"{name}=" for name in FORMATS]
    return [f"{name}={found}" for found in _files(file)]


def flags(**_: Any) -> list[str]:
    """getaddrinfo's flags."""
    from harness.compare.request import FLAGS

    return list(FLAGS)


def schedulers(**_: Any) -> list[str]:
    """The one scheduler that has no address."""
    return ["local"]


def _names(entry: Any) -> list[str]:
    from harness.glibcs.catalog import native_arch

    if entry.state == "damaged":
        return [entry.id]
    version = entry.version if entry.arch == native_arch() else f"{entry.version}:{entry.arch}"
    return [entry.name] if entry.name else [version]


def _files(prefix: str, *suffixes: str) -> list[str]:
    from argcomplete.completers import FilesCompleter

    return list(FilesCompleter(suffixes)(prefix))


_WHERE: dict[str, Completer] = {
    "scenarios": scenarios,
    "explain what": scenarios,
    "--scenario": scenarios,
    "--gai-conf": gai_confs,
    "--glibc": builds,
    "--against": builds,
    "run --suite": suites,
    "glibc fetch --suite": fetch_suites,
    "glibc fetch versions": fetchable,
    "glibc remove versions": removable,
    "--report": reports,
    "--flags": flags,
    "--scheduler": schedulers,
}
