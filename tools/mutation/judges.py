"""Changed models held against what glibcs answered."""

import gc
import importlib
import importlib.abc
import importlib.util
import os
import pickle
import resource
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from operator import attrgetter
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

from harness.model.resolvers import PAGES, page
from harness.versions import sorting

from .changes import functions, given, part

MODEL = Path(__file__).resolve().parents[2] / "harness/model"
_FIRST = 20  # pieces of evidence that notice most changes
_ALL = 300  # seconds for all the evidence
_IMPORT, _SECONDS, _BYTES = 3, 1, 2 << 30  # a change may make the model run for ever, or grow
_ITEM = attrgetter(
    "target.address", "target.scope_id", "family", "addrlen", "socktype", "protocol", "port"
)
_USERS = ("harness.model", "harness.compare", "harness.native", "harness.advice")
"""What has to be imported anew for a changed model to be used."""


class Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module of the model another source."""

    def __init__(self, name: str, source: str) -> None:
        self._name, self._source = name, source

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:  # noqa: ARG002
        """The changed module only."""
        return importlib.util.spec_from_loader(name, self) if name == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed source in place of the file."""
        exec(compile(self._source, self._name, "exec"), module.__dict__)


@contextmanager
def lines_run() -> Iterator[set[tuple[str, int]]]:
    """The lines of the model that are run: module and number of each."""
    lines: set[tuple[str, int]] = set()
    models = {str(one): one.stem for one in MODEL.glob("*.py")}

    def trace(frame: FrameType, *_: Any) -> Any:
        name = models.get(frame.f_code.co_filename)
        if name is None:
            return None

        def local(frame: FrameType, *_: Any) -> Any:
            lines.add((name, frame.f_lineno))
            return local

        return local

    sys.settrace(trace)
    try:
        yield lines
    finally:
        sys.settrace(None)


