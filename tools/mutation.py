"""Would the library notice a fault of the model? Every small change of it is tried.

python -P tools/mutation.py FOLDER [MODULE …]

What glibcs of several versions and processors answered to the library and to a part of the
rule 9 suite is collected once and kept in FOLDER. Then the modules of `harness.model` that decide
an answer are changed in one place at a time, by all operators of cosmic-ray, and the changed model
is held against what was collected. A change after which every result is as it was has survived:
FOLDER/MODULE.diff has those of a module. Functions that none of the look-ups runs through are
named, and not changed. Exit status 1 when more than 3 % survive.
"""

import argparse
import ast
import gc
import importlib.abc
import importlib.util
import inspect
import os
import pickle
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from difflib import unified_diff
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

TREE = Path(__file__).resolve().parents[1]
MODEL = TREE / "harness/model"
DECIDING = (
    "addresses", "address_table", "dialects", "gaiconf", "host", "lookup", "order", "policy",
    "reload", "services",
)  # fmt: skip
"""The tests of the model judge the others: they find words and reasons for what these decide
(`explain`, `presence`, `cycles`), are orders that no glibc has (`standards`), or speak of
versions that cannot be run (`transport`)."""
MOST = 0.03
_BUILDS = "2.31,2.44,2.41,2.36:s390x,2.36:armhf"
_EVERY = 50  # hosts of the rule 9 suite
_FIRST = 20  # pieces of evidence that notice most changes
_SECONDS, _BYTES = 3, 2 << 30  # a change may make the model run for ever, or grow
_NEED_ARGUMENTS = ("VariableInserter", "VariableReplacer")
_USERS = ("harness.model", "harness.compare", "harness.native", "harness.advice")
"""What has to be imported anew for a changed model to be used."""


def collect(folder: Path) -> bytes:
    """What the glibcs answered, pickled; from the folder where it was collected before.

    Of a look-up that all builds answer alike, the oldest and the newest are enough.
    """
    kept = folder / "evidence.pickle"
    if not kept.exists():
        from harness.compare.plan import lanes_for, load_scenarios, load_suite, make_jobs
        from harness.compare.verdict import _answered

        sys.path.append(str(TREE))
        from tests.compare.kit import evidence_of

        lanes = lanes_for(_BUILDS, "worker")
        scenarios = [*load_scenarios(()), *load_suite("rule9")[::_EVERY]]
        found = evidence_of(make_jobs(scenarios, lanes), 2)
        pieces: list[Any] = []
        for at in range(0, len(found), len(lanes)):
            asked = found[at : at + len(lanes)]
            alike = all(_answered(one.native) == _answered(asked[0].native) for one in asked)
            pieces += (asked[0], asked[-1]) if alike else asked
        same: dict[bytes, Any] = {}
        pieces = [
            replace(one, **{  # each sandbox sent copies of its own
                field: same.setdefault(pickle.dumps(value), value)
                for field in ("scenario", "lookup", "view", "names", "lane")
                for value in [getattr(one, field)]
            })
            for one in pieces
        ]  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(pickle.dumps(pieces))
    return kept.read_bytes()


def changes(source: str) -> Iterator[tuple[str, str]]:
    """Each changed source, with the operator that changed it: one statement after another."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator, operator_names

    names = [name for name in operator_names() if not name.endswith(_NEED_ARGUMENTS)]
    lines = source.splitlines(keepends=True)
    for node in ast.parse(source).body:
        decorators = getattr(node, "decorator_list", ())
        first, end = min(one.lineno for one in (node, *decorators)) - 1, node.end_lineno
        statement = "".join(lines[first:end])
        nodes = list(ast_nodes(get_ast(statement)))
        meaning = _meaning(statement)
        seen = {meaning}
        for name in names:
            operator = get_operator(name)()
            for number in range(sum(len(list(operator.mutation_positions(one))) for one in nodes)):
                changed = mutate_code(statement, operator, number)
                with suppress(SyntaxError):
                    meaning = _meaning(changed)
                if meaning not in seen:
                    seen.add(meaning)
                    yield name, "".join((*lines[:first], changed, *lines[end:]))


def _meaning(source: str) -> str:
    """The source without what decides nothing: annotations, what keeps values as they are, how
    arguments may be given, and whether small numbers and words are compared with == or ``is``.
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
            node.args.args = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            node.args.defaults += [one for one in node.args.kw_defaults if one is not None]
            node.args.posonlyargs, node.args.kwonlyargs, node.args.kw_defaults = [], [], []
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.Compare):
            same = {ast.Is: ast.Eq(), ast.IsNot: ast.NotEq()}
            node.ops = [same.get(type(one), one) for one in node.ops]
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.Name("annotation")
        if isinstance(node, ast.Call):
            kept = (one for one in node.keywords if one.arg not in ("frozen", "slots"))
            node.keywords = list(kept)
    return ast.dump(tree)


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


