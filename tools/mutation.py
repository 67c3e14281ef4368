"""Would the library notice a fault of the model? Every small change of it is tried.

python -P tools/mutation.py FOLDER [MODULE …] [--part K/N]

What the oldest glibc, the newest and one of another processor answered to the library and to a
part of the rule 9 suite is collected once and kept in FOLDER. Then the modules of `harness.model`
that decide an answer are changed in one place at a time, by all operators of cosmic-ray, and the
changed model judges what was collected. A change after which every result is as it was has
survived: FOLDER/survivors.txt has it. Exit status 1 when more than 3 % survive.
"""

import argparse
import ast
import importlib.abc
import importlib.util
import os
import pickle
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from difflib import unified_diff
from pathlib import Path
from types import ModuleType
from typing import Any

TREE = Path(__file__).resolve().parents[1]
MODEL = TREE / "harness/model"
DECIDING = (
    "addresses", "address_table", "dialects", "gaiconf", "host", "lookup", "order", "policy",
    "reload",
)  # fmt: skip
"""The tests of the model judge the others: they find words for what these decide, or speak of
versions that cannot be run."""
MOST = 0.03
_SECONDS = 120  # a change may make the model run for ever
_EVERY = 50  # hosts of the rule 9 suite
_PARTS = 29  # no divisor of the number of builds
_NEED_ARGUMENTS = ("VariableInserter", "VariableReplacer")


def collect(folder: Path) -> list[bytes]:
    """What the glibcs answered, in parts, pickled; from the folder where it was collected before.

    The first part has a bit of everything, so that most changes are noticed at once.
    """
    kept = folder / "evidence.pickle"
    if not kept.exists():
        from harness.compare.plan import lanes_for, load_scenarios, load_suite, make_jobs

        sys.path.append(str(TREE))
        from tests.compare.kit import evidence_of

        lanes = lanes_for("2.31,2.44,2.36:s390x", "worker")
        scenarios = [*load_scenarios(()), *load_suite("rule9")[::_EVERY]]
        folder.mkdir(parents=True, exist_ok=True)
        found = evidence_of(make_jobs(scenarios, lanes), 2)
        parts = [pickle.dumps(found[at::_PARTS]) for at in range(_PARTS)]
        kept.write_bytes(pickle.dumps(parts))
    return list(pickle.loads(kept.read_bytes()))


def changes(source: str) -> Iterator[tuple[str, str]]:
    """Each changed source, with the operator that changed it."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator, operator_names

    meaning = _meaning(source)
    seen = {meaning}
    for name in operator_names():
        if name.endswith(_NEED_ARGUMENTS):
            continue
        operator = get_operator(name)()
        number = 0
        while (changed := mutate_code(source, operator, number)) is not None:
            number += 1
            with suppress(SyntaxError):
                meaning = _meaning(changed)
            if meaning not in seen:
                seen.add(meaning)
                yield name, changed


def _meaning(source: str) -> str:
    """The source without annotations of functions, which decide nothing."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
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


def notices(module: str, source: str, evidence: list[bytes]) -> bool:
    """In a process of its own: whether a changed module fails, or judges anything otherwise."""
    sys.meta_path.insert(0, Changed(f"harness.model.{module}", source))
    try:
        from harness.compare.verdict import judge

        for part in evidence:
            if any(judge(one).failed for one in pickle.loads(part)):
                return True
    except BaseException:  # whatever a change breaks is noticed
        return True
    return False


def survives(module: str, source: str, evidence: list[bytes]) -> bool:
    """Whether a change goes unnoticed."""
    child = os.fork()
    if child == 0:
        signal.alarm(_SECONDS)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os._exit(notices(module, source, evidence))
    return os.waitpid(child, 0)[1] == 0


def main() -> int:
    """Try every change; the exit status as in the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("modules", nargs="*", default=DECIDING)
    parser.add_argument("--part", default="1/1", metavar="K/N", help="every N-th change, from K")
    options = parser.parse_args()
    part, parts = map(int, options.part.split("/"))
    evidence = collect(options.folder)
    for name in [name for name in sys.modules if name.startswith(("harness", "tests"))]:
        del sys.modules[name]  # each process imports the model anew, one module changed
    tried = survived = 0
    with (options.folder / "survivors.txt").open("a", encoding="utf-8") as file:
        for module in options.modules:
            source = (MODEL / f"{module}.py").read_text(encoding="utf-8")
            for number, (operator, changed) in enumerate(changes(source)):
                if number % parts != part - 1:
                    continue
                tried += 1
                if survives(module, changed, evidence):
                    survived += 1
                    lines = unified_diff(
                        source.splitlines(), changed.splitlines(), module, operator
                    )
                    print("\n".join(lines), file=file, flush=True)
            print(f"{module}: {survived} of {tried} survived so far", flush=True)
    return int(survived > MOST * tried)


if __name__ == "__main__":
    sys.exit(main())
