"""Routing rules by name, as pyroute2 reads and writes them: few hosts have any of their own.

Source: linux/fib_rules.h.
"""

import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

from . import messages
from .messages import HEADER, Message


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


# one message is used here; databases, firewalls and Wi-Fi take most of the time of its start
_spec = find_spec("pyroute2")
if _spec is not None and "pyroute2" not in sys.modules:
    sys.modules["pyroute2"] = module_from_spec(_spec)
    sys.modules["pyroute2"].__class__ = _Later
from pyroute2.netlink.rtnl.fibmsg import fibmsg  # type: ignore[import-untyped]  # noqa: E402


def decoded(data: bytes) -> Any:
    """A message of the rules' dump as pyroute2's, whose attributes and fields go by name."""
    found = fibmsg(data)
    found.decode()
    return found


def rule(attributes: Mapping[str, Any], **fields: int) -> Message:
    """A rule of ``attributes``, without those that are None, and of the header's ``fields``."""
    made = fibmsg()
    for name, value in fields.items():
        made[name] = value
    made["attrs"] = [pair for pair in attributes.items() if pair[1] is not None]
    made.encode()
    return Message(messages.RULE, bytes(made.data)[HEADER.size :])
