"""Whom a kubelet built with cgo asks: the model of Go's choice, and the choice of real Go."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from harness.kubelet.resolver import Surroundings, choose_resolver, hosts_file
from harness.sandbox import Pool
from tests.kubelet.kit import Choices, Programs, chosen_by_go

HOSTNAME = "sandbox"  # every sandbox has this host name
NSSWITCH = (
    "hosts: files\n",
    "hosts: dns\n",
    "hosts: files dns\n",
    "hosts: dns files\n",
    "passwd: files\n",
    "",
    "# hosts: resolve\nhosts:files dns # myhostname\n",
    "hosts: files dns myhostname\n",
    "hosts: files myhostname dns\n",
    "hosts: files mdns4_minimal [NOTFOUND=return] dns\n",
    "hosts: files mdns4_minimal [NOTFOUND=return] dns myhostname mymachines\n",
    "hosts: files resolve [!UNAVAIL=return] dns\n",
    "hosts: mymachines resolve [!UNAVAIL=return] files myhostname dns\n",
    "hosts: files [NOTFOUND=return] dns\n",
    "hosts: files [NOTFOUND=continue] dns\n",
    "hosts: files [SUCCESS=return] dns\n",
    "hosts: files [!UNAVAIL=return] dns\n",
    "hosts: files [SUCCESS=continue NOTFOUND=return] dns\n",
    "hosts: files [SUCCESS=return NOTFOUND=return] dns\n",
    "hosts: files [bogus=return] dns\n",
    "hosts: db files nisplus nis dns\n",
    "hosts: myhostname\n",
    "hosts: mdns4\n",
    "hosts: sss files\n",
)
NAMES = (
    "sandbox",
    "SANDBOX",
    "node-1",
    "node-1.example",
    "node-1.local",
    "localhost",
    "a.localhost",
)


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
    ("environment", "resolver"),
    [
        ({"GODEBUG": "netdns=cgo"}, "cgo"),
        ({"GODEBUG": "madvdontneed=1,netdns=1+cgo"}, "cgo"),
        ({"GODEBUG": "netdns=go+2"}, "go"),
        ({"GODEBUG": "netdns=2"}, "go"),
        ({"RES_OPTIONS": "rotate"}, "cgo"),
        ({"RES_OPTIONS": ""}, "go"),
        ({"HOSTALIASES": "/x"}, "cgo"),
        ({"LOCALDOMAIN": ""}, "cgo"),
    ],
)
def test_the_environment_decides(environment: dict[str, str], resolver: str) -> None:
    around = Surroundings("hosts: files dns\n", "x", environment=environment)
    assert choose_resolver("node-1", around).resolver == resolver


def test_mdns_allow() -> None:
    around = Surroundings("hosts: files mdns4_minimal dns\n", "x", mdns_allow=True)
    assert choose_resolver("node-1", around).resolver == "cgo"


def test_a_missing_nsswitch_conf_is_left_to_go() -> None:
    assert choose_resolver("node-1", Surroundings(None, "x")).resolver == "go"


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
