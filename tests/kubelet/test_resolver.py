"""Whom a kubelet built with cgo asks: the model of Go's choice, and the choice of real Go."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from harness.kubelet.resolver import Surroundings, choose_resolver, hosts_file
from harness.sandbox import Pool
from tests.kubelet.kit import Choices, Programs, chosen_by_go

HOSTNAME = "sandbox"  # every sandbox has this host name
HOSTS_LINES = (
    "files", "dns", "files dns", "dns files", "files dns myhostname", "files myhostname dns",
    "files mdns4_minimal [NOTFOUND=return] dns",
    "files mdns4_minimal [NOTFOUND=return] dns myhostname mymachines",
    "files resolve [!UNAVAIL=return] dns",
    "mymachines resolve [!UNAVAIL=return] files myhostname dns",
    "files [NOTFOUND=return] dns", "files [NOTFOUND=continue] dns",
    "files [SUCCESS=return] dns", "files [!UNAVAIL=return] dns",
    "files [SUCCESS=continue NOTFOUND=return] dns", "files [SUCCESS=return NOTFOUND=return] dns",
    "files [bogus=return] dns", "db files nisplus nis dns", "myhostname", "mdns4", "sss files",
)  # fmt: skip
NSSWITCH = (
    "passwd: files\n", "", "# hosts: resolve\nhosts:files dns # myhostname\n",
    *(f"hosts: {line}\n" for line in HOSTS_LINES),
)  # fmt: skip
NAMES = (
    "sandbox", "SANDBOX", "node-1", "node-1.example", "node-1.local", "localhost", "a.localhost",
)  # fmt: skip


def test_the_choice_is_real_gos(pool: Pool, programs: Programs) -> None:
    choices = Choices(NSSWITCH, NAMES, programs.cgo)
    both = set()
    for text, real in zip(NSSWITCH, pool.run(chosen_by_go, choices), strict=True):
        for name in NAMES:
            chosen = choose_resolver(name, Surroundings(text, HOSTNAME))
            assert (chosen.resolver == "cgo") == (real[name] == "cgo"), (text, name, real, chosen)
            both.add(chosen.resolver)
    assert both == {"cgo", "go"}


@pytest.mark.parametrize(
    ("around", "resolver"),
    [
        ({"environment": {"GODEBUG": "netdns=cgo"}}, "cgo"),
        ({"environment": {"GODEBUG": "madvdontneed=1,netdns=1+cgo"}}, "cgo"),
        ({"environment": {"GODEBUG": "netdns=go+2"}}, "go"),
        ({"environment": {"GODEBUG": "netdns=2"}}, "go"),
        ({"environment": {"RES_OPTIONS": "rotate"}}, "cgo"),
        ({"environment": {"RES_OPTIONS": ""}}, "go"),
        ({"environment": {"HOSTALIASES": "/x"}}, "cgo"),
        ({"environment": {"LOCALDOMAIN": ""}}, "cgo"),
        ({"nsswitch": "hosts: files mdns4_minimal dns\n", "mdns_allow": True}, "cgo"),
        ({"nsswitch": None}, "go"),
    ],
)
def test_the_surroundings_decide(around: dict[str, Any], resolver: str) -> None:
    given = Surroundings(**{"nsswitch": "hosts: files dns\n", "hostname": "x"} | around)
    assert choose_resolver("node-1", given).resolver == resolver


def test_the_hosts_file_as_go_reads_it() -> None:
    text = """
    # 10.0.0.9 node-1
    10.0.0.5 Node-1 node-1.example # node-2
    10.0.0.6 node-1.example. other
    fe80::1%eth0 node-1
    010.0.0.7 node-1
    nonsense node-1
    ::ffff:10.0.0.8 node-1
    """
    expected = ["10.0.0.5", "fe80::1", "10.0.0.7", "10.0.0.8"]
    assert hosts_file(text, "NODE-1") == tuple(map(ip_address, expected))
    assert hosts_file(text, "node-1.example.") == tuple(map(ip_address, ["10.0.0.5", "10.0.0.6"]))
    assert hosts_file(text, "node-2") == ()
