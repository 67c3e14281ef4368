"""Private Linux networks: user, network, mount and process namespaces with one host in each.

`Pool` runs a generator function in a fresh sandbox, where a `Box` builds the host, sets
its names and gai.conf, and observes what the kernel answers.
"""

from __future__ import annotations

from .box import Box
from .devices import Device
from .errors import SandboxError, SandboxUnavailable
from .names import PROTOCOLS, SERVICES
from .pool import Outcome, Pool
from .topology import Topology

__all__ = [
    "PROTOCOLS",
    "SERVICES",
    "Box",
    "Device",
    "Outcome",
    "Pool",
    "SandboxError",
    "SandboxUnavailable",
    "Topology",
]
