"""From the words of the command line to jobs: scenarios × gai.conf × glibc."""

import stat
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePath

from harness import glibcs
from harness.compare.evidence import LaneSpec, NamedGaiConf
from harness.compare.open_lane import lacks_module
from harness.compare.run import HostJob
from harness.compare.selftest import marked
from harness.glibcs import Build, Emulator, GlibcError, GlibcMissing, together
from harness.glibcs.libc_files import MYHOSTNAME
from harness.native.worker_lane import (
    FAMILY_MODULE_NAME,
    MODULE_NAME,
    bundled_module,
    bundled_worker,
)
from harness.sandbox import SandboxUnavailable
from harness.scenario import LoadedScenario, gai_conf_files, library, load
from harness.text.nearest import did_you_mean
from harness.text.reading import GAI_CONF_LIMIT, read_bounded
from harness.versions import age


class PlanError(ValueError):
    """A scenario, gai.conf, glibc or order that was asked for and cannot be had; one line."""

    exit_status = 2


def load_scenarios(paths: Sequence[Path]) -> list[LoadedScenario]:
    """The scenarios of files, folders (their ``*.yaml``) or names of the library; or all of it.

    Raises ScenarioError for a bad file and PlanError for a folder without scenarios.
    """
    built_in = {path.stem: path for path in library()}
    files = [] if paths else [*library()]
    for path in paths:
        if str(path) in built_in and not _mode(path):
            files.append(built_in[str(path)])
        elif stat.S_ISDIR(_mode(path)):
            found = sorted([*path.glob("*.yaml"), *path.glob("*.yml")])
            if not found:
                raise PlanError(f"{path}: a folder with scenario files (*.yaml) was expected")
            files += found
        else:
            files.append(path)
    return [load(path) for path in files]


def is_scenario(word: str) -> bool:
    """Whether a word of the command line means a scenario: a path, or a name of the library."""
    path = Path(word)
    if path.suffix in (".yaml", ".yml") or "/" in word or _mode(path):
        return True
    return any(word == known.stem for known in library())


def _mode(path: Path) -> int:
    """The mode of a file; 0 without one, for a name too long, in a folder not to be searched."""
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return 0


def load_suite(name: str) -> list[LoadedScenario]:
    """The scenarios of a generated suite; PlanError for a name that is none."""
    from harness.scenario.suites import suites

    known = suites()
    if name not in known:
        perhaps = did_you_mean(name, known)
        raise PlanError(f"--suite {name}: one of {', '.join(known)} was expected{perhaps}")
    return list(known[name]())


def load_gai_conf(name: str) -> NamedGaiConf:
    """A gai.conf by path, by its name in the catalogue, or ``none`` for no file at all.

    Raises PlanError for a file that cannot be read.
    """
    if name == "none":
        return NamedGaiConf("none", None)
    path = Path(name)
    if not _mode(path):
        path = gai_conf_files().get(name, path)
    try:
        return NamedGaiConf(path.name, read_bounded(path, GAI_CONF_LIMIT))
    except OSError as error:
        known = [*gai_conf_files(), "none"]
        raise PlanError(
            f"{name}: a gai.conf that can be read was expected ({error.strerror})"
            + (did_you_mean(name, known) or f"; the catalogue has {', '.join(known)}")
        ) from None


def lanes_for(
    glibc: str, lane: str, tested: bool = True, resolver: str = "glibc"
) -> tuple[LaneSpec, ...]:
    """The lanes for ``--glibc`` (comma-separated builds), ``--lane`` and ``--resolver``.

    ``resolver`` names resolvers in the same way, each with a version where it is one
    (``glibc,musl=1.2.3``), or all; of glibc, the builds are those of ``glibc``.

    ``auto`` calls the host's glibc through cffi when it is asked for as ``host`` or among
    ``all``, every other build by the worker. Lanes of other architectures are put to the
    self-test, and marked where they fail it, unless ``tested`` is False: for what runs nothing
    on them. Raises GlibcMissing for a build that is not there and PlanError for a lane that a
    build does not have.
    """
    words = [word.strip() for word in resolver.split(",")]
    specs: list[LaneSpec] = []
    missing: list[GlibcError] = []
    if {"glibc", "all"} & {*words}:
        with _kept(missing):
            specs += _specs(glibc, lane).values()
    if others := [word for word in words if word != "glibc"]:
        from harness.glibcs.others import find_others

        with _kept(missing):
            specs += [_other_lane(build) for build in find_others(others)]
    if missing:
        raise together(missing)
    lanes = shortened(sorted(specs, key=_by_version))
    return marked(lanes) if tested else lanes