def functions(old: CodeType, new: CodeType) -> Iterator[tuple[str, CodeType]]:
    """The functions of two codes of a module that differ, by name; ValueError where more does."""
    if old == new:
        return
    if old.co_flags & inspect.CO_OPTIMIZED:
        yield old.co_qualname, new
        return
    if (old.co_code, old.co_names) != (new.co_code, new.co_names):
        raise ValueError(old.co_qualname)
    for one, other in zip(old.co_consts, new.co_consts, strict=True):
        if isinstance(one, CodeType) and isinstance(other, CodeType):
            yield from functions(one, other)
        elif (one, type(one)) != (other, type(other)):
            raise ValueError(old.co_qualname)


class Judges:
    """Holds changed models against the evidence, each in a process of its own.

    A change within functions that no import calls is made in the model that stands here, and what
    never runs through them is not asked. For all others the model is imported anew.
    """

    def __init__(self, evidence: bytes) -> None:
        self._evidence = evidence
        called: set[CodeType] = set()
        sys.setprofile(lambda frame, *_: called.add(frame.f_code))
        import harness.compare.verdict

        sys.setprofile(None)
        self._called = called
        self._pieces = pickle.loads(evidence)
        self._order = list(range(len(self._pieces)))  # what has noticed a change of late is first
        self._users: dict[CodeType, set[int]] = {}
        users = [module for name, module in sys.modules.items() if name.startswith(_USERS)]
        forgets = [each.cache_clear for one in users for each in vars(one).values()
                   if hasattr(each, "cache_clear")]  # fmt: skip
        self._said: list[Any] = []
        for number, one in enumerate(self._pieces):
            for forget in forgets:
                forget()
            called = set()
            sys.setprofile(lambda frame, *_: called.add(frame.f_code))  # noqa: B023
            self._said.append(harness.compare.verdict.prediction_for(one))
            sys.setprofile(None)
            if _fails(one):
                sys.exit("the model does not say what was collected: remove evidence.pickle")
            for code in called:
                self._users.setdefault(code, set()).add(number)
        gc.freeze()

    def unasked(self, module: str, source: str, changed: str) -> tuple[str, ...]:
        """The functions that a change is in, where nothing runs through any of them."""
        try:
            paths = [path for path, _ in functions(*_codes(module, source, changed))]
            codes = [
                _function(sys.modules[f"harness.model.{module}"], one).__code__ for one in paths
            ]
        except (AttributeError, KeyError, ValueError):
            return ()
        used = any(one in self._called or self._users.get(one) for one in codes)
        return () if used else tuple(paths)

    def survives(self, module: str, source: str, changed: str) -> bool:
        """Whether a change goes unnoticed."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            gc.disable()
            signal.setitimer(signal.ITIMER_PROF, _SECONDS)
            resource.setrlimit(resource.RLIMIT_AS, (_BYTES, _BYTES))
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            noticed = self._notices(f"harness.model.{module}", source, changed)
            os.write(writing, str(noticed).encode())
            os._exit(0)
        os.close(writing)
        said = os.read(reading, 99).decode()  # nothing where the process was ended
        os.close(reading)
        os.waitpid(child, 0)
        if said.isdecimal():
            self._order.insert(0, self._order.pop(self._order.index(int(said))))
        return said == "None"

    def _notices(self, name: str, source: str, changed: str) -> int | str | None:
        """The number of the evidence that notices a change, or how else it is noticed."""
        number: int | str = "import"
        order, find, said = self._order, self._pieces.__getitem__, self._said
        try:
            users = self._in_place(name, source, changed)
            if users is None:
                first = {each: pickle.dumps(self._pieces[each]) for each in order[:_FIRST]}
                for each in [each for each in sys.modules if each.startswith(_USERS)]:
                    del sys.modules[each]
                sys.meta_path.insert(0, Changed(name, changed))
                said = [None] * len(said)
                rest = cache(lambda: pickle.loads(self._evidence))
                find = lambda at: pickle.loads(first[at]) if at in first else rest()[at]  # noqa: E731
            for number in order:
                signal.setitimer(signal.ITIMER_PROF, _SECONDS)
                if (users is None or number in users) and _fails(find(number), said[number]):
                    return number
        except BaseException:  # whatever a change breaks is noticed
            return number
        return None

    def _in_place(self, name: str, source: str, changed: str) -> set[int] | None:
        """Make a change in the model that stands here; what runs through it, None if that fails."""
        module = sys.modules[name]
        try:
            differing = functions(*_codes(name, source, changed))
            made = [(_function(module, path), code) for path, code in differing]
            if any(one.__code__ in self._called for one, _ in made):
                return None
            users = set[int]().union(*(self._users.get(one.__code__, ()) for one, _ in made))
            for one, code in made:
                one.__code__ = code
        except (AttributeError, KeyError, ValueError):
            return None
        for each in vars(module).values():
            getattr(each, "cache_clear", bool)()
        return users


def _codes(name: str, *sources: str) -> Iterator[CodeType]:
    return (compile(source, name, "exec") for source in sources)


def _fails(one: Any, said: Any = None) -> bool:
    """Whether the model fails on a piece of evidence; ``said`` is what did not.

    The words beside its answer are left out.
    """
    from harness.compare.presence import PresenceRow
    from harness.compare.verdict import Analysis, judge, prediction_for, reasons

    found = prediction_for(one)
    if found == said:
        return False
    analysis = Analysis(found, reasons(found), (), (), (), PresenceRow())
    return judge(one, known={one.case: analysis}).failed


def _function(module: ModuleType, path: str) -> Any:
    """The function of a module or of one of its classes."""
    found: Any = module
    for name in path.split("."):
        found = vars(found)[name]
    for inner in ("fget", "__func__", "__wrapped__"):
        found = getattr(found, inner, found)
    return found


def read(module: str) -> str:
    """The source of a module of the model."""
    return (MODEL / f"{module}.py").read_text(encoding="utf-8")


def main() -> int:
    """Try every change; the exit status as in the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("modules", nargs="*", default=DECIDING)
    options = parser.parse_args()
    judges = Judges(collect(options.folder))
    assert judges.survives("order", read("order"), read("order") + "None\n")  # imported anew
    all_tried = all_survived = 0
    for module in options.modules:
        source = read(module)
        tried = survived = 0
        unasked: dict[str, None] = {}
        with (options.folder / f"{module}.diff").open("w", encoding="utf-8") as file:
            for operator, changed in changes(source):
                if names := judges.unasked(module, source, changed):
                    unasked.update(dict.fromkeys(names))
                    continue
                tried += 1
                if judges.survives(module, source, changed):
                    survived += 1
                    lines = unified_diff(
                        source.splitlines(), changed.splitlines(), module, operator, "", "", 1, ""
                    )
                    print("\n".join(lines), file=file, flush=True)
        print(f"{module}: {survived} of {tried} survived", *unasked, sep="; unasked: ", flush=True)
        all_tried, all_survived = all_tried + tried, all_survived + survived
    return int(all_survived > MOST * all_tried)


if __name__ == "__main__":
    sys.exit(main())
