"""Real Go: built with cgo it follows glibc, without it follows harness.model.standards.GOLANG."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from harness.kubelet.resolver import Surroundings, choose_resolver
from harness.model.host import Target
from harness.model.standards import GOLANG, go_targets, standard_order
from harness.sandbox import Pool
from harness.scenario import library, load
from harness.scenario.schema import Scenario
from tests.kubelet.kit import Ask, Orders, Programs, Said, ask_everybody, random_host

HOSTS = 40
# what undoes the comparison: files in which this glibc's behaviour is undefined
UNDEFINED = ("fact-3.4", "conf-reload")


def model_orders(scenario: Scenario, said: Said) -> list[Orders]:
    """What Go's own resolver may say.

    Over DNS it asks for A and AAAA at once from two sockets, and keeps the answers in the order in
    which its goroutines read them (net/dnsclient_unix.go): both orders are right.
    """
    found: list[Orders] = []
    for first in (4, 6) if scenario.resolver == "dns" else (None,):
        orders = {}
        for name, texts in scenario.names.items():
            listed = [ip_address(text) for text in texts]
            if first is not None:
                listed.sort(key=lambda address: address.version != first)
            targets = go_targets([Target(address) for address in listed])
            orders[name] = tuple(map(str, standard_order(GOLANG, targets, said.view).destinations))
        found.append(orders)
    return found


def check(scenario: Scenario, said: Said) -> None:
    assert said.cgo == said.glibc, scenario.name
    models = model_orders(scenario, said)

    # Go may send to a broadcast address (SO_BROADCAST), which the observation of glibc's cannot
    refused = {str(one) for one, route in said.view.routes.items() if route.error == "EACCES"}

    def one_of_the_models(orders: Orders) -> None:
        assert orders.keys() == scenario.names.keys(), scenario.name
        for name, order in orders.items():
            if refused.isdisjoint(order):
                assert order in [model[name] for model in models], scenario.name

    one_of_the_models(said.pure)
    one_of_the_models(said.go_debug)
    # built with cgo and left alone, Go understands "hosts: files" and "hosts: dns" itself
    around = Surroundings(f"hosts: {scenario.resolver}\n", "sandbox")
    assert {choose_resolver(name, around).resolver for name in scenario.names} <= {"go"}
    one_of_the_models(said.left_alone)


def test_random_hosts(pool: Pool, programs: Programs) -> None:
    scenarios = [random_host(seed) for seed in range(HOSTS)]
    asks = [Ask(scenario, None, programs) for scenario in scenarios]
    built = different = 0
    for scenario, outcome in zip(scenarios, pool.outcomes(ask_everybody, asks), strict=True):
        if outcome.error is None:  # not refused by the kernel
            (said,) = outcome.values
            check(scenario, said)
            built += 1
            different += sum(said.cgo[name] != said.pure[name] for name in scenario.names)
    assert built > HOSTS / 2
    assert different > HOSTS  # the comparison would notice one taken for the other


def test_the_library_s_gai_confs(pool: Pool, programs: Programs) -> None:
    """Random hosts have none."""
    loaded = [load(path) for path in library() if not path.stem.startswith(UNDEFINED)]
    loaded = [one for one in loaded if one.gai_conf is not None and one.scenario.resolver != "nss"]
    loaded = [one for one in loaded if one.scenario.names]
    assert len(loaded) > 20
    asks = [Ask(one.scenario, one.gai_conf, programs) for one in loaded]
    for one, (said,) in zip(loaded, pool.map(ask_everybody, asks), strict=True):
        check(one.scenario, said)


@pytest.mark.parametrize("name", ["case-golang-13283", "case-golang-13283-ipv4-only"])
def test_go_keeps_round_robin(pool: Pool, programs: Programs, name: str) -> None:
    (path,) = (path for path in library() if path.stem == name)
    one = load(path)
    (said,) = pool.run(ask_everybody, Ask(one.scenario, one.gai_conf, programs))
    for host, texts in one.scenario.names.items():
        assert said.pure[host] == tuple(texts)
