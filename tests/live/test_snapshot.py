"""Snapshots: taken inside sandboxes, they replay to what was seen, redacted and not."""

import json
import os
import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.cli.main import main as cli
from harness.compare.plan import lanes_for, load_scenarios, make_jobs
from harness.compare.results import Verdict
from harness.compare.run import HostJob
from harness.kernel.netlink import Netlink
from harness.kernel.rows import KernelRoute
from harness.live.address_map import AddressMap
from harness.live.host import SnapshotError, snapshot
from harness.live.machine import Dumps
from harness.live.names import hosts_services
from harness.live.redact import redact
from harness.live.replay import differences, seen
from harness.live.routing import routes
from harness.live.said import Said
from harness.sandbox import Pool
from harness.scenario import LoadedScenario, Scenario, load
from harness.scenario.load import as_yaml
from harness.scenario.schema import Host
from tests.conftest import Call
from tests.e2e.kit import COMMAND, start
from tests.live import kit
from tests.live.kit import drawn
from tests.sandbox import ordinary_user
from tests.sandbox.kit import host as host_of
from tests.sandbox.kit import interface


def job_of(scenario: Scenario, lanes: Any = ()) -> HostJob:
    conf = scenario.gai_conf
    data = conf.encode() if isinstance(conf, str) else None
    return make_jobs([LoadedScenario(scenario, Path("x"), data, "x")], lanes)[0]


def reloaded(scenario: Scenario, folder: Path) -> LoadedScenario:
    """Through the file, as users have it."""
    path = folder / "node.yaml"
    path.write_text(as_yaml(scenario, ["a comment"]))
    found = load(path)
    assert found.scenario == scenario
    return found


def taken(pool: Pool, host: dict[str, Any]) -> Scenario:
    """The snapshot of a host that a sandbox holds."""
    scenario = Scenario.model_validate(
        {"name": "x", "host": host, "names": {"n": ["192.0.2.1"]}, "lookups": [{"name": "n"}]}
    )
    _, found = pool.run(kit.looked_up, (job_of(scenario), True))
    assert isinstance(found, LoadedScenario)
    return found.scenario


def renamed(seen: kit.Seen, scenario: Scenario, made: AddressMap) -> kit.Seen:
    """What was seen, in the words of a redacted copy."""
    asked = [one.name or "" for one in scenario.lookups]
    names = {name: f"host{number}" for number, name in enumerate(asked, 1)}
    words = kit.words_through(made)
    return kit.Seen(
        {(glibc, names[name]): tuple(map(words, order))
         for (glibc, name), order in seen.orders.items()},
        {words(target): words(route) for target, route in seen.sources.items()},
    )  # fmt: skip


def shape(scenario: Scenario) -> list[object]:
    """What redaction leaves: the lengths of prefixes and the flags of addresses."""
    host = scenario.host
    addresses = [one for each in host.interfaces.values() for one in each.addresses]
    return [
        [route.network.prefixlen for route in host.routes],
        [(one.address.rpartition("/")[2], one.flags) for one in addresses],
    ]


@pytest.mark.parametrize("hosts", [16, pytest.param(50, marks=pytest.mark.slow)])
def test_snapshots_replay_to_the_same_order_redacted_and_not(
    hosts: int, pool: Pool, tmp_path: Path
) -> None:
    lanes = lanes_for("all", "worker")
    before = [drawn(seed) for seed in range(hosts)]
    first = list(pool.outcomes(kit.looked_up, [(job_of(s, lanes), True) for s in before]))
    refused = [str(outcome.error) for outcome in first if outcome.error is not None]
    # the kernel takes no gateway in 127.0.0.0/8
    assert len(refused) <= 2, refused
    expected: list[kit.Seen] = []
    copies: list[HostJob] = []
    for seed, outcome in enumerate(first):
        if outcome.error is not None:
            continue
        seen, shot = outcome.values
        redacted = redact(shot.scenario, b"key%d" % seed)
        assert shape(redacted.scenario) == shape(shot.scenario), seed
        expected += [seen, renamed(seen, shot.scenario, redacted.map)]
        for scenario in (shot.scenario, redacted.scenario):
            loaded = reloaded(scenario, tmp_path)
            copies.append(replace(make_jobs([loaded], lanes)[0], source=f"seed {seed}"))
    again = pool.outcomes(kit.looked_up, [(job, False) for job in copies])
    for job, outcome, wanted in zip(copies, again, expected, strict=True):
        assert outcome.error is None, (job.source, job.scenario.name, outcome.error)
        assert outcome.values[0] == wanted, (job.source, job.scenario.name)


