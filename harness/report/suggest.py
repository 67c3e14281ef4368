"""Suggestions for a terminal and as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from harness.advice.lint import Finding
from harness.advice.suggest import Blocker, Impossible, Mended, SideEffects, Suggestion
from harness.compare.fields import OwnName, Schema
from harness.compare.results import Result
from harness.compare.suggest import Answered
from harness.compare.values import fill, grouped
from harness.report.terminal import Terminal
from harness.report.words import THIS_HOST, beyond, builds
from harness.text.errors import some

_SHOWN = 6  # examples of changed decisions; the JSON has all
# of lines that glibc ignores, reads otherwise than they look, or dies of
_BROKEN = {f"GAI{number:03}" for number in (1, 2, 3, 4, 5, 6, 7, 8, 17, 20)}


def write_text(answered: Sequence[Answered], here: bool = False) -> None:
    """Print what came of each wish; lines to add stand alone, so that they can be copied.

    ``here``: they are of a copy of this host.
    """
    out = Terminal()
    for one in answered:
        where = THIS_HOST if here else one.scenario
        out.say(f"{where}: {one.lookup}, wanted {', '.join(one.wanted)}", "bold")
        for order, names in _orders(one.before):
            out.say(f"  now on glibc {names}: {order}")
        if isinstance(one.outcome, Impossible):
            _impossible(out, one.outcome, one.keeps)
        elif one.unconfirmed:
            out.say("  the model has a suggestion, but real glibc does not confirm it:", "bold red")
            for result in one.unconfirmed:
                given = ", ".join(result.order) or result.error
                out.say(f"    glibc {builds([result])}: {given} (model: {result.verdict})")
        else:
            _suggestion(out, one, one.outcome)
            if one.shorter and isinstance(one.shorter.outcome, Suggestion):
                _lines(out, one.shorter, one.shorter.outcome, "or, shorter, but it does more: put")
                _effects(out, one.shorter.outcome.elsewhere)
            if one.remedies:
                out.say(f"  without gai.conf: {', or '.join(one.remedies)}")
            if line := _left_broken(one.findings, len(one.outcome.lines)):
                out.say(f"  {line}", "yellow")
        if one.own_name:
            out.say(f"  {one.own_name}", "yellow")
    if line := beyond(result.glibc for one in answered for result in one.before):
        out.say(line, "yellow")


def _orders(results: Sequence[Result]) -> list[tuple[str, str]]:
    found = grouped(results, lambda one: ", ".join(one.order) or one.error)
    return [(order or "nothing", builds(same)) for order, same in found.items()]


def _suggestion(out: Terminal, answered: Answered, found: Suggestion) -> None:
    verified = builds(answered.after)
    if not found.needed:
        out.say(f"  nothing to change: glibc {verified} gives this order already", "green")
        return
    for mended in found.mended:
        out.say(f"  write line {mended.line} with its prefix length (it is undefined up to 2.40):")
        out.say(f"    - {mended.old}", whole=True)
        out.say(f"    + {mended.new}", whole=True)
    if found.lines:
        _lines(out, answered, found, "put")
    out.say(f"  verified on real glibc {verified}: {_orders(answered.after)[0][0]}", "green")
    for decision in answered.after[0].decisions[: max(1, len(answered.wanted) - 1)]:
        out.say(f"    {decision.why}", "dim")
    if not (found.smallest or found.shorter):
        out.say("  no line can be spared; whether another change has fewer was too much to try")
    # once for all builds and both orders of replies
    kept_orders = grouped(answered.kept, lambda one: (one.lookup, *one.order))
    for lookup, *order in kept_orders:
        out.say(f"  keeps {lookup}: {', '.join(order)}", "green")
    _effects(out, found.elsewhere)


def _lines(out: Terminal, answered: Answered, found: Suggestion, put: str) -> None:
    """The lines of a suggestion; those that keep the defaults come last."""
    where = "in front of the present gai.conf" if answered.present.data else "in gai.conf"
    out.say(f"  {put} {where}:")
    kept = False
    for line in sorted(found.lines, key=lambda line: (line.keyword, line.restored)):
        first = line.restored and not kept
        note = "   # the defaults, which the new line would drop" if first else ""
        kept = line.restored
        out.say(f"    {line.text}{note}", "" if line.restored else "bold", whole=True)


def _effects(out: Terminal, effects: SideEffects) -> None:
    if effects.lookups:
        out.say(f"  also changes the order of {', '.join(effects.lookups)}", "yellow")
    for phrase in effects.reaches:
        out.say(f"  also {phrase}", "yellow")
    if effects.kinds:
        listed = some(effects.kinds, _SHOWN, "; ")
        out.say(f"  from the host's sources it also puts {listed}", "yellow")


def _left_broken(findings: Sequence[Finding], added: int) -> str:
    """The broken lines that a suggestion keeps; ``added`` lines stand in front of them."""
    numbers = {one.line - added: one.code for one in findings if one.code in _BROKEN}
    if not numbers:
        return ""
    listed = [f"{number} ({code})" for number, code in numbers.items()]
    which = ", ".join(listed[:_SHOWN] + ["…"] * (len(listed) > _SHOWN))
    lines = f"line{'s'[: len(listed) > 1]} {which} of the present file"
    return f"kept as it was, but not as it looks: {lines} (gai-harness lint says why)"


def _impossible(out: Terminal, found: Impossible, keeps: Sequence[str]) -> None:
    if not found.proved:
        kept = f" that keeps {', '.join(keeps)}" if keeps else ", and no reason why there is none"
        out.say(f"  no change was found{kept}", "bold red")
        return
    out.say("  no gai.conf can do it", "bold red")
    for obstacle in found.obstacles:
        out.say(f"  {obstacle.first} cannot come before {obstacle.second}:")
        for step in obstacle.steps or (obstacle.why,):
            out.say(f"    {step}")
    out.say("  what can:")
    for remedy in dict.fromkeys(each for one in found.obstacles for each in one.remedies):
        out.say(f"    {remedy}", "cyan")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one wish; the keys of a result are those of ``run``."""

    scenario: str
    lookup: str
    wanted: tuple[str, ...]
    present: Annotated[str, Field(description="the gai.conf in force")]
    possible: bool
    verified: Annotated[bool, Field(description="every build asked for gives the wished order")]
    before: tuple[Result, ...]
    after: tuple[Result, ...]
    keeps: Annotated[tuple[str, ...], Field(description="the look-ups of --keep")]
    kept: Annotated[tuple[Result, ...], Field(description="their results under the new file")]
    own_name: OwnName


