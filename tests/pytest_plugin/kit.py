"""What the tests of the plugin share."""

import os
from collections.abc import Callable
from typing import Any

import pytest

from harness.pytest_plugin.hosts import HostBox

HOST_VERSION = (os.confstr("CS_GNU_LIBC_VERSION") or "").removeprefix("glibc ")
OTHER_VERSION = "2.43" if HOST_VERSION != "2.43" else "2.41"
"""One that has to be fetched."""

NODE = """\
name: node
host:
  interfaces:
    eth0: {addresses: [172.18.45.2/24, "2001:db8:1::2/64"]}
  routes: [{to: default, via: 172.18.45.1}]
names:
  web: [172.31.80.8, 172.18.45.6]
  db.example.com: [172.18.45.9]
lookups:
  - name: web
    expect: {order: [172.18.45.6, 172.31.80.8], decided_by: 9}
  - {name: web, family: inet, flags: [AI_ADDRCONFIG]}
  - name: "2001:db8::1"
  - name: db.example.com
  - name: web
"""
# on the same host without an IPv6 address, rule 9 does not see the prefix lengths
WRONG = """\
name: wrong
host:
  interfaces:
    eth0: {addresses: [172.18.45.2/24]}
  routes: [{to: default, via: 172.18.45.1}]
names:
  web: [172.31.80.8, 172.18.45.6]
lookups:
  - name: web
    expect: {order: [172.18.45.6, 172.31.80.8], decided_by: 9}
  - {name: web, family: inet6}
"""

GaiHost = Callable[..., HostBox]

HOST: dict[str, Any] = {
    "interfaces": {"eth0": {"addresses": ["172.18.45.2/24", "2001:db8:1::2/64"]}},
    "routes": [{"to": "default", "via": "172.18.45.1"}],
}
NAMES = {"web": ["172.31.80.8", "172.18.45.6"]}
NEAR_FIRST = ["172.18.45.6", "172.31.80.8"]  # rule 9
FAR_FIRST = list(reversed(NEAR_FIRST))
PREFER_FAR = "precedence ::ffff:172.31.0.0/112 100\n"


def shows(result: pytest.RunResult, *lines: str, **outcomes: int) -> None:
    """There were so many outcomes of each kind, and among the output are lines of these forms."""
    result.assert_outcomes(**outcomes)
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    result.stdout.fnmatch_lines(lines)


def ids(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if "::" in line and " " not in line]