def test_a_rich_host_comes_back_word_for_word(pool: Pool, tmp_path: Path) -> None:
    plain = interface(
        "10.1.0.3/24+deprecated fe80::2/64 2001:db8:1::2/64+deprecated+home "
        "2001:db8:1::3/64+noprefixroute 2001:db8:1::4/64+optimistic 2001:db8:1::5/64+tentative "
        "2001:db8:7::1/128>2001:db8:7::2/128 2001:db8:8::1/64>2001:db8:88::2/64 "
        "2001:db8:9::1/64>2001:db8:99::2/64+noprefixroute"
    )["addresses"]
    odd = [
        {"address": "10.1.0.2/24", "label": "eth0:1", "metric": 50},
        {"address": "10.9.0.1/32", "peer": "10.9.0.2/32", "scope": "link"},
    ]
    hops = [{"via": "10.1.0.1", "dev": "eth0", "weight": 4},
            {"via": "10.7.0.1", "dev": "eth0", "on-link": True}]  # fmt: skip
    host = host_of(
        {
            "lo": "10.255.0.1/32", "eth0": {"kind": "veth", "addresses": [*odd, *plain]},
            "six": "sit 2002:c000:201::1/16",
            "off": {"kind": "veth", "up": False, "addresses": ["10.4.0.1/24"]},
        },
        [
            "192.0.2.0/24 dev eth0 scope global from 10.255.0.1",
            "198.51.100.0/24 type unreachable metric 7", "2001:db8:dead::/48 type blackhole",
            "203.0.113.0/24 type local dev lo table local",
            "0.0.0.0/0 via 10.1.0.1 dev eth0 table 100",
            {"to": "0.0.0.0/0", "metric": 3, "nexthops": hops},
            "::/0 via fe80::1 dev eth0 pref high metric 512",
            "2001:db8:2::/48 source 2001:db8:1::/64 via fe80::1 dev eth0",
        ],
        [
            "priority 10 from 10.1.0.3/32 table 100",
            "priority 20 family inet table main suppress_prefixlength 0",
            "priority 30 to 10.8.0.0/16 not true fwmark 0xca6c/0xffffffff iif lo ipproto 17 "
            "goto 40",
            "priority 40 family inet type nop", "priority 10 family inet6 oif eth0 table 100",
            "priority 50 to 2001:db8:bad::/48 type prohibit",
        ],
        addrlabels=[{"prefix": "2001:db8:1::/64", "label": 99, "dev": "eth0"},
                    {"prefix": "::/0", "label": 1}],
        sysctls={"net.ipv6.bindv6only": "1", "net.ipv6.conf.eth0.use_tempaddr": "2"},
    )  # fmt: skip
    found = taken(pool, host)
    wanted = Host.model_validate(host)
    interfaces = dict(found.host.interfaces)
    got, listed = interfaces["eth0"].addresses, wanted.interfaces["eth0"].addresses
    assert set(got) == set(listed)
    assert [each for each in got if each.ip.version == 6] == [
        each for each in listed if each.ip.version == 6
    ]
    assert {name: (each.kind, each.up) for name, each in interfaces.items() if name != "lo"} == {
        "eth0": ("veth", True), "six": ("sit", True), "off": ("veth", False)
    }  # fmt: skip
    assert interfaces["lo"].addresses == wanted.interfaces["lo"].addresses
    assert sorted(found.host.routes, key=str) == sorted(wanted.routes, key=str)
    assert found.host.rules == wanted.rules
    assert {*(found.host.addrlabels or ())} == {*(wanted.addrlabels or ())}
    assert dict(found.host.sysctls) == dict(wanted.sysctls)
    (said,) = found.left_out
    assert said.startswith("which way of 0.0.0.0/0")
    assert reloaded(found, tmp_path)


def test_other_rules_than_the_kernels_own(pool: Pool) -> None:
    rules = ["priority 5 family inet table local", "priority 32766 family inet table main",
             "priority 0 family inet6 table local",
             "priority 32766 family inet6 table main"]  # fmt: skip
    found = taken(pool, host_of({}, rules=rules, default_rules=False))
    assert not found.host.default_rules
    assert [rule.priority for rule in found.host.rules] == [5, 32766, 0, 32766]


@pytest.mark.bare
def test_what_has_no_effect_on_a_look_up_is_named(pool: Pool) -> None:
    _, shot = pool.run(kit.changed, None)
    text = "\n".join(shot.scenario.left_out)
    for words in ("destination ports", "it asks for a TOS", "the users of the IPv4 rule",
                  "there is no interface away0", "for TOS 16",
                  "a second route to 10.7.0.0/16", "the address 239.1.1.1"):  # fmt: skip
        assert words in text
    assert [rule.priority for rule in shot.scenario.host.rules] == [12]
    # taken away by hand: the kernel of a copy would make it
    (address,) = shot.scenario.host.interfaces["eth0"].addresses
    assert address.flags == ("noprefixroute",)


