"""``gai-harness glibc``: list, fetch, add or remove builds of glibc."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.cli.options import declare, flag, option, path, shared
from harness.cli.parser import OK, UsageError
from harness.cli.streams import complain, say

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from harness.cli.options import Option
    from harness.glibcs import InventoryEntry
    from harness.glibcs import Progress as Step

_STEPS = {"update": "reading the index", "download": "downloading", "unpack": "unpacking"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands of ``glibc`` and their options."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(handler: Callable[..., int], meaning: str, *options: Option) -> None:
        below = actions.add_parser(handler.__name__[1:], allow_abbrev=False, help=meaning)
        declare(below, *options)
        below.set_defaults(handler=handler)

    action(_list, "the builds there are", shared("format"))
    action(
        _fetch, "fetch builds as packages of this distribution",
        option("versions", "a version, 2.31 or 2.36:armhf, or a suite, bookworm",
               nargs="*", metavar="VERSION"),
        flag("--all", "every version the distribution has"),
        shared("suite", "what this suite carries; may be given several times",
               action="append", default=[], metavar="SUITE"),
        shared("arch", "for other architectures, by Debian's names, or all", metavar="ARCH,…"),
        flag("--refresh", "fetch again what is in the cache"),
    )  # fmt: skip
    action(
        _add, "take the glibc out of a directory into the cache",
        option("directory", "a root file system, an install prefix, an unpacked image",
               metavar="DIR", type=path),
        option("--name", "what to call it (default: the directory's name)"),
        shared("arch", "which one to take where there are several"),
    )  # fmt: skip
    action(
        _remove, "remove builds from the cache",
        option("versions", "a version, a name, an id of glibc list, or all",
               nargs="+", metavar="VERSION"),
    )  # fmt: skip


def main(options: argparse.Namespace) -> int:
    """Run the chosen action; returns the exit status (0, 2 or 3)."""
    handler: Callable[[argparse.Namespace], int] = options.handler
    return handler(options)


def _list(options: argparse.Namespace) -> int:
    from harness.glibcs import inventory

    entries = inventory()
    if options.format == "json":
        import json
        from dataclasses import asdict

        document = {"schema": 1, "builds": [asdict(entry) for entry in entries]}
        print(json.dumps(document, indent=2))
    else:
        _print_table(entries)
    return 0


def _print_table(entries: tuple[InventoryEntry, ...]) -> None:
    rows = [("GLIBC", "ARCH", "STATE", "NAME", "ORIGIN")]
    rows += [
        (one.version or "-", one.arch or "-", one.state, one.name or "-", _origin(one))
        for one in entries
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        say("  ".join([*cells, row[4]]))


def _origin(entry: InventoryEntry) -> str:
    if entry.state == "damaged":
        return f"{entry.origin} (gai-harness glibc remove {entry.id})"
    return entry.origin


def _fetch(options: argparse.Namespace) -> int:
    from harness.glibcs import GlibcError, GlibcUnavailable, catalogue, fetch, fetch_emulator

    wanted: dict[str, bool] = dict.fromkeys([*options.versions, *options.suite], False)
    if options.all:
        # The value says that the user can do without it.
        wanted |= {suite.name: suite.archived for suite in catalogue()}
    if not wanted:
        raise UsageError("fetch: name a version or a suite, or give --all")
    for name in wanted:
        _architectures(name.partition(":")[2] or None, several=False)
    status = OK
    for arch in _architectures(options.arch):
        fetched = 0
        last: GlibcError | None = None
        for name, optional in wanted.items():
            try:
                with _watching() as watch:
                    build = fetch(name, arch, watch, options.refresh)
                    emulator = fetch_emulator(build, watch)
            except GlibcError as error:
                # not every suite has had every architecture
                optional = (optional or (options.all and arch is not None)) and isinstance(
                    error, GlibcUnavailable
                )
                severity = "passed over" if optional else "not fetched"
                shown = name if arch is None else f"{name}:{arch}"
                complain(f"gai-harness glibc: {shown} {severity}: {error}")
                status = status if optional else max(status, error.exit_status)
                last = error
            else:
                fetched += 1
                through = f", runs through {emulator}" if emulator else ""
                say(f"glibc {build.version} {build.arch} ({build.origin}){through}")
                sys.stdout.flush()
        if not fetched and last is not None:
            status = max(status, last.exit_status)
    return status


def _architectures(text: str | None, *, several: bool = True) -> list[str | None]:
    """The architectures of ``--arch``; None stands for the host's own."""
    from harness.versions import SUPPORTED

    if text is None:
        return [None]
    if text == "all" and several:
        return list(SUPPORTED)
    words = [word.strip() for word in text.split(",")] if several else [text]
    for word in words:
        if word not in SUPPORTED:
            raise UsageError(
                f"fetch: an architecture of {', '.join(SUPPORTED)} was expected, not {word!r}"
            )
    return list(dict.fromkeys(words))


@contextmanager
def _watching() -> Iterator[Callable[[Step], None]]:
    """Something to call with each progress: a bar on a terminal, plain lines elsewhere."""
    if not sys.stderr.isatty():
        last = ("", "")

        def lines(progress: Step) -> None:
            nonlocal last
            if progress.note:
                say(progress.note, sys.stderr)
            step = (progress.suite, progress.step)
            if step != last and progress.step in _STEPS:
                say(f"{progress.suite}: {_STEPS[progress.step]}", sys.stderr)
            last = step

        yield lines
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    from harness.report.terminal import Terminal

    console = Terminal(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task("glibc", total=1.0)

        def watch(progress: Step) -> None:
            if progress.note:
                console.print(progress.note, markup=False, highlight=False)
            step = _STEPS.get(progress.step, progress.step)
            bars.update(task, description=f"{progress.suite}: {step}", completed=progress.fraction)

        yield watch


def _add(options: argparse.Namespace) -> int:
    from harness.glibcs import add

    build = add(options.directory, options.name, options.arch)
    say(f"glibc {build.version} {build.arch} ({build.origin}) as {build.name}")
    return 0


def _remove(options: argparse.Namespace) -> int:
    from harness.glibcs import remove

    for spec in options.versions:
        for removed in remove(spec):
            say(f"removed {removed}")
    return 0
