"""Real Go: whom it asks; with cgo it follows glibc.

That it follows harness.model.golang without, random hosts and the library show
(tests/compare/test_other_resolvers.py, tests/e2e/test_resolvers.py).
"""

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from harness.kubelet.resolver import Surroundings, choose_resolver
from harness.model.golang_names import unmapped_target
from harness.native.cffi_lane import CffiLane
from harness.native.record import Answer, Query
from harness.sandbox import Box, Pool
from harness.scenario import library, load
from harness.scenario.schema import Scenario
from tests.conftest import Call
from tests.e2e.kit import start

SOURCE = Path(__file__).parents[1] / "go/lookup.go"
# as Go's cgo calls getaddrinfo: SOCK_STREAM, AI_CANONNAME | AI_V4MAPPED | AI_ALL
GO_HINTS: dict[str, Any] = {"socktype": 1, "flags": 0x2 | 0x8 | 0x10}
# what undoes the comparison: files in which this glibc's behaviour is undefined
UNDEFINED = ("fact-3.4", "conf-reload")
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
Orders = dict[str, tuple[str, ...]]


class Programs(NamedTuple):
    """The test's Go program, built with cgo and without."""

    cgo: Path
    pure: Path


class Said(NamedTuple):
    """What everybody says of one host's names: orders by name, an error is an empty one."""

    glibc: Orders
    cgo: Orders
    pure: Orders
    own_choice: Orders
    """Of the program with cgo, which is told nothing."""


@pytest.fixture(scope="module")
def programs(needs: Callable[..., str]) -> Iterator[Programs]:
    """Built where sandboxes and ordinary users can see them."""
    go = needs("go", "golang-go")
    needs("gcc", "gcc libc6-dev")
    folder = Path(tempfile.mkdtemp(prefix="gai-harness-go-"))
    folder.chmod(0o755)
    built = Programs(folder / "cgo", folder / "pure")
    for program, cgo in zip(built, "10", strict=True):
        environment = {"CGO_ENABLED": cgo, "GOFLAGS": "", "GO111MODULE": "off"}
        environment |= {"GOCACHE": str(folder / "cache")}
        start(go, "build", "-o", program, SOURCE, env=environment, check=True, cwd=folder)
    yield built
    shutil.rmtree(folder, ignore_errors=True)


def ask_everybody(box: Box, asked: tuple[Scenario, bytes | None, Programs]) -> Iterator[Said]:
    """Inside a sandbox: every name of a scenario, by glibc and by real Go."""
    scenario, gai_conf, programs = asked
    box.build(scenario.host)
    box.set_names(scenario.names, scenario.resolver, scenario.dns.first_reply)
    box.set_gai_conf(gai_conf)
    names = list(scenario.names)
    with CffiLane() as lane, lane.open() as session:
        answers = [session.lookup(Query(name, **GO_HINTS)) for name in names]
    glibc = {
        name: tuple(
            str(unmapped_target(ip_address(info.address)).address) for info in answer.addrinfos
        )
        for name, answer in zip(names, answers, strict=True)
        if isinstance(answer, Answer)
    }

    def by_go(program: Path, debug: str = "") -> Orders:
        lines = start(program, *names, env={"GODEBUG": debug}, check=True).stdout.splitlines()
        return {one["name"]: tuple(one["addresses"]) for one in map(json.loads, lines)}

    yield Said(
        glibc,
        cgo=by_go(programs.cgo, "netdns=cgo"),
        pure=by_go(programs.pure),
        own_choice=by_go(programs.cgo),
    )


def test_the_library(pool: Pool, programs: Programs, call: Call) -> None:
    """Its gai.confs, which Go does not read; round robin; what ``kubelet`` says of it."""
    loaded = {path.stem: load(path) for path in library() if not path.stem.startswith(UNDEFINED)}
    round_robin = {"case-golang-13283", "case-golang-13283-ipv4-only"}
    nodes = {"kubelet-look-up", "kubelet-resolvers-differ", "kubelet-default-route"}
    asked = {
        name: one for name, one in loaded.items()
        if (one.gai_conf is not None and not one.scenario.resolver.startswith("nss")
         and one.scenario.names)
        or name in round_robin | nodes
    }  # fmt: skip
    assert len(asked) > 25
    different = 0
    asks = [(one.scenario, one.gai_conf, programs) for one in asked.values()]
    for (name, one), (said,) in zip(asked.items(), pool.map(ask_everybody, asks), strict=True):
        assert said.cgo == said.glibc, name
        # built with cgo and left alone, Go understands "hosts: files" and "hosts: dns" itself
        around = Surroundings(f"hosts: {one.scenario.resolver}\n", HOSTNAME)
        assert {choose_resolver(each, around).resolver for each in one.scenario.names} == {"go"}
        if one.scenario.resolver != "dns":  # whose replies it takes as they come
            assert said.own_choice == said.pure, name
        different += said.cgo != said.pure
        if name in round_robin:
            assert said.pure == one.scenario.names
        if name in nodes:
            document = json.loads(call("kubelet", "--scenario", name, "--json").out)
            orders = {each["name"]: tuple(each["addresses"]) for each in document["resolvers"]}
            assert orders == {"cgo": said.cgo["node-1"], "go": said.pure["node-1"]}
    assert different > 5  # the comparison would notice one taken for the other


def chosen_by_go(box: Box, program: Path) -> Iterator[dict[str, str]]:
    """Inside a sandbox: the order a real Go program names for each name, per nsswitch.conf."""
    box.set_names({}, "files")
    for text in NSSWITCH:
        (box.etc / "nsswitch.conf").write_text(text)
        # modules named here are not installed: what is looked up fails, the choice is made before
        said = start(program, *NAMES, env={"GODEBUG": "netdns=2"}, check=True).stderr
        yield dict(re.findall(r"hostLookupOrder\((\S*)\) = (\S+)", said))


def test_the_choice_is_real_gos(pool: Pool, programs: Programs) -> None:
    both = set()
    for text, real in zip(NSSWITCH, pool.run(chosen_by_go, programs.cgo), strict=True):
        for name in NAMES:
            chosen = choose_resolver(name, Surroundings(text, HOSTNAME))
            assert (chosen.resolver == "cgo") == (real[name] == "cgo"), (text, name, real, chosen)
            both.add(chosen.resolver)
    assert both == {"cgo", "go"}


@pytest.mark.parametrize(("around", "resolver"), [
    ({"nsswitch": "hosts: files mdns4_minimal dns\n", "mdns_allow": True}, "cgo"),
    ({"nsswitch": None}, "go"),
])  # fmt: skip
def test_the_surroundings_decide(around: dict[str, Any], resolver: str) -> None:
    given = Surroundings(**{"nsswitch": "hosts: files dns\n", "hostname": "x"} | around)
    assert choose_resolver("node-1", given).resolver == resolver
