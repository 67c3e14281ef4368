"""Private Linux networks: user, network, mount and process namespaces with one host in each.

`Pool` runs a generator function in a fresh sandbox, where a `Box` builds the host, sets
its names and gai.conf, and observes what the kernel answers.
"""

from typing import TYPE_CHECKING, Any

from .names import PROTOCOLS, SERVICES
from .pool import Pool, PoolOutcome
from .values import DeviceNote, NoSandbox, SandboxError, SandboxUnavailable

if TYPE_CHECKING:
    from .box import Box

__all__ = [
    "PROTOCOLS", "SERVICES", "Box", "DeviceNote", "NoSandbox", "Pool", "PoolOutcome",
    "SandboxError", "SandboxUnavailable",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    # only the sandboxes themselves need a Box, and with it the models of a scenario
    if name == "Box":
        from .box import Box

        return Box
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
