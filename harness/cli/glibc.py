"""``gai-harness glibc``: list, fetch, add or remove builds of glibc."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

from rich.progress import TaskProgressColumn

from harness import glibcs
from harness.cli.parser import OK, UsageError
from harness.cli.streams import complain, say
from harness.model.dialects import FIRST_RUN
from harness.report.terminal import bar
from harness.versions import SUPPORTED, Version

_STEPS = {"update": "reading the index", "download": "downloading", "unpack": "unpacking"}


def main(options: argparse.Namespace) -> int:
    """Run the chosen action; returns the exit status (0, 2 or 3)."""
    actions = {"list": _list, "fetch": _fetch, "add": _add, "remove": _remove}
    return actions[options.action](options)


def _list(options: argparse.Namespace) -> int:
    entries = glibcs.inventory()
    if options.format == "json":
        document = {"schema": 1, "builds": [asdict(entry) for entry in entries]}
        print(json.dumps(document, indent=2))
        return OK
    rows = [("GLIBC", "ARCH", "STATE", "NAME", "ORIGIN")]
    for one in entries:
        remedy = f" (gai-harness glibc remove {one.id})" if one.state == "damaged" else ""
        origin = f"{one.origin}{remedy}"
        rows.append((one.version or "-", one.arch or "-", one.state, one.name or "-", origin))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        say("  ".join([*cells, row[4]]))
    return OK


def _fetch(options: argparse.Namespace) -> int:
    wanted: dict[str, bool] = dict.fromkeys([*options.versions, *options.suite], False)
    if options.all:
        # The value says that the user can do without it.
        wanted |= {suite.name: suite.archived for suite in glibcs.catalogue()}
    if not wanted:
        raise UsageError("fetch: name a version or a suite, or give --all")
    for name in wanted:
        _architectures(name.partition(":")[2] or None, several=False)
    status = OK
    for arch in _architectures(options.arch):
        fetched = 0
        last: glibcs.GlibcError | None = None
        for name, optional in wanted.items():
            try:
                with _watching() as watch:
                    build = glibcs.fetch(name, arch, watch, options.refresh)
                    emulator = glibcs.fetch_emulator(build, watch)
            except glibcs.GlibcError as error:
                # not every suite has had every architecture
                optional = (optional or (options.all and arch is not None)) and isinstance(
                    error, glibcs.GlibcUnavailable
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
def _watching() -> Iterator[Callable[[glibcs.Progress], None]]:
    """Something to call with each progress: a bar on a terminal, plain lines elsewhere."""
    if not sys.stderr.isatty():
        last = ("", "")

        def lines(progress: glibcs.Progress) -> None:
            nonlocal last
            if progress.note:
                say(progress.note, sys.stderr)
            step = (progress.suite, progress.step)
            if step != last and progress.step in _STEPS:
                say(f"{progress.suite}: {_STEPS[progress.step]}", sys.stderr)
            last = step

        yield lines
        return
    with bar(TaskProgressColumn()) as shown:
        task = shown.add_task("glibc", total=1.0)

        def watch(progress: glibcs.Progress) -> None:
            if progress.note:
                shown.console.print(progress.note, markup=False, highlight=False)
            step = _STEPS.get(progress.step, progress.step)
            shown.update(task, description=f"{progress.suite}: {step}", completed=progress.fraction)

        yield watch


def _add(options: argparse.Namespace) -> int:
    build = glibcs.add(options.directory, options.name, options.arch)
    say(f"glibc {build.version} {build.arch} ({build.origin}) as {build.name}")
    if build.ordered_version < Version.parse(FIRST_RUN):
        say(
            f"glibc {build.version} does not run here: the worker takes symbols of {FIRST_RUN}; "
            "what the model says of older releases has been read only"
        )
    return 0


def _remove(options: argparse.Namespace) -> int:
    for spec in options.versions:
        for removed in glibcs.remove(spec):
            say(f"removed {removed}")
    return 0
