"""An inner room never imports an outer one (docs/architecture.md)."""

import ast
import re
import sys
from collections import defaultdict
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import harness

ROOT = Path(harness.__file__).parent
# from the inside out; the last ones are the doors
ROOMS = (
    "text", "versions", "model", "advice", "scenario", "kernel", "sandbox", "native", "glibcs",
    "live", "compare", "kubelet", "report", "browser", "doctor", "cli", "pytest_plugin", "__main__",
)  # fmt: skip
FILES = sorted(ROOT.rglob("*.py"))


def room_of(module: str) -> str | None:
    """The room a module of the package belongs to; None for ``harness`` itself and others."""
    parts = module.split(".")
    return parts[1] if parts[0] == "harness" and len(parts) > 1 else None


def module_of(path: Path) -> str:
    parts = ["harness", *path.relative_to(ROOT).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(source: str, module: str, *, is_package: bool = False) -> set[str]:
    """Every name a source imports, inside functions and TYPE_CHECKING blocks too."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            full = ".".join([*base, *([node.module] if node.module else [])])
            names |= {f"{full}.{alias.name}" for alias in node.names}
    return names


@cache
def imports() -> dict[str, set[str]]:
    """What every module of the package imports."""
    return {
        module_of(path): imported(
            path.read_text(), module_of(path), is_package=path.name == "__init__.py"
        )
        for path in FILES
    }


def rooms_of(names: set[str]) -> set[str]:
    """The rooms that names are from; ``harness.__version__`` and what is not ours are from none."""
    parts = {name.split(".")[1] for name in names if name.startswith("harness.")}
    return {part for part in parts if part in ROOMS or (ROOT / part).is_dir()}


def test_every_part_of_the_package_is_a_room() -> None:
    parts = {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in FILES}
    assert parts - {"__init__"} <= set(ROOMS)


def test_no_import_leads_outwards() -> None:
    outwards = {}
    for module, names in imports().items():
        inside = ROOMS[: ROOMS.index(module.split(".")[1]) + 1] if "." in module else ()
        outwards[module] = rooms_of(names) - set(inside)
    assert {module: rooms for module, rooms in outwards.items() if rooms} == {}


def test_no_two_files_import_each_other() -> None:
    compiled = {"harness.native._core"}  # the compiled part of a package is not the package
    known = imports()
    edges = {
        module: {name if name in known else name.rpartition(".")[0] for name in names - compiled}
        - {module}
        for module, names in known.items()
    }
    TopologicalSorter(edges).prepare()  # raises CycleError, which names the files


def test_a_class_name_means_one_thing() -> None:
    places = defaultdict(list)
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(module_of(path))
    assert {name: modules for name, modules in places.items() if len(modules) > 1} == {}


@pytest.mark.parametrize(
    ("source", "rooms"),
    [
        ("import harness.cli.run", {"cli"}),
        ("from harness import report", {"report"}),
        ("from harness import __version__", set()),
        ("from harness.model import order", {"model"}),
        ("from .. import compare", {"compare"}),
        ("from ..native.lanes import CffiLane", {"native"}),
        ("from .sibling import x", {"scenario"}),
        ("def f():\n    from harness.sandbox import Pool", {"sandbox"}),
        ("import json", set()),
    ],
)
def test_the_check_itself_finds(source: str, rooms: set[str]) -> None:
    assert rooms_of(imported(source, "harness.scenario.load")) == rooms


def test_every_folder_of_tests_is_a_package() -> None:
    """Without it pytest imports a file by its name alone, and two files may have one name."""
    folders = {path.parent for path in Path(__file__).parent.rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


# --- model and advice are pure: the standard library alone, no I/O, no clock, no chance

PURE = re.compile(r"harness\.(advice|model|versions|text\.nearest)(\..*)?")
IMPURE_MODULES = {
    "asyncio", "ctypes", "datetime", "fcntl", "glob", "io", "locale", "logging",
    "multiprocessing", "os", "pathlib", "random", "secrets", "select", "shutil", "signal",
    "socket", "ssl", "subprocess", "sys", "tempfile", "threading", "time", "urllib", "uuid",
}  # fmt: skip
IMPURE_NAMES = {
    "__import__", "breakpoint", "compile", "eval", "exec", "globals", "input", "open", "print"
}  # fmt: skip


def offences(source: str, module: str = "harness.model.x") -> set[str]:
    nodes = list(ast.walk(ast.parse(source)))
    used = {node.id for node in nodes if isinstance(node, ast.Name)} & IMPURE_NAMES
    changed = {name for node in nodes if isinstance(node, ast.Global) for name in node.names}
    allowed = sys.stdlib_module_names - IMPURE_MODULES
    names = {name for name in imported(source, module) if not PURE.fullmatch(name)}
    foreign = {name for name in names if name.partition(".")[0] not in allowed}
    return used | changed | foreign


def test_model_and_advice_are_pure() -> None:
    pure = [path for path in FILES if PURE.fullmatch(module_of(path))]
    pure.remove(ROOT / "versions.py")  # reads sys.maxsize
    assert {"order.py", "gaiconf.py", "lint.py", "nearest.py"} <= {path.name for path in pure}
    found = {path: offences(path.read_text(), module_of(path)) for path in pure}
    assert {path: bad for path, bad in found.items() if bad} == {}


@pytest.mark.parametrize(
    "source",
    ["import os", "from time import time", "import pyroute2", "open('x')", "from .. import x",
     "def f():\n    import socket", "from harness.compare import x", "import harness.scenario",
     "def f():\n    global x"],
)  # fmt: skip
def test_the_check_of_purity_itself_finds(source: str) -> None:
    assert offences(source)
