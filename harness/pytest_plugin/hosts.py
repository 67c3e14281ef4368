"""Hosts for people's own tests: `gai_host` builds them, `HostBox` runs code inside; and orders.

`gai_order` makes one look-up on a host, native and modelled, for a test's asserts.
"""

import os
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import EllipsisType
from typing import Any, TypeVar, cast

import pytest

from harness.compare import standing
from harness.compare.evidence import LaneSpec, NamedGaiConf
from harness.compare.explain import Explanation
from harness.compare.plan import PlanError, load_gai_conf
from harness.compare.predict import FAMILIES, FLAGS, SOCKTYPES
from harness.compare.results import LookupReport, PairReason, Result
from harness.compare.run import HostJob, JobOutcome
from harness.pytest_plugin import children
from harness.pytest_plugin.lab import lab_of
from harness.report.explanation import as_text
from harness.sandbox import DeviceNote, Pool, SandboxError, SandboxUnavailable
from harness.sandbox.pool import RESOLVER_VARIABLES
from harness.scenario import LoadedScenario, Scenario, ScenarioError, library, load
from harness.scenario.load import KEYS
from harness.scenario.schema import Lookup
from harness.text.errors import InputError, show
from harness.text.strict_yaml import parse
from harness.text.validation import validated

_NAME = "gai_host"
T = TypeVar("T")
GaiConfWords = str | bytes | Path | EllipsisType | None
"""A gai.conf: ... for the scenario's own, None for no file at all."""


