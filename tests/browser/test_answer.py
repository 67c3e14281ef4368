"""What the page answers, without a browser: texts of the real ip in, real kernels beside it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.browser.answer import document, shown, way
from harness.browser.iproute import pasted
from harness.glibcs import host as host_glibc
from harness.kernel.sources import NotKnown
from harness.live.machine import Dumps
from harness.model import Candidate, Policy, order
from harness.model.addresses import parse_target
from harness.model.host import HostView
from harness.sandbox import Box, Pool
from harness.scenario import library, load
from harness.scenario.schema import Scenario
from tests.conftest import Call

EXAMPLE = Path(__file__).parents[2] / "docs/_static/try/example"
GIVEN = {file.name: file.read_text() for file in EXAMPLE.iterdir()} | {
    "glibc": "2.36",
    "arch": "amd64",
}
Texts = tuple[str, str]


def said(box: Box, scenario: Scenario) -> Iterator[tuple[Texts, Dumps, HostView]]:
    """Inside a sandbox: what ip prints of a host, and what the kernel says of it."""
    box.build(scenario.host)
    commands = (("addr",), ("route", "show"), ("-6", "route", "show"))
    printed = [
        subprocess.run(["ip", "-j", *words], capture_output=True, text=True, check=True).stdout
        for words in commands
    ]
    links = {link.name: link.index for link in box.observe(()).links}
    names = scenario.names if scenario.name_service is None else scenario.name_service.addresses()
    targets = {parse_target(text, links) for each in names.values() for text in each}
    yield (printed[0], "\n".join(printed[1:])), Dumps.of(box._netlink), box.observe(targets)


def usual(scenario: Scenario) -> bool:
    """Whether a host has nothing that ip's two commands do not show."""
    host = scenario.host
    return not (host.rules or host.addrlabels or host.sysctls) and host.default_rules


@pytest.mark.needs("ip", "iproute2")
def test_hosts_of_the_library_as_ip_prints_them() -> None:
    """Rows and ways are the kernel's; the few that are left open are asked for."""
    scenarios = [one for path in library()[::3] if usual(one := load(path).scenario)]
    known = asked = 0
    with Pool() as pool:
        for outcome, scenario in zip(pool.outcomes(said, scenarios), scenarios, strict=True):
            for texts, dumps, view in outcome.values:
                host = pasted(*texts)
                there = {link.index for link in dumps.links}
                rows = [row for row in host.dumps.addresses if row.index in there]
                key = lambda row: (row.own.version, row.index)  # noqa: E731
                assert [one.for_model for one in sorted(rows, key=key)] == [
                    one.for_model for one in sorted(dumps.addresses, key=key)
                ], scenario.name
                for target, route in view.routes.items():
                    try:
                        assert way(host, target) == route, (scenario.name, target)
                        known += 1
                    except NotKnown:
                        asked += 1
    assert known > 100
    assert asked < known / 10


def test_the_example_is_ordered_as_the_model_orders_it() -> None:
    near = Candidate("172.18.45.6", "172.18.45.2", prefixlen=24, index=2)
    far = Candidate("172.31.80.8", "172.18.45.2", prefixlen=24, index=2)
    six = Candidate("2001:db8:9::1", "2001:db8:1::2", prefixlen=64, index=2)
    for gai_conf in ("", "precedence ::ffff:0:0/96 100\n"):
        for glibc, arch in (("2.9", "i386"), ("2.36", "amd64"), ("2.44", "s390x")):
            given = GIVEN | {"gai_conf": gai_conf, "glibc": glibc, "arch": arch}
            (one,) = shown(given).names
            policy = Policy.from_gai_conf(gai_conf, glibc=glibc)
            wanted = order([far, near, six], policy, glibc, arch).destinations
            assert one.order == tuple(map(str, wanted))


def test_a_source_that_is_not_known_is_asked_for_and_taken() -> None:
    links = json.loads(GIVEN["addresses"])
    info = {"family": "inet", "local": "10.0.0.2", "prefixlen": 24, "scope": "global"}
    links.append({"ifindex": 3, "ifname": "eth1", "flags": ["UP"], "addr_info": [info]})
    ways = [
        {"gateway": "172.18.45.1", "dev": "eth0", "weight": 1, "flags": []},
        {"gateway": "10.0.0.1", "dev": "eth1", "weight": 1, "flags": []},
    ]
    near = [
        {"dst": to, "dev": dev, "protocol": "kernel", "scope": "link", "flags": []}
        for to, dev in (("172.18.45.0/24", "eth0"), ("10.0.0.0/24", "eth1"))
    ]
    multipath = json.dumps([{"dst": "default", "flags": [], "nexthops": ways}, *near])
    given = GIVEN | {"addresses": json.dumps(links), "names": "192.0.2.1 192.0.2.2"}
    given |= {"routes": multipath}
    (one,) = shown(given).names
    assert [(each.destination, each.command) for each in one.unknown] == [
        (text, f"ip route get {text}") for text in ("192.0.2.1", "192.0.2.2")
    ]
    answers = (
        "192.0.2.1 via 172.18.45.1 dev eth0 src 172.18.45.2 uid 0 \n    cache \n"
        '[{"dst":"192.0.2.2","dev":"eth0","prefsrc":"172.18.45.2","flags":[],"uid":0,"cache":[]}]'
    )
    (one,) = shown(given | {"routes": given["routes"] + answers}).names
    assert (one.order, one.unknown) == (("192.0.2.1", "192.0.2.2"), ())
    refused = given["routes"] + answers.replace("192.0.2.1 via", "unreachable 192.0.2.1 via")
    (one,) = shown(given | {"routes": refused}).names
    assert one.order == ("192.0.2.2", "192.0.2.1")