def trusted_lanes(glibc: str, lane: str, resolver: str = "glibc") -> tuple[LaneSpec, ...]:
    """The lanes of `lanes_for`, where a finding is worth something on all of them.

    Raises what `lanes_for` raises, and SandboxUnavailable for a lane that fails its self-test.
    """
    lanes = lanes_for(glibc, lane, resolver=resolver)
    for one in lanes:
        if one.untrusted:
            raise SandboxUnavailable(
                f"--glibc {one.glibc}:{one.arch} cannot be trusted here: {one.untrusted}",
                "another qemu-user in the PATH may do",
            )
    return lanes


def lanes_against(glibc: str, lane: str, reference: str) -> tuple[tuple[LaneSpec, ...], int]:
    """The lanes for ``--glibc``, one for ``--against``, and the number of that one.

    Raises what `lanes_for` raises, and PlanError where ``reference`` is not one build, or
    there is no other to hold against it.
    """
    specs = _specs(glibc, lane, (reference,))
    builds = glibcs.find(reference)
    if len(builds) != 1 or reference.partition(":")[0] == "all":
        raise PlanError(f"--against {reference}: one build was expected")
    wanted = _lanes_of(builds[0], "auto" if lane == "both" else lane)[0]
    specs.setdefault((builds[0].id, wanted.lane), wanted)
    if len({build for build, _ in specs}) == 1:
        raise PlanError(f"--against {reference}: another build than --glibc's was expected")
    keys = sorted(specs, key=lambda key: _by_version(specs[key]))
    return marked(shortened([specs[key] for key in keys])), keys.index((builds[0].id, wanted.lane))


def _specs(glibc: str, lane: str, also: Sequence[str] = ()) -> dict[tuple[str, str], LaneSpec]:
    """The lanes by the build's id and the way it is called; ``also`` has to be there, too."""
    specs: dict[tuple[str, str], LaneSpec] = {}
    missing: list[GlibcError] = []
    words = [word.strip() for word in glibc.split(",")]
    for word in (*words, *also):
        if not word:
            raise PlanError("--glibc: a version, host, a folder or all was expected")
        with _kept(missing):
            for build in glibcs.find(word):
                for spec in _lanes_of(build, lane) if word in words else ():
                    specs.setdefault((build.id, spec.lane), spec)
    if missing:
        raise together(missing)
    return specs


@contextmanager
def _kept(missing: list[GlibcError]) -> Iterator[None]:
    """Keep the error of a build that is not here, to be told with the others."""
    try:
        yield
    except GlibcError as problem:
        if not (problem.fetch or problem.parts or isinstance(problem, GlibcMissing)):
            raise
        missing.append(problem)


def _by_version(spec: LaneSpec) -> tuple[object, ...]:
    return age(spec.version), spec.arch, spec.build, spec.label, spec.lane


def _lanes_of(build: Build, lane: str) -> list[LaneSpec]:
    is_host = build.origin == "host"
    plain = LaneSpec(
        build.version, build.arch, "cffi", build.origin, label=label(build), rows=build.rows,
        myhostname=MYHOSTNAME in build.names,
    )  # fmt: skip
    lanes = []
    if lane in ("cffi", "both") or (lane == "auto" and is_host):
        own = glibcs.host()
        if is_host:
            lanes.append(plain)
        elif build.arch == own.arch and build.ordered_version >= own.ordered_version:
            # this interpreter and its extension, started by the build's own loader
            lanes.append(
                replace(
                    plain, command=tuple(glibcs.hosted_command(build)), skeleton=_staged(build),
                    parts=tuple(glibcs.python_parts(build).items()),
                )
            )  # fmt: skip
        elif lane == "cffi":
            raise PlanError(
                f"--lane cffi: this interpreter needs glibc {own.version} or later on "
                f"{own.arch}, and does not start under {build.label}"
            )
    if lane in ("worker", "both") or (lane == "auto" and not is_host):
        emulator = glibcs.emulator_for(build)
        lanes.append(
            replace(
                plain, lane="worker", command=tuple(glibcs.command(build, emulator)),
                skeleton=_staged(build, emulator), emulator=str(emulator or ""),
            )
        )  # fmt: skip
    return lanes


def _other_lane(build: Build) -> LaneSpec:
    """The lane of another resolver than glibc, which only a worker asks."""
    return LaneSpec(
        "" if build.resolver in ("musl", "go") else build.version, build.arch, "worker",
        build.origin, tuple(glibcs.command(build)), _staged(build), label(build),
        resolver=build.resolver, resolver_version=build.resolver_version,
    )  # fmt: skip