def test_a_route_whose_nexthop_object_is_not_shown_is_named_as_such() -> None:
    """As with net.ipv4.nexthop_compat_mode=0: it has neither a gateway nor an interface."""
    row = KernelRoute(4, "192.0.2.0/24", None, 254, "unicast", 0, 4, 0, None, 0, (), 0, False)
    left_out: list[Said] = []
    assert not routes(Dumps((), (), (row,)), [], left_out)
    assert left_out == ["the route 192.0.2.0/24: its nexthop object is not shown"]


def test_addresses_with_a_zone_come_from_a_name_service_module(pool: Pool) -> None:
    _, shot = pool.run(kit.zoned, None)
    assert shot.scenario.name_service.hosts == "nss"
    assert shot.scenario.name_service.nss["n"] == ("fe80::9%eth0", "192.0.2.1")


def test_a_name_that_no_scenario_can_have_is_refused() -> None:
    with closing(Netlink()) as sock, pytest.raises(SnapshotError, match="control characters"):
        snapshot(["a\nb"], sock)


def test_the_command_writes_a_file_that_replays(tmp_path: Path, call: Call) -> None:
    """Or says that it cannot."""
    path = tmp_path / "node.yaml"
    assert call("snapshot", "localhost", "--redact", "-o", path).status == 0
    assert [one.name for one in load(path).scenario.lookups] == ["host1"]
    assert "1 agree" in call("run", path).out
    assert call("snapshot", "localhost", "--no-check", "-o", tmp_path / "no" / "x").status == 2


@pytest.mark.parametrize(
    ("own", "written"), [("node-7", "node-7"), ("my_node", "my_node"), ("my node", "sandbox")]
)
def test_the_hosts_own_name_is_in_it(
    monkeypatch: pytest.MonkeyPatch, own: str, written: str
) -> None:
    """Whatever the hosts line: a kubelet's answer depends on it; but not one no scenario takes."""
    monkeypatch.setattr("socket.gethostname", lambda: own)
    with closing(Netlink()) as sock:
        assert snapshot(["localhost"], sock).scenario.host.hostname == written


def test_a_copy_that_is_otherwise_is_found_out(pool: Pool) -> None:
    with closing(Netlink()) as sock:
        scenario = snapshot(["localhost"], sock).scenario
        here = seen(scenario, sock)
        assert any(what.startswith("the source for ") for what in here)
        assert differences(scenario, here) == []
        more = {"eth9": {"addresses": ["192.0.2.98/24"]}}
        raw = scenario.host.model_dump(by_alias=True, exclude_defaults=True)
        raw["interfaces"] = {**raw.get("interfaces", {}), **more}
        other = scenario.model_copy(update={"host": Host.model_validate(raw)})
        found = differences(other, seen(other, sock))
    assert any("in the copy" in line for line in found)


@pytest.mark.network
def test_a_name_is_explained_on_a_copy_of_this_host(
    pool: Pool, fetch_glibcs: Callable[..., str]
) -> None:
    """For other glibcs, and under another gai.conf than its own."""
    fetch_glibcs("2.41")
    copies = "--glibc host,2.41 --gai-conf prefer-ipv4-one-liner.conf --json"
    said = list(pool.run(kit.explained, [
        "web --json", f"web {copies}", f"web --family inet {copies}", "zzz --glibc host --json",
    ]))  # fmt: skip
    assert [status for status, _, _ in said] == [0, 0, 0, 1]
    live, both, family, unknown = ([*json.loads(out)["explanations"]] for _, out, _ in said)
    new, old = ["10.1.0.9", "2001:db8::9"], ["2001:db8::9", "10.1.0.9"]
    assert [each["native"] for each in (*live, *both, *family)] == [old, new, new, *[new[:1]] * 2]
    assert "2.41" in {each["glibc"] for each in both}  # before or behind this host's
    assert {each["scenario"] for each in both} == {"copy-of-this-host"}
    assert {each["error"] for each in unknown} == {"EAI_NONAME"}
    assert said[3][2].count("zzz: the name service knows no address") == 1


# every place of the host of `kit.marked` that can hold a text or an address; enough of each
# address that its copy, which is drawn, is never the same
TOLD = re.compile(
    rf"{kit.MARK}|2a02:beef|93\.184\.21|\b8\.131\.77|:beef:[0-9]|\b10\.77\.3\.|192\.168\.77\.9\b",
    re.IGNORECASE,
)
NAMES = f"{kit.MARK}.example {kit.MARK}.not-there 93.184.216.55"
WORDS = (
    NAMES, f"{NAMES} --redact", f"{NAMES} --redact --no-check",
    f"fe80::beef:9%{kit.MARK}0 --redact --no-check",
    f"fe80::beef:9%{kit.MARK}9 --redact --no-check",
    f"{kit.MARK}..{'x' * 300} --redact --no-check",
    f"{NAMES} --redact --no-check -o /{kit.MARK}/x",
)  # fmt: skip