def test_routes_that_are_missing_are_asked_for_but_own_addresses_need_none() -> None:
    (one,) = shown(GIVEN | {"routes": "", "names": "172.18.45.2 192.0.2.9 2001:db8::9"}).names
    assert [(each.destination, each.why) for each in one.unknown] == [
        ("192.0.2.9", "the routes of IPv4 were not given"),
        ("2001:db8::9", "the routes of IPv6 were not given"),
    ]


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("addresses", "", "rows: expected at least one interface"),
        ("addresses", "[{", "line 1: expected whole JSON"),
        ("addresses", "\n\n1: lo:",
         "line 3: expected JSON, as `ip -j addr` prints it (got '1: lo:')"),
        ("addresses", '[{"ifname": "lo"}]', "rows[0].ifindex: expected this required field"),
        ("addresses", "[" * 100_000, "line 1: expected whole JSON"),
        ("addresses", GIVEN["addresses"].replace('"inet6"', '"inet9"'),
         "rows[0].addr_info[1].family: expected"),
        ("routes", GIVEN["routes"].replace("eth0", "eth9"),
         "default: expected an interface of `ip -j addr` (lo, eth0) (got 'eth9')"),
        ("routes", "default via 1.2.3.4", "line 1: expected JSON, or an answer of `ip route get`"),
        ("routes", '[{"dst": "10.0.0.1/8"}]', "rows[0].dst: expected a prefix without host bits"),
        ("addresses", GIVEN["addresses"].replace('"prefixlen": 24', '"prefixlen": 64', 1),
         "addr_info: expected an address of inet and its prefix length (got 172.18.45.2/64)"),
        ("names", "# nothing", "expected at least one address"),
        ("names", "\nweb 192.0.2.1",
         "line 2: expected an address first, as in a hosts file (got 'web')"),
        ("names", "fe80::1%eth7 web", "names.web[0]: expected as zone an interface of the host"),
        ("gai_conf", "#" * 70_000, "gai_conf: expected at most 65536 characters"),
        ("names", "1" * (1 << 20 | 1), "expected at most 1048576 characters"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_at_its_field(name: str, text: str, line: str) -> None:
    made = shown(GIVEN | {name: text})
    assert [*made.errors] == [name]
    assert made.errors[name].startswith(line)
    assert "\n" not in made.errors[name]


def test_what_was_pasted_is_text_and_no_html() -> None:
    hostile = "<img/src=x/onerror=alert(1)>"
    given = GIVEN | {
        "addresses": GIVEN["addresses"].replace("eth0", "<i>eth0"),
        "routes": GIVEN["routes"].replace("eth0", "<i>eth0"),
        "names": f"172.31.80.8 {hostile}\n172.18.45.6 {hostile}",
        "gai_conf": f"precedence {hostile} 5\nprecedence 2001:db8::1 {hostile}\n",
    }
    made = json.loads(document(json.dumps(given)))
    assert made["errors"] == {}
    (one,) = made["names"]
    assert one["name"] == hostile
    assert "<i>" not in one["html"]
    assert "&lt;i&gt;eth0" in one["html"]
    assert "onerror" not in one["html"]


def test_a_name_that_is_not_sorted_and_a_file_that_may_kill() -> None:
    (one,) = shown(GIVEN | {"names": "192.0.2.1 web"}).names
    assert "One address: nothing is sorted." in one.html
    killing = GIVEN | {"gai_conf": "scopev4 10.0.0.1 5\n", "glibc": "2.31"}
    made = shown(killing)
    assert "a crash or any use of it is right" in made.names[0].html
    assert "expect" not in made.scenario
    assert made.findings


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"gai_conf": "precedence ::ffff:0:0/96 100\n"},
        {"names": "172.31.80.8\n172.18.45.6 a b\n2001:db8:9::1 b\nfe80::9%eth0 b\n"},
        {"routes": GIVEN["routes"] + "192.0.2.9 via 172.18.45.1 dev eth0 src 172.18.45.2 uid 0\n",
         "names": "192.0.2.9 172.18.45.6 2001:db8:9::1"},
        {"routes": "172.31.80.8 via 172.18.45.1 dev eth0 src 172.18.45.2\n"
                   "172.18.45.6 dev eth0 src 172.18.45.2\nunreachable 2001:db8:9::1\n"},
    ],
)  # fmt: skip
def test_the_scenario_is_replayed_with_the_same_order(
    call: Call, tmp_path: Path, changes: dict[str, str]
) -> None:
    own = host_glibc()
    made = shown(GIVEN | {"glibc": own.version, "arch": own.arch} | changes)
    assert made.errors == {}
    file = tmp_path / "from-the-page.yaml"
    file.write_text(made.scenario)
    done = call("run", file, "--format", "json")
    results: list[dict[str, Any]] = json.loads(done.out)["results"]
    assert done.status == 0, done.out
    assert [tuple(one["native"]) for one in results] == [one.order for one in made.names]
    assert all(lookup.expect for lookup in load(file).scenario.lookups)


def test_answers_replace_what_would_be_worked_out() -> None:
    host = pasted(GIVEN["addresses"], GIVEN["routes"] + "192.0.2.9 dev lo src 127.0.0.1\n")
    (target,) = host.answers
    assert str(way(host, target).source) == "127.0.0.1"
    assert str(way(replace(host, answers={}), target).source) == "172.18.45.2"
    no_address = '[{"dst": "default", "prefsrc": "192.0.2.1", "uid": 0}]'
    assert pasted(GIVEN["addresses"], no_address).answers == {}


def test_it_needs_no_package_that_the_page_does_not_bring() -> None:
    lacking = ("cffi", "dnslib", "elftools", "filelock", "platformdirs", "pyroute2", "rich")
    code = f"import sys; sys.modules |= dict.fromkeys({lacking}); import harness.browser.answer"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
