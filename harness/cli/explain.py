"""``gai-harness explain``: every fact the rules looked at, and the rule between neighbours."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from harness import glibcs
from harness.cli.parser import FINDING, OK, Options, UsageError
from harness.cli.streams import say, write_json
from harness.cli.subjects import jobs_for, picked, sorted_out, tell_unknown
from harness.cli.values import GETENT, PROGRAMS
from harness.compare import plan
from harness.compare.explain import Explanation, GetentAnswer, capture, explain
from harness.compare.live import explain_live, getent
from harness.compare.predict import lookup_title
from harness.compare.run import HostJob
from harness.glibcs.elf import sha256
from harness.kubelet.own_name import in_scenarios, on_this_host
from harness.live import process
from harness.model.addresses import inet_pton4, inet_pton6
from harness.native.trace import strace
from harness.report.explanation import document, write_getent, write_text
from harness.scenario.schema import Lookup
from harness.text.errors import InputError
from harness.text.validation import validated

_HINTS = ("service", "family", "socktype", "protocol")


def main(options: Options) -> int:
    """Explain every look-up; 1 when native and model differ, or there is no order to explain."""
    if not options.what and options.service is None:
        raise UsageError("a NAME, a SCENARIO or --service was expected")
    scenarios, names = sorted_out(options.what)
    wanted: list[str | None] = [*names] or [None]
    unlike = f"only scenarios have this, and {wanted[0] or '--service'} is none"
    answers: list[GetentAnswer] = []
    if getattr(options, "as") == GETENT:
        explanations, answers = _getent(options, scenarios, names)
    elif scenarios:
        _refuse(options, ("inside",), "only a name is looked up there, and this is a scenario")
        explanations = _scenarios(options, scenarios, [*options.lookup, *names])
    elif options.inside is not None:
        _refuse(options, ("lookup",), unlike)
        explanations = _in_process(options, wanted)
    elif names and (options.glibc is not None or options.resolver or options.gai_conf):
        _refuse(options, ("lookup",), unlike)
        explanations = _copy(options, names, options.glibc or "host")
    else:
        _refuse(options, ("lookup", "glibc", "gai-conf", "trace", "pcap"), unlike)
        explanations = [_live(_lookup(one, options), options.pair) for one in wanted]
    if options.pair:
        _check_pair(options.pair, explanations)
    if options.format == "json":
        write_json(replace(document(explanations), getent=tuple(answers)))
    elif answers:
        write_getent(answers, explanations)
    else:
        write_text(explanations, here=not scenarios and options.inside is None)
    unknown = not scenarios and tell_unknown((item.name, item.result) for item in explanations)
    wrong = any(
        # a crash is no order, though the model foresaw it
        item.result.failed
        or item.result.predicted
        or (item.trace is not None and not item.trace.agreed)
        for item in explanations
    )
    wrong |= not all(one.agreed for one in answers)
    return FINDING if wrong or unknown or not explanations else OK


def _live(lookup: Lookup, pair: tuple[str, str] | None, where: str = "this-host") -> Explanation:
    found = explain_live(lookup, pair, where=where)
    return replace(found, own_name=on_this_host(lookup.name))


def _getent(
    options: Options, scenarios: Sequence[Path], names: Sequence[str]
) -> tuple[list[Explanation], list[GetentAnswer]]:
    """What getent(1) says of each name here, and what there is to say of what it asks."""
    if scenarios or not names:
        raise UsageError(
            f"--as {GETENT}: a NAME was expected, which this host's getent is asked for"
        )
    for name in names:
        if inet_pton4(name) or inet_pton6(name) is not None:
            why = "getent hosts asks for the name of a number"
            raise UsageError(f"--as {GETENT}: a NAME was expected, got {name}: {why}")
    other = ("inside", "lookup", "glibc", "resolver", "gai-conf", "trace", "pcap", "flags", "pair")
    _refuse(options, (*_HINTS, *other), f"--as {GETENT} asks this host with getent's own hints")
    explanations: list[Explanation] = []
    answers: list[GetentAnswer] = []
    for name in names:
        answers.append(getent("hosts", name))
        for program, hints in PROGRAMS.items():
            one = _live(validated(Lookup, {"name": name, **hints}, name), None)
            explanations.append(one)
            database = program.removeprefix("getent-")
            answers.append(getent(database, name, one.result.model_order))
    return explanations, answers


def _refuse(options: Options, names: Sequence[str], why: str) -> None:
    for name in names:
        if getattr(options, name.replace("-", "_")):
            raise UsageError(f"--{name.replace('inside', 'in')}: {why}")


def _check_pair(pair: Sequence[str], explanations: Sequence[Explanation]) -> None:
    """Refuse addresses that are in no answer: nothing could be said of them."""
    if pair[0] == pair[1]:
        raise UsageError(f"--pair {pair[0]} {pair[1]}: two different addresses were expected")
    answers = [(*item.result.native, *item.result.model) for item in explanations]
    known = dict.fromkeys(text for answer in answers for text in answer)
    without = {text.partition("%")[0] for text in known}
    found = any(item.pair for item in explanations)
    for text in pair:
        # whether a zone is an answer's is known by the decision only
        strange = text.partition("%")[0] not in without or (not found and "%" in text)
        if known and strange and text not in known:
            wanted = f"one of the answer's addresses was expected ({', '.join(known)})"
            raise UsageError(f"--pair {text}: {wanted}")


def _lookup(name: str | None, options: Options) -> Lookup:
    given = {hint: getattr(options, hint) for hint in _HINTS}
    words = {hint: value for hint, value in given.items() if value is not None}
    if flags := [flag for part in options.flags for flag in part.split(",") if flag]:
        words["flags"] = flags
    if name is not None:  # without one, as a program that listens asks
        words["name"] = name
    try:
        program = PROGRAMS.get(getattr(options, "as"), {})
        return validated(Lookup, {**program, **words}, name or "--service")
    except InputError as error:
        option = error.field.partition("[")[0]
        place = f"--{option}" if option in words and option != "name" else "NAME"
        raise UsageError(f"{place}: {error.reason}") from None


def _in_process(options: Options, wanted: Sequence[str | None]) -> list[Explanation]:
    """In the network of a process: live where its glibc is this host's, else on a copy.

    For the code of any other glibc runs in sandboxes only.
    """
    pid, builds = options.inside, options.glibc
    if builds is None:
        (its,) = glibcs.find(f"pid:{pid}")
        builds = its.id
        changed = options.gai_conf or options.trace or options.pcap
        if not changed and _is_this_hosts(its):
            lookups = [_lookup(one, options) for one in wanted]
            ask = partial(_live, pair=options.pair, where=f"pid-{pid}")
            return process.inside(pid, lambda: [*map(ask, lookups)])
        say(f"pid:{pid}: glibc {its.label} is asked on a copy of its network", sys.stderr)
    return _copy(options, [*filter(None, wanted)], builds, pid)


def _is_this_hosts(build: glibcs.Build) -> bool:
    with suppress(glibcs.GlibcUnavailable):
        own = glibcs.host()
        return sha256(own.libc) == sha256(build.libc)
    return False


def _copy(
    options: Options, names: Sequence[str], builds: str, inside: int | None = None
) -> list[Explanation]:
    """Of a copy of this host: other builds are asked, or another gai.conf is in its place.

    ``inside`` is a process whose network is copied in its place.
    """
    lanes = plan.lanes_for(builds, "auto", resolver=options.resolver or "glibc")
    (job,) = jobs_for((), names, lanes, inside)
    lookups = tuple(_lookup(name, options) for name in names)
    confs = tuple(plan.load_gai_conf(name) for name in options.gai_conf)
    whose = "this-host" if inside is None else f"pid-{inside}"
    new = {"lookups": lookups, "name": f"copy-of-{whose}"}
    scenario = job.scenario.model_copy(update=new)
    job = replace(job, scenario=scenario, gai_confs=confs or job.gai_confs)
    return _explained(options, [job.without_expectations()], [])


def _scenarios(
    options: Options, scenarios: Sequence[Path], lookups: Sequence[str]
) -> list[Explanation]:
    _refuse(options, (*_HINTS, "flags", "as"), "a scenario says this itself, in its lookups")
    jobs = plan.make_jobs(
        plan.load_scenarios(scenarios),
        plan.lanes_for(options.glibc or "host", "auto", resolver=options.resolver or "glibc"),
        [plan.load_gai_conf(name) for name in options.gai_conf],
    )
    return _explained(options, jobs, lookups)


def _explained(options: Options, jobs: list[HostJob], lookups: Sequence[str]) -> list[Explanation]:
    if options.trace:
        if any(lookup.after for job in jobs for lookup in job.scenario.lookups):
            why = "each look-up is traced in a process of its own"
            raise UsageError(f"--trace: a scenario without after was expected: {why}")
        strace()  # says at once when it is missing
        jobs = [replace(job, trace=True) for job in jobs]
    if options.pcap is not None:
        if len(jobs) != 1:
            raise UsageError("--pcap: one scenario was expected")
        captured = capture(jobs[0])
        try:
            options.pcap.write_bytes(captured)
        except OSError as error:
            raise UsageError(f"{options.pcap}: cannot be written: {error.strerror}") from None
    meant = picked(jobs, lookups, "--lookup " if options.lookup else "")
    wanted = {
        (job.scenario.name, lookup_title(job.scenario.lookups[number]))
        for job, numbers in zip(jobs, meant, strict=True)
        for number in numbers
    }
    for line in plan.unasked(jobs):
        say(line, sys.stderr)
    own = in_scenarios(job.scenario for job in jobs)
    found = []
    for item in explain(jobs, options.pair):
        if (place := (item.result.scenario, item.result.lookup)) in wanted:
            of_glibc = item.result.resolver == "glibc"
            found.append(replace(item, own_name=own.get(place, "") if of_glibc else ""))
    return found
