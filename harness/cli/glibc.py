"""``gai-harness glibc``: list, fetch, add, probe or remove builds of glibc."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, TextIO

from rich.progress import TaskProgressColumn

from harness import glibcs
from harness.cli.parser import CANNOT, FINDING, OK, Options, UsageError
from harness.cli.streams import complain, say, write_json
from harness.glibcs import golang
from harness.glibcs.others import absent, fetch_others, find_others, is_other, suites_with
from harness.model.dialects import FIRST_RUN
from harness.native.record import LaneError
from harness.report.terminal import Terminal, bar
from harness.versions import SUPPORTED, Version, interpreter_arch, who

if TYPE_CHECKING:
    from harness.compare.probe import Probe

_MOST_UNEXPLAINED = 10
_STEPS = {
    "update": "reading the index", "download": "downloading", "unpack": "unpacking",
    "build": "building",
}  # fmt: skip


def main(options: Options) -> int:
    """Run the chosen action; returns the exit status."""
    actions = {"list": _list, "fetch": _fetch, "add": _add, "probe": _probe, "remove": _remove}
    return actions[options.action](options)


def _list(options: Options) -> int:
    entries = glibcs.inventory()
    if options.format == "json":
        return _write(entries)
    rows = [("VERSION", "ARCH", "STATE", "NAME", "ORIGIN")]
    for one in entries:
        remedy = f" (gai-harness glibc remove {one.id})" if one.state == "damaged" else ""
        told = [f"{one.origin}{remedy}"]
        if one.state == "host":
            of = (one.distribution, one.release, one.package_version)
            told += filter(None, [" ".join(filter(None, of))])
        told += [f"added {one.added}"] if one.added else []
        told += [f"told {row}" for row in one.rows]
        known = one.named_version or "-", one.arch or "-", one.state, one.name or "-"
        rows.append((*known, ", ".join(told)))
    Terminal().say_table(rows)
    return OK


def _write(
    entries: Iterable[glibcs.Build], ids: Collection[str] | None = None, status: int = OK
) -> int:
    """Write entries, or those of the ``ids``, as JSON; gives the exit status back."""
    from harness.report.documents import Builds  # not for a list in words

    write_json(Builds(tuple(one for one in entries if ids is None or one.id in ids)))
    return status


def _fetch(options: Options) -> int:
    wanted: dict[str, bool] = dict.fromkeys([*options.versions, *options.suite], False)
    if options.all or "all" in wanted:
        wanted["all"] = True
    if not wanted:
        raise UsageError("fetch: name a version or a suite, or give --all")
    as_json = options.format == "json"
    status, ids = _fetched(wanted, options.arch, options.refresh, sys.stderr if as_json else None)
    return _write(glibcs.inventory(), ids, status) if as_json else status


def bring(specs: Iterable[str | None], resolvers: str = "glibc") -> int:
    """``--fetch``: fetch what is missing of the builds that --glibc and --resolver name.

    The exit status is that of ``glibc fetch``; a word that names no build is left to the command.
    """
    asked = [word.strip() for spec in specs if spec for word in spec.split(",")]
    others = [word.strip() for word in resolvers.split(",")]
    problems = absent() if "all" in others else []
    for word in asked:
        try:
            for build in glibcs.find(word) if word != "all" else ():
                glibcs.emulator_for(build)
        except glibcs.GlibcError as problem:
            problems.append(problem)
    try:
        find_others([*filter(is_other, others)])
    except glibcs.GlibcError as problem:
        problems.append(problem)
    missing = ["all"] * ("all" in asked) + [word for one in problems for word in one.fetch]
    return _fetched(dict.fromkeys(missing), None, False, sys.stderr)[0] if missing else OK


def missing_of_all(builds: str, resolvers: str) -> Iterator[str]:
    """What the word ``all`` is without on this host, though it could be had, and what brings it."""
    problems = absent() if "all" in map(str.strip, resolvers.split(",")) else []
    if problems:
        problem = glibcs.together(problems)
        yield f"{problem}{' (or this line with --fetch)' if problem.fetch else ''}"
    if "all" in map(str.strip, builds.split(",")):
        with suppress(glibcs.GlibcUnavailable):
            alone = [one.origin for one in glibcs.find("all")] == ["host"]
            if alone and glibcs.catalogue():
                yield (
                    "--glibc all is this host's alone, as no other was fetched;"
                    " gai-harness glibc fetch all (or this line with --fetch)"
                )


def _fetched(
    words: Iterable[str], archs: str | None, refresh: bool, out: TextIO | None
) -> tuple[int, list[str]]:
    """Fetch what the words name, with a line for each on ``out``: the exit status, and the ids."""
    others = [word for word in words if is_other(word)]
    by_go = [word for word in others if word == "go"][:1]
    # The value says that the user can do without it.
    wanted = dict.fromkeys((word for word in words if word not in others), False)
    if every := wanted.pop("all", None) is not None:
        wanted |= {suite.name: suite.archived for suite in glibcs.catalogue()}
    for name in wanted:
        _architectures(name.partition(":")[2] or None, several=False)
    suites = {
        f"{' and '.join(names)} of {suite.name}": (suite, names)
        for suite, names in suites_with(one for one in others if one not in by_go).items()
    }
    named = any("=" in word for word in others)
    wanted |= {name: suite.archived and not named for name, (suite, _) in suites.items()}
    wanted |= dict.fromkeys(by_go, False)
    status, ids = OK, []
    for arch in _architectures(archs):
        fetched = 0
        last: glibcs.GlibcError | None = None
        for name, optional in wanted.items():
            try:
                with _watching() as watch:
                    if name in by_go:
                        builds = [golang.built(arch, watch, refresh)]
                    elif name in suites:
                        builds = fetch_others(*suites[name], arch, watch, refresh)
                    else:
                        builds = [glibcs.fetch(name, arch, watch, refresh)]
                    emulators = [glibcs.fetch_emulator(build, watch) for build in builds]
            except glibcs.GlibcError as error:
                # not every suite has had every architecture
                optional = (optional or (every and arch is not None)) and isinstance(
                    error, glibcs.GlibcUnavailable
                )
                severity = "passed over" if optional else "not fetched"
                shown = name if arch is None else f"{name}:{arch}"
                complain(f"gai-harness glibc: {shown} {severity}: {error}")
                status = status if optional else max(status, error.exit_status)
                last = error
            else:
                fetched += 1
                for build, emulator in zip(builds, emulators, strict=True):
                    ids.append(build.id)
                    through = f", runs through {emulator}" if emulator else ""
                    said = f"{who(build.named_version)} {build.arch} ({build.origin})"
                    say(said + through, out)
                (out or sys.stdout).flush()
        if not fetched and last is not None:
            status = max(status, last.exit_status)
    return status, ids


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
    last = ""
    with bar(TaskProgressColumn()) as shown:
        task = shown.add_task("glibc", total=1.0)

        def watch(progress: glibcs.Progress) -> None:
            nonlocal last
            step = f"{progress.suite}: {_STEPS.get(progress.step, progress.step)}"
            shown.update(task, description=step, completed=progress.fraction)
            lines = [progress.note]
            if not shown.console.is_terminal and progress.step in _STEPS and step != last:
                lines.append(step)
            for line in filter(None, lines):
                shown.console.print(line, markup=False, highlight=False, soft_wrap=True)
            last = step

        yield watch


def _add(options: Options) -> int:
    build = glibcs.add(options.directory, options.name, options.arch, options.row)
    as_json = options.format == "json"
    out = sys.stderr if as_json else None
    told = f", told {', '.join(build.rows)}" if build.rows else ""
    said = f"{who(build.named_version)} {build.arch} ({build.origin}) as {build.name}"
    say(said + told, out)
    status = OK
    if build.is_other:
        pass  # of which there are no rows
    elif build.ordered_version < Version.parse(FIRST_RUN):
        say(
            f"glibc {build.version} does not run here: the worker takes symbols of {FIRST_RUN}; "
            "what the model says of older releases has been read only",
            out,
        )
    elif options.probe:
        say("probing which rows it follows (glibc probe; --no-probe leaves it out)", out)
        (out or sys.stdout).flush()
        try:
            found = _probed(str(build.name))
        except Exception as error:
            if not hasattr(error, "exit_status"):
                raise
            say(f"not probed: {error}", out)
            status = CANNOT if isinstance(error, LaneError) else OK
        else:
            _tell(found, out)
    return _write(glibcs.inventory(), [build.id], status) if as_json else status


def _probe(options: Options) -> int:
    found = _probed(options.build)
    if options.format == "json":
        write_json(found)
    else:
        say(f"glibc {found.build}: {found.answers} answers")
        rows = [("ROW", "FOLLOWS", "MODEL", found.glibc, "TOLD BY")]
        for one in found.rows:
            first, *more = one.told_by or [f"- {one.why}"]
            by = f"{first} and {len(more)} more" if more else first
            rows.append((one.row, one.follows or "-", one.model, one.expected, by))
        Terminal().say_table(rows)
        _tell(found)
    return FINDING if found.differing or found.unexplained else OK


def _probed(spec: str) -> Probe:
    """Probe the one build that a word names, with the command that mends what is found."""
    from harness.compare.plan import trusted_lanes
    from harness.compare.probe import probe

    builds = glibcs.find(spec)
    if len(builds) != 1:
        raise UsageError(f"probe {spec}: one build was expected")
    (build,) = builds
    found = probe(trusted_lanes(spec, "auto")[0])
    return replace(found, mend=_mend(build, found.found)) if found.differing else found


def _mend(build: glibcs.Build, rows: Sequence[str]) -> str:
    folder, name = str(build.libc.parent), build.name or f"probed-{build.version}"
    if build.origin.startswith("directory "):
        folder = build.origin.removeprefix("directory ")
    arch = [] if build.arch == interpreter_arch() else ["--arch", build.arch]
    words = ["gai-harness", "glibc", "add", folder, "--name", name, *arch]
    return shlex.join([*words, *(word for row in rows for word in ("--row", row))])


def _tell(found: Probe, out: TextIO | None = None) -> None:
    if found.beyond_model:
        from harness.report.words import beyond  # not for a list

        say(beyond([found.glibc]), out)
    for one in found.differing:
        say(f"{one.row} is {one.follows} here; the model has {one.model}", out)
    for each in found.unexplained[:_MOST_UNEXPLAINED]:
        conf = "" if each.gai_conf == "default" else f" [{each.gai_conf}]"
        sides = f"glibc says {each.native}, the model {each.model}"
        if each.native == each.model:
            sides = "the same addresses, but other entries"
        words = "; ".join((sides, *each.differences))
        say(f"no row explains {each.scenario}: {each.lookup}{conf}: {words}", out)
    if (more := len(found.unexplained) - _MOST_UNEXPLAINED) > 0:
        say(f"no row explains {more} more answers (--json lists them)", out)
    for line in found.refused:
        say(f"not asked: {line}", out)
    if found.mend:
        say(f"to tell the model: {found.mend}", out)
    elif not found.unexplained:
        say("every answer is as the model has it", out)


def _remove(options: Options) -> int:
    known = glibcs.inventory()
    removed = [one for spec in options.versions for one in glibcs.remove(spec)]
    if options.format == "json":
        return _write(known, removed)
    for one in removed:
        say(f"removed {one}")
    return OK
