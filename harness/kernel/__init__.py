"""Netlink, read and written once for all rooms; nothing outside a sandbox is ever changed."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any


class _Later(ModuleType):
    """The package pyroute2, which runs its own start when something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and find_spec(f"{self.__name__}.{name}"):
            return import_module(f"{self.__name__}.{name}")
        spec = self.__spec__
        if spec is None or spec.loader is None:
            raise AttributeError(name)
        self.__class__ = ModuleType  # type: ignore[assignment]
        spec.loader.exec_module(self)
        return getattr(self, name)


def _postpone(name: str) -> None:
    """Let modules of a package be imported without all else that its own start brings."""
    spec = find_spec(name)
    if name not in sys.modules and spec is not None:
        sys.modules[name] = module_from_spec(spec)
        sys.modules[name].__class__ = _Later


# we use its messages; databases, firewalls and Wi-Fi are two fifths of the start of a sandbox
_postpone("pyroute2")
