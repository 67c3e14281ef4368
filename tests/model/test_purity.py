"""Model and advice are pure: nothing but the standard library, no I/O, no clock, no chance."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

import harness

ROOT = Path(harness.__file__).parent
FILES = sorted(path for room in ("model", "advice") for path in (ROOT / room).rglob("*.py"))
FILES.append(ROOT / "text/nearest.py")  # advice on a mistyped keyword
FORBIDDEN_MODULES = {
    "asyncio", "ctypes", "datetime", "fcntl", "glob", "io", "locale", "logging",
    "multiprocessing", "os", "pathlib", "random", "secrets", "select", "shutil", "signal",
    "socket", "ssl", "subprocess", "sys", "tempfile", "threading", "time", "urllib", "uuid",
}  # fmt: skip
FORBIDDEN_NAMES = {
    "__import__", "breakpoint", "compile", "eval", "exec", "globals", "input", "open", "print"
}  # fmt: skip


def imported(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." * node.level + (node.module or ""))
    return names


def offences(source: str) -> list[str]:
    tree = ast.parse(source)
    bad = []
    for name in imported(tree):
        top = name.partition(".")[0]
        if re.fullmatch(r"harness\.((advice|model|versions)(\..*)?|text\.nearest)", name):
            continue
        if top not in sys.stdlib_module_names or top in FORBIDDEN_MODULES:
            bad.append(name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in FORBIDDEN_NAMES:
            bad.append(node.id)
        if isinstance(node, ast.Global):
            bad.append("global")
    return bad


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_pure(path: Path) -> None:
    assert offences(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    ["import os", "from time import time", "import pyroute2", "open('x')", "from . import x",
     "def f():\n    import socket", "from harness.compare import x", "import harness.scenario"],
)  # fmt: skip
def test_the_check_itself_finds(source: str) -> None:
    assert offences(source)


def test_there_is_something_to_check() -> None:
    assert {"order.py", "gaiconf.py", "table.py"} <= {path.name for path in FILES}
