"""The generator: pure, seeded, valid, and as varied as its weights say."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

from harness.scenario import Scenario
from harness.scenario.generate import Weights, generate


def test_everything_generated_is_valid_and_a_value() -> None:
    for seed in range(300):
        scenario = generate(seed)
        assert Scenario.model_validate(scenario.model_dump(by_alias=True)) == scenario
        assert scenario.lookups


def test_the_same_seed_gives_the_same_scenario_in_every_process() -> None:
    code = "from harness.scenario.generate import generate; print(generate(7).model_dump_json())"
    outs = {
        subprocess.run(
            [sys.executable, "-P", "-c", code], env={"PYTHONHASHSEED": seed}, check=True,
            capture_output=True, text=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }  # fmt: skip
    assert outs == {generate(7).model_dump_json()}
    assert generate(7) != generate(8)


def test_what_matters_occurs() -> None:
    seen: Counter[str] = Counter()
    for seed in range(400):
        host = generate(seed).host
        for interface in host.interfaces.values():
            seen[f"kind {interface.kind}"] += 1
            seen["down"] += not interface.up
            for address in interface.addresses:
                seen.update(f"flag {flag}" for flag in address.flags)
                seen["peer"] += address.peer is not None
                seen["scope"] += address.scope is not None
                seen["metric"] += address.metric is not None
        for route in host.routes:
            seen[f"route {route.type}"] += 1
            seen["nexthops"] += bool(route.nexthops)
        for rule in host.rules:
            seen[f"rule {rule.type}"] += 1
            seen["from"] += rule.from_ is not None
        versions = {a.ip.version for i in host.interfaces.values() for a in i.addresses}
        seen[f"versions {sorted(versions)}"] += 1
    wanted = {
        "down", "peer", "scope", "metric", "nexthops", "from", "flag deprecated", "flag home",
        "flag optimistic", "flag tentative", "flag temporary", "flag noprefixroute",
        "kind sit", "kind tunnel", "kind tunnel6", "route unicast", "route unreachable",
        "route throw", "rule unicast", "rule unreachable", "versions [4]", "versions [6]",
        "versions [4, 6]",
    }  # fmt: skip
    assert not wanted - {what for what, count in seen.items() if count}


def test_weights_are_data() -> None:
    plain = Weights(ipv4_only=1, rules=0, addrlabels=0, gai_conf=0, kinds={"sit": 1})
    for seed in range(50):
        scenario = generate(seed, plain)
        assert not scenario.host.rules
        assert scenario.host.addrlabels is None
        assert scenario.gai_conf is None
        for name, interface in scenario.host.interfaces.items():
            assert name == "lo" or interface.kind == "sit"
            assert all(address.ip.version == 4 for address in interface.addresses)
    assert any(generate(seed, Weights(dns=1)).resolver == "dns" for seed in range(3))