class HostBox(ExitStack):
    """A host in a private network, for code of one's own; `gai_host` builds it.

    Inside, the code is root of its own network, host name and /etc, whose files of name
    service are the host's; all other files are this host's. ``loaded`` is the scenario.
    ``close`` ends the host with every process in it, and may be repeated.
    """

    def __init__(self, pool: Pool, loaded: LoadedScenario) -> None:
        super().__init__()
        self.loaded = loaded
        with ExitStack() as stack:
            self._conversation = stack.enter_context(pool.converse(standing.stand, loaded))
            self.devices: tuple[DeviceNote, ...] = self._conversation.receive()
            self._namespaces = stack.enter_context(self._conversation.namespaces())
            self.enter_context(stack.pop_all())
        self._matters = children.gai_conf_matters(loaded.gai_conf)

    def run(self, function: Callable[..., T], *args: Any, timeout: float | None = None) -> T:
        """Call ``function(*args)`` in a forked child inside the host; return what it returns.

        Closures and lambdas work; the result has to be picklable. What the function raises
        is raised here, with the child's traceback as a note.
        Raises TimeoutError after ``timeout`` seconds, ChildError for a process that died,
        StaleGaiConf where this pytest process has read another gai.conf before (see
        docs/pytest.md).
        """
        __tracebackhide__ = True
        work = partial(self._inside, partial(function, *args))
        return cast("T", children.call(self._enter, work, timeout))

    def command(
        self,
        argv: Sequence[str | os.PathLike[str]],
        *,
        timeout: float | None = None,
        input: str | None = None,  # noqa: A002 (subprocess.run's word)
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        check: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside the host, its output captured as text.

        Parameters: as for `subprocess.run`; ``timeout`` in seconds. Raises as that does.
        """
        __tracebackhide__ = True
        if isinstance(argv, (str, bytes)):
            raise TypeError("box.command: a list of words was expected")
        given = os.environ if env is None else env
        environment = standing.variables(given)
        if module := standing.preloaded(self.loaded.scenario):
            environment["LD_PRELOAD"] = module
        work = partial(
            subprocess.run,
            [os.fspath(word) for word in argv],
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            input=input,
            env=environment,
            cwd=cwd,
            check=check,
        )
        return cast("subprocess.CompletedProcess[str]", children.call(self._enter, work, None))

    def ask(self, job: HostJob) -> tuple[LookupReport, ...]:
        """The reports of look-ups on this host as it is now. Raises SandboxError."""
        self._conversation.send(job)
        outcome = self._conversation.receive()
        assert isinstance(outcome, JobOutcome)
        if outcome.error is not None:
            raise outcome.error
        return tuple(outcome.reports)

    def _enter(self) -> None:
        """In the child: into the sandbox, in the folder where it was."""
        here = Path.cwd()
        self._namespaces.enter()
        try:
            os.chdir(here)
        except OSError:  # hidden in there, as all under /run
            os.chdir("/")

    def _inside(self, function: Callable[[], T]) -> T:
        """In the sandbox's process tree: make this process one that sees the host's names."""
        for variable in RESOLVER_VARIABLES:
            os.environ.pop(variable, None)
        if self._matters:
            children.check_fresh()
        if module := standing.preloaded(self.loaded.scenario):
            import ctypes

            ctypes.CDLL(module)
        return function()


class Builder(ExitStack):
    """The fixture `gai_host`: called with a host, it gives its `HostBox`."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        super().__init__()
        self.lab = lab_of(request.config)
        here = request.path.parent
        self._folders = (here, request.config.rootpath, request.config.invocation_params.dir)

    def __call__(
        self,
        host: object,
        *,
        names: Mapping[str, Sequence[str]] | None = None,
        resolver: str | None = None,
        gai_conf: GaiConfWords = ...,
    ) -> HostBox:
        """Build a host; it stands until the test ends.

        Parameters: ``host`` a scenario file, a name of the built-in library, or the words of
        a scenario or of its ``host`` as a mapping or YAML text. ``names``, ``resolver`` and
        ``gai_conf`` (text, bytes, a file, or None for none) replace the scenario's.
        Raises ScenarioError for words that are none, TypeError for a host of another kind,
        SandboxError for a host that the kernel refuses.
        """
        __tracebackhide__ = True
        try:
            loaded = self._loaded(host)
            scenario, conf = loaded.scenario, self.gai_conf(gai_conf, loaded)
            if names is not None or resolver is not None:
                scenario = _renamed(scenario, names, resolver)
            loaded = replace(loaded, scenario=scenario, gai_conf=conf.data, gai_conf_name=conf.name)
            if why := standing.no_place(scenario):
                raise PlanError(f"gai_host: {why}")
            return self.enter_context(HostBox(self.lab.pool, loaded))
        except SandboxUnavailable as problem:
            line = self.lab.give_up(problem)
        except (ScenarioError, PlanError, SandboxError) as problem:
            raise problem.with_traceback(None) from None  # the one line says it all
        return pytest.fail(line, pytrace=False)

    def gai_conf(self, words: GaiConfWords, loaded: LoadedScenario) -> NamedGaiConf:
        """A gai.conf: ``words`` its text, its bytes, a file's path or name in the catalogue, None
        for no file at all, or ... for that of ``loaded``. Raises PlanError.
        """
        if isinstance(words, EllipsisType):
            return NamedGaiConf(loaded.gai_conf_name, loaded.gai_conf)
        if words is None or isinstance(words, bytes):
            return NamedGaiConf("none" if words is None else "inline", words)
        if isinstance(words, str) and (not words.strip() or len(words.split()) > 1):
            return NamedGaiConf("inline", words.encode())
        return load_gai_conf(str(self._found(Path(words))))

    def _found(self, path: Path) -> Path:
        """``path`` in the first folder that has it, else as it is."""
        return next((here / path for here in self._folders if (here / path).is_file()), path)

    def _loaded(self, source: object) -> LoadedScenario:
        if isinstance(source, Mapping):
            return _from_words(source)
        if isinstance(source, str) and ("\n" in source or "{" in source):
            return _from_words(parse(_NAME, source.encode(), KEYS).value)
        if not isinstance(source, (str, Path)):
            kind = type(source).__name__
            raise TypeError(f"gai_host: a path, a mapping or text was expected, got {kind}")
        path = self._found(Path(source))
        known = [path] if path.is_file() else [p for p in library() if p.stem == str(source)]
        if known:
            return load(known[0])
        raise InputError(
            _NAME, None, "host", "a scenario file, a name of the library, words or YAML text",
            show(str(source)),
        )  # fmt: skip


def _from_words(words: Mapping[str, Any]) -> LoadedScenario:
    document: dict[str, Any] = {"name": _NAME}
    document |= words if "host" in words else {"host": words}
    # every scenario looks something up; a host for other code need not
    document.setdefault("lookups", [{"name": "localhost"}])
    scenario = validated(Scenario, document, _NAME)
    if scenario.gai_conf is not None and not isinstance(scenario.gai_conf, str):
        conf = load_gai_conf(scenario.gai_conf.file)
        return LoadedScenario(scenario, Path(_NAME), conf.data, conf.name)
    return LoadedScenario.inline(scenario, Path(_NAME))


def _renamed(
    scenario: Scenario, names: Mapping[str, Sequence[str]] | None, resolver: str | None
) -> Scenario:
    """The scenario with other names, of which one address alone is a list of one, or resolver."""
    fields = {key: getattr(scenario, key) for key in Scenario.model_fields}
    if names is not None:
        fields["names"] = {
            name: (addresses,) if isinstance(addresses, str) else tuple(addresses)
            for name, addresses in names.items()
        }
    fields |= {"name_service": None, "resolver": resolver or scenario.resolver}
    if fields["resolver"] != "dns":
        del fields["dns"]
    return validated(Scenario, fields, _NAME)


@dataclass(frozen=True, slots=True)
class HostOrder:
    """What the real getaddrinfo returned and what the model says of it.

    Parameters: ``native`` and ``model`` the addresses as returned, one per addrinfo;
    ``decisions`` the rule between each two neighbours; ``error`` the EAI name of a look-up
    that failed, or the signal glibc died of; ``agreed`` whether native and model say the
    same; ``glibc`` the version asked. ``str()`` gives the whole explanation.
    """

    native: list[str]
    model: list[str]
    decisions: list[PairReason]
    error: str | None
    agreed: bool
    glibc: str
    result: Result = field(repr=False)
    report: LookupReport = field(repr=False)

    def __str__(self) -> str:
        explanation = Explanation(None, self.result, devices=self.report.devices)
        return as_text([explanation])


class Orders:
    """Asks hosts; boxes as they are at that moment, all else on a host built for it."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._lanes: dict[str, LaneSpec] = {}

    def __call__(
        self,
        host: object,
        name: str | None = None,
        *,
        service: str | int | None = None,
        family: str | int = "unspec",
        socktype: str | int = "stream",
        protocol: int = 0,
        flags: str | int | Iterable[str] = (),
        glibc: str = "host",
        gai_conf: GaiConfWords = ...,
        names: Mapping[str, Sequence[str]] | None = None,
        resolver: str | None = None,
    ) -> HostOrder:
        """Look ``name`` up.

        Parameters: ``host`` a box of `gai_host`, or anything that fixture takes, with
        ``names``, ``resolver`` and ``gai_conf``; the others as in getaddrinfo(3), in the
        words of a scenario or as the numbers of Python's socket module; ``glibc`` one
        build, by default this host's.
        Raises ValueError for arguments that no look-up can have and for a glibc that is not
        there, ScenarioError for a host that is none, SandboxError.
        """
        __tracebackhide__ = True
        lookup = _lookup(
            name=name,
            service=None if service is None else str(service),
            family=_word(family, FAMILIES),
            socktype=_word(socktype, SOCKTYPES),
            protocol=int(protocol),
            flags=_flag_words(flags),
        )
        lane = self._lane(glibc)
        if isinstance(host, HostBox):
            if names is not None or resolver is not None:
                raise TypeError("gai_order: a box has its names already")
            return _ask(host, lookup, lane, self._builder.gai_conf(gai_conf, host.loaded))
        with self._builder(host, names=names, resolver=resolver, gai_conf=gai_conf) as box:
            return _ask(box, lookup, lane, self._builder.gai_conf(..., box.loaded))

    def _lane(self, glibc: str) -> LaneSpec:
        __tracebackhide__ = True
        if glibc not in self._lanes:
            try:
                lanes = self._builder.lab.lanes_for(glibc, "gai_order")
            except pytest.UsageError as problem:
                raise ValueError(str(problem)) from None
            if len(lanes) != 1:
                raise ValueError(f"gai_order: glibc: one build was expected, got {glibc!r}")
            self._lanes[glibc] = lanes[0]
        return self._lanes[glibc]


def _ask(box: HostBox, lookup: Lookup, lane: LaneSpec, conf: NamedGaiConf) -> HostOrder:
    scenario = box.loaded.scenario.model_copy(update={"lookups": (lookup,)})
    source = str(box.loaded.path) if box.loaded.path != Path() else ""
    (report,) = box.ask(HostJob(scenario, (conf,), (lane,), source=source))
    (result,) = report.results
    return HostOrder(
        list(result.native), list(result.model), list(result.decisions),
        result.error, result.agreed, result.glibc, result, report,
    )  # fmt: skip


def _lookup(**words: object) -> Lookup:
    __tracebackhide__ = True
    try:
        given = {key: word for key, word in words.items() if word is not None}
        return validated(Lookup, given, "gai_order")
    except InputError as error:
        place = "name" if error.field == "document" else error.field  # of the look-up as a whole
        raise ValueError(f"gai_order: {place}: {error.reason}") from None


def _word(value: str | int, table: Mapping[str, int]) -> str:
    """The scenario's word for a number of the socket module."""
    if isinstance(value, str):
        return value
    return next((word for word, number in table.items() if number == value), str(value))


def _flag_words(flags: str | int | Iterable[str]) -> tuple[str, ...]:
    if isinstance(flags, str):
        return (flags,)
    if not isinstance(flags, int):
        return tuple(flags)
    known = tuple(word for word, bit in FLAGS.items() if flags & bit)
    rest = flags & ~sum(FLAGS.values())
    return (*known, hex(rest)) if rest else known
