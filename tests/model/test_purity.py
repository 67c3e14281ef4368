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


PURE = re.compile(r"harness\.((advice|model|versions)(\..*)?|text\.nearest)")


def offences(source: str) -> list[str]:
    imported: list[str] = []
    bad: list[str] = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names):
                imported += [alias.name for alias in names]
            case ast.ImportFrom(module, _, level):
                imported.append("." * (level or 0) + (module or ""))
            case ast.Name(name) if name in FORBIDDEN_NAMES:
                bad.append(name)
            case ast.Global():
                bad.append("global")
    allowed = sys.stdlib_module_names - FORBIDDEN_MODULES
    return bad + [
        name for name in imported
        if not PURE.fullmatch(name) and name.partition(".")[0] not in allowed
    ]  # fmt: skip


def test_pure() -> None:
    assert {"order.py", "gaiconf.py", "table.py"} <= {path.name for path in FILES}
    assert {path.name: found for path in FILES if (found := offences(path.read_text()))} == {}


@pytest.mark.parametrize(
    "source",
    ["import os", "from time import time", "import pyroute2", "open('x')", "from . import x",
     "def f():\n    import socket", "from harness.compare import x", "import harness.scenario"],
)  # fmt: skip
def test_the_check_itself_finds(source: str) -> None:
    assert offences(source)