class Judges:
    """Holds changed models against the evidence, each in a process of its own.

    A change within functions that no import calls is made in the model that stands here, and held
    against what runs through the changed lines. For all others the model is imported anew.
    """

    def __init__(self, evidence: bytes) -> None:
        self._evidence = evidence
        called: set[CodeType] = set()
        sys.setprofile(lambda frame, *_: called.add(frame.f_code))
        from harness.compare.verdict import prediction_for

        for resolver in PAGES:
            page(resolver)
        sys.setprofile(None)
        self._imported = called
        self._imports = {(Path(one.co_filename).stem, one.co_qualname) for one in called}
        self._functions = {
            one.__code__: one for one in gc.get_objects() if isinstance(one, FunctionType)
        }
        users = [module for name, module in sys.modules.items() if name.startswith(_USERS)]
        self._forgets = [
            each.cache_clear for one in users for each in vars(one).values()
            if hasattr(each, "cache_clear")
        ]  # fmt: skip
        self._pieces = pickle.loads(evidence)
        self._runs: dict[tuple[str, int], set[int]] = {}
        """Which pieces run through each line."""
        self._defaults: dict[str, str] = {}
        self.settled: set[int] = set()
        """The pieces of which time decides nothing."""
        self._said: list[Any] = []
        for number, one in enumerate(self._pieces):
            self._forget()
            with lines_run() as lines:
                found = prediction_for(one)
                self._said.append(_decided(one, found))
            if found.by_chance:
                continue
            if _end(one, None) == "fails":
                sys.exit("the model does not say what was collected: remove evidence.pickle")
            if found.ways == 1:
                self.settled.add(number)
            for line in lines:
                self._runs.setdefault(line, set()).add(number)
        # what has noticed a change of late is first
        self._order = sorted(set[int]().union(*self._runs.values()))
        self._lanes = sorted(
            {
                (one.lane.resolver, one.lane.resolver_version or one.lane.glibc, one.lane.arch)
                for one in self._pieces
            }
        )
        self._builds = self._rows()
        gc.freeze()

    def _forget(self) -> None:
        for forget in self._forgets:
            forget()

    def through(self, module: str, source: str, changed: str) -> tuple[str, set[int]]:
        """The function that a change is in, and the pieces that run through it; all of them where
        an import does.
        """
        name, asked = part(source, changed)
        if not name or (module, name) in self._imports:
            return name, {*self._order}
        return name, set[int]().union(*(self._runs.get((module, line), ()) for line in asked))

    def tried(self, module: str, source: str, changed: str) -> str:
        """What became of a change: "survived", or "", or why no look-up can show it: "rows" that
        make no judged build another dialect, one of the "defaults" that no look-up leaves out, or
        an answer that "time" decides, before it or by it, which is among those there may be.
        """
        said = self._said_in_fork(module, source, changed)
        if said.isdecimal():
            self._order.insert(0, self._order.pop(self._order.index(int(said))))
        if said == "survived" and (without := given(source, changed)):
            if without not in self._defaults:
                self._defaults[without] = ""
                self._defaults[without] = self._said_in_fork(module, source, without)
            said = self._defaults[without] or said
        return said if said in ("survived", "rows", "defaults", "time") else ""

    def _said_in_fork(self, module: str, source: str, changed: str) -> str:
        """What `_notices` says, or "" where the process was ended."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            gc.disable()
            signal.setitimer(signal.ITIMER_PROF, _IMPORT)
            resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            noticed = self._notices(module, source, changed)
            os.write(writing, str(noticed).encode())
            os._exit(0)
        os.close(writing)
        said = os.read(reading, 99).decode()
        os.close(reading)
        os.waitpid(child, 0)
        return said

    def _notices(self, module: str, source: str, changed: str) -> int | str:
        """The number of the evidence that notices a change, or what else became of it."""
        number: int | str = "import"
        order, find = self._order, self._pieces.__getitem__
        name = f"harness.model.{module}"
        try:
            if self._in_place(name, source, changed):
                _, users = self.through(module, source, changed)
                order = [each for each in order if each in users]
            else:
                first = {each: pickle.dumps(self._pieces[each]) for each in order[:_FIRST]}
                for each in [each for each in sys.modules if each.startswith(_USERS)]:
                    del sys.modules[each]
                sys.meta_path.insert(0, Changed(name, changed))
                rest = cache(lambda: pickle.loads(self._evidence))
                find = lambda at: pickle.loads(first[at]) if at in first else rest()[at]  # noqa: E731
            if module.endswith(("dialects", "_rows")) and self._rows() == self._builds:
                return "rows"
            if changed in self._defaults:
                signal.setitimer(signal.ITIMER_PROF, _ALL)
                return _taken(map(find, order))
            ends = set[str]()
            for number in order:
                signal.setitimer(signal.ITIMER_PROF, _SECONDS)
                end = _end(find(number), self._said[number])
                if end == "fails":
                    return number
                ends.add("time" if end and number not in self.settled else end)
        except BaseException:  # whatever a change breaks is noticed
            return number
        return "time" if ends - {""} == {"time"} else "survived"

    def _rows(self) -> list[str]:
        """The dialects of the judged builds, and how the other resolvers' versions behave."""
        from harness.model.dialects import dialect

        said = []
        for resolver, version, arch in self._lanes:
            if resolver == "glibc":
                said.append(repr(dialect(version, arch)))
            else:
                rows = importlib.import_module(f"harness.model.{PAGES[sorting(resolver)]}_rows")
                said.append(repr(rows.behaviour(version)))
        return said

    def _in_place(self, name: str, source: str, changed: str) -> bool:
        """Make a change in the model that stands here, where it is in functions alone."""
        try:
            codes = [compile(each, name, "exec") for each in (source, changed)]
            differing = list(functions(*codes))
            if any(old in self._imported for old, _ in differing):
                return False
            for old, new in differing:
                self._functions[old].__code__ = new
        except (KeyError, ValueError):
            return False
        self._forget()
        return True


def _taken(pieces: Iterable[Any]) -> str:
    """Whether ``...`` is ever an argument: then a default is taken that is that now."""
    from harness.compare.verdict import prediction_for

    taken = False

    def call(frame: FrameType, event: str, _: Any) -> None:
        nonlocal taken
        taken |= event == "call" and any(value is ... for value in frame.f_locals.values())

    for piece in pieces:
        sys.setprofile(call)
        with suppress(Exception):
            prediction_for(piece)
        sys.setprofile(None)
        if taken:
            return "survived"
    return "defaults"


def _decided(one: Any, found: Any) -> Any:
    """All of a prediction that a result is judged by."""
    from harness.compare.predict import request_for

    listed = [[*map(_ITEM, items)] for items in (found.items, *found.alternatives)]
    rules = found.order and [one.rule for one in found.order.decisions]
    undefined = [line.number for line in found.undefined]
    said = found.error, found.canonname, rules, undefined, found.may_abort, found.by_chance
    beside = found.all_named, found.flags, found.errno, found.ways
    return listed, said, beside, request_for(one.lookup).flags


def _end(one: Any, said: Any) -> str:
    """Whether the model "fails" on a piece of evidence, "passes", or leaves it to "time"; "" where
    it says the same as ``said``, which did not fail.
    """
    from harness.compare.presence import PresenceRow
    from harness.compare.sharing import Analysis, Shared
    from harness.compare.verdict import judge, prediction_for, reasons

    found = prediction_for(one)
    if _decided(one, found) == said:
        return ""
    analysis = Analysis(found, reasons(found), (), (), (), PresenceRow())
    if found.by_chance or judge(one, known=Shared({one.case: analysis})).failed:
        return "fails"
    return "passes" if found.ways == 1 else "time"