@pytest.mark.needs("ip", "iproute2")
def test_nothing_of_a_host_is_told_by_a_redacted_snapshot(pool: Pool, tmp_path: Path) -> None:
    whole, *redacted = pool.run(kit.marked, list(WORDS))
    status, out, said = whole
    assert status == 0
    for place in ("qzx0", "qzx1.7", "qzx-v", "qzxt", "qzx0:qzx", "qzx.example", "93.184.216.77",
                  "2a02:beef:1::77", "fe80::beef:7", "2a02:beef:9::", "8.131.77.0/24", "# qzx",
                  "precedence qzx", "192.168.77.9"):  # fmt: skip
        assert place in out, "what is not there cannot be hidden"
    for words in ("interface qzxaway", "interface qzxgone", "qzx.not-there: ",
                  "the label qzx of 93.184.217.5", "93.184.219.0/24 for TOS 16",
                  "qzxservice: "):  # fmt: skip
        assert words in out
        assert words in said
    for words, (status, out, said) in zip(WORDS[1:], redacted, strict=True):
        assert (status, out == "") in ((0, False), (2, True)), words
        found = TOLD.search(out) or TOLD.search(said)
        assert found is None, (words, found, out, said)
    orders = []
    path, report = tmp_path / "x.yaml", tmp_path / "x.json"
    for text in (whole[1], redacted[0][1]):
        path.write_text(text)
        assert cli(["run", str(path), "--format", "json", "-o", str(report)]) == 0
        first = json.loads(report.read_text())["results"][0]
        service = load(path).scenario.name_service
        assert service is not None
        listed = next(iter(service.addresses().values()))
        orders.append([listed.index(each) for each in first["native"]])
    assert orders[0] == orders[1]
    assert sorted(orders[0]) == [0, 1, 2]


# --- ``explain NAME`` needs no scenario: the name service in its own order


OLD = {"dns": {"SUCCESS", "NOTFOUND", "TRYAGAIN"}, "files": {"SUCCESS"}}
NEW = {"files": {"SUCCESS"}, "dns": {"SUCCESS"}}


@pytest.mark.parametrize(("text", "glibc", "expected"), [
    ("hosts: files mdns4_minimal [NOTFOUND=return] dns [!UNAVAIL=return]\n", "2.36", {
        "files": {"SUCCESS"}, "mdns4_minimal": {"SUCCESS", "NOTFOUND"},
        "dns": {"SUCCESS", "NOTFOUND", "TRYAGAIN"}}),
    # glibc's default where there is no such line, which bug 28700 changed
    *((text, *known) for text in (None, "", "passwd: files\n", "# hosts: files\n")
      for known in (("2.34", OLD), ("2.35", NEW))),
])  # fmt: skip
def test_services_and_their_actions(
    text: str | None, glibc: str, expected: dict[str, set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "confstr", lambda _: f"glibc {glibc}")
    found = [(service.name, set(service.returns)) for service in hosts_services(text)]
    assert found == [*expected.items()]


# Undefined files may kill the process that reads them, and a raw module needs its own set-up.
CHOSEN = [
    loaded
    for loaded in load_scenarios(())
    if loaded.scenario.name.startswith(("seed", "rule", "fact-4", "presort", "case-golang"))
    and loaded.scenario.resolver in ("files", "dns")
][::3]


def test_native_and_model_agree_without_taking_the_order_from_the_answer(pool: Pool) -> None:
    results = [each.result for items in pool.map(kit.explain_all, CHOSEN) for each in items]
    assert len(results) > 80
    assert [each for each in results if each.verdict is not Verdict.AGREE] == []
    remarks = [remark.text for each in results for remark in each.remarks]
    assert not any("answer's order" in text or "taken from the answer" in text for text in remarks)


def test_this_very_machine_as_an_ordinary_user_too(call: Call) -> None:
    done = call("explain", "localhost")
    assert (done.status, done.err) == (0, "")
    command = [str(COMMAND), "explain", "*", "--service", "80", "--json"]
    ran = ordinary_user.run(command) if os.geteuid() == 0 else start(*command)
    assert (ran.returncode, ran.stderr) == (0, "")
    (explanation,) = json.loads(ran.stdout)["explanations"]
    # the null name without AI_PASSIVE is the loopback address of each family
    assert explanation["native"] == ["::1", "127.0.0.1"]
    assert explanation["decisions"][0]["rule"] == 6