def _staged(build: Build, emulator: Emulator | None = None) -> Path:
    if build.resolver == "go":  # the program is all that there is of it
        return glibcs.stage(replace(build, files=()), build.loader)
    modules = {}
    if build.resolver == "glibc":
        modules = dict.fromkeys((MODULE_NAME, FAMILY_MODULE_NAME), bundled_module(build.arch))
    return glibcs.stage(build, bundled_worker(build.arch, build.resolver), modules, emulator)


def make_jobs(
    scenarios: Sequence[LoadedScenario],
    lanes: tuple[LaneSpec, ...],
    gai_confs: Sequence[NamedGaiConf] = (),
    timeout: float = 10.0,
    reference: int | None = None,
) -> list[HostJob]:
    """One job per scenario; ``gai_confs`` replace each scenario's own, and its expectations.

    ``reference`` is the number of the lane that the others are held against, if any is. Where a
    scenario asks a module that some lanes have, the others are left out of its job.
    """
    jobs = []
    for one in scenarios:
        # other resolvers load no module: what they make of the line is theirs
        able = [n for n, spec in enumerate(lanes) if spec.myhostname or spec.resolver != "glibc"]
        if not able or not one.scenario.asks("myhostname") or reference not in (None, *able):
            able = [*range(len(lanes))]
        jobs.append(
            HostJob(
                one.scenario, (NamedGaiConf(one.gai_conf_name, one.gai_conf),),
                tuple(lanes[n] for n in able), timeout, str(one.path), lines=one.lines,
                reference=None if reference is None else able.index(reference),
                left_out=tuple(spec for n, spec in enumerate(lanes) if n not in able),
            )
        )  # fmt: skip
    confs = tuple(gai_confs)
    return [replace(job.without_expectations(), gai_confs=confs) for job in jobs] if confs else jobs


def unasked(jobs: Sequence[HostJob]) -> Iterator[str]:
    """What lanes are not asked, a line for each resolver and reason, or build without a module."""
    for line in dict.fromkeys(lacks_module(one) for job in jobs for one in job.left_out):
        yield f"left out where a scenario asks for it: {line}"
    found: Counter[tuple[str, str]] = Counter()
    for job in jobs:
        left = {(job.lanes[n].resolver, why, at) for (n, at), why in job.not_asked.items()}
        found.update((resolver, why) for resolver, why, _ in left)
    lookups = sum(len(job.scenario.lookups) for job in jobs)
    for (resolver, why), count in found.items():
        yield f"{resolver} was not asked {count} of {lookups} look-ups: {why}"


def label(build: Build) -> str:
    """The name it was added by, "host", the distribution's suite, or its folder's whole path.

    Of an image, packages or a process the distribution and its release, where they are known.
    """
    if build.name is not None:
        return build.name
    if build.source:
        return " ".join(filter(None, (build.distribution, build.release))) or build.source
    if build.origin.startswith("directory "):
        return build.origin.removeprefix("directory ")
    words = build.origin.split()
    return words[1] if len(words) > 1 else build.origin


def shortened(specs: Sequence[LaneSpec]) -> tuple[LaneSpec, ...]:
    """The lanes with labels as short as tells their builds apart.

    Of a folder's path the last part is kept, or as many more as it takes. Where an added
    build has the name of a suite, both get their whole origin.
    """
    folders = {PurePath(spec.label) for spec in specs if spec.label.startswith("/")}
    texts = [
        _tail(PurePath(spec.label), folders) if spec.label.startswith("/") else spec.label
        for spec in specs
    ]
    builds: dict[tuple[str, str, str], set[tuple[str, str]]] = {}
    for spec, text in zip(specs, texts, strict=True):
        builds.setdefault((spec.version, spec.arch, text), set()).add((spec.build, spec.label))
    return tuple(
        replace(spec, label=text)
        if len(builds[spec.version, spec.arch, text]) == 1
        else replace(spec, label=f"{text}, {spec.build}")
        for spec, text in zip(specs, texts, strict=True)
    )


def _tail(folder: PurePath, among: Collection[PurePath]) -> str:
    """The shortest end of a path that no other one has."""
    for count in range(1, len(folder.parts)):
        if sum(other.parts[-count:] == folder.parts[-count:] for other in among) == 1:
            return str(PurePath(*folder.parts[-count:]))
    return str(folder)