@dataclass(frozen=True, slots=True)
class NotPossible(Outcome):
    """No gai.conf can do it."""

    proved: bool
    obstacles: tuple[Blocker, ...]


@dataclass(frozen=True, slots=True)
class SuggestedLine:
    """A line to put in front of the file."""

    text: str
    keeps_default: bool


@dataclass(frozen=True, slots=True)
class Shorter:
    """A change of fewer lines, which every build confirms too; it does more to other addresses."""

    lines: tuple[SuggestedLine, ...]
    gai_conf: str | None
    after: tuple[Result, ...]
    kept: tuple[Result, ...]
    elsewhere: SideEffects


@dataclass(frozen=True, slots=True)
class Possible(Outcome):
    """A change that gives the wished order."""

    lines: tuple[SuggestedLine, ...]
    mended: tuple[Mended, ...]
    smallest: bool
    gai_conf: str | None
    elsewhere: SideEffects
    findings: tuple[Finding, ...]
    remedies: Annotated[tuple[str, ...], Field(description="what does it without gai.conf")]
    shorter: Annotated[
        Shorter | None, Field(description="a second answer, where one has fewer lines")
    ] = None


@dataclass(frozen=True, slots=True)
class SuggestDocument:
    """``gai-harness suggest --json``."""

    suggestions: tuple[Possible | NotPossible, ...]
    schema: Schema = 1


def document(answered: Sequence[Answered]) -> SuggestDocument:
    """All that came of the wishes as one JSON document."""
    made: list[Possible | NotPossible] = []
    for one in answered:
        found, present = one.outcome, one.present.name
        if isinstance(found, Impossible):
            made.append(fill(NotPossible, one, found, present=present))
            continue
        second = one.shorter
        shorter = None
        if second and isinstance(second.outcome, Suggestion):
            shorter = fill(Shorter, second, second.outcome, **_written(second.outcome))
        made.append(fill(Possible, one, found, present=present, **_written(found), shorter=shorter))
    return SuggestDocument(tuple(made))


def _written(found: Suggestion) -> dict[str, Any]:
    text = None if found.gai_conf is None else found.gai_conf.decode("utf-8", "replace")
    lines = tuple(SuggestedLine(line.text, line.restored) for line in found.lines)
    return {"lines": lines, "gai_conf": text}
