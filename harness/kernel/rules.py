"""Routing rules by name, as pyroute2 reads and writes them: few hosts have any of their own.

Source: linux/fib_rules.h.
"""

from collections.abc import Mapping
from typing import Any

from pyroute2.netlink.rtnl.fibmsg import fibmsg  # type: ignore[import-untyped]

from . import messages
from .messages import HEADER, Message


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
