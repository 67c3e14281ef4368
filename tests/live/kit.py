"""Random scenarios, and what runs inside a sandbox: its /etc is private, all else the machine's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.compare.live import explain_live
from harness.live.names import Answer, ask
from harness.scenario import Scenario
from harness.scenario.fuzz import draw_batch, scenario_of
from harness.scenario.fuzz.dice import Dice
from harness.scenario.schema import Lookup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.compare.explain import Explanation
    from harness.sandbox import Box
    from harness.scenario import LoadedScenario

_LINKS = "bridge", "bond", "vlan", "macvlan", "wireguard", "tun", "veth", "dummy", "vxlan"
_MARKS = {"not": True, "fwmark": "0x1f"}, {"table": 254, "suppress_prefixlength": 0}


def drawn(seed: int) -> Scenario:
    """A scenario as the fuzzer draws it, with what a snapshot copies and no answer depends on."""
    batch, dice = draw_batch(seed, 0), Dice(seed, 1)
    # plain ones: a snapshot asks for each name without hints
    names = {
        name: [text for text in batch.names[name] if "::ffff:" not in text] for name in batch.names
    }
    lookups = [Lookup(name=name) for name in names if names[name]][:2]
    conf = next((r.gai_conf for r in batch.rounds if r.gai_conf and len(r.gai_conf) < 4096), None)
    raw = scenario_of(batch, conf, lookups, f"drawn-{seed}").model_dump(by_alias=True)
    raw["names"] = {each.name: names[each.name or ""] for each in lookups}
    for name, interface in raw["host"]["interfaces"].items():
        if interface["kind"] == "ethernet" and name != "lo" and dice.chance(0.3):
            interface["kind"] = dice.one(_LINKS)
        for number, address in enumerate(interface["addresses"]):
            if dice.chance(0.1):
                address["metric"] = dice.number(1, 5000)
            if ":" not in address["address"] and dice.chance(0.1):
                address["label"] = f"{name}:{number}"
    # the kernel makes such routes itself, so that a copy of one is there already
    raw["host"]["routes"] = [
        route for route in raw["host"]["routes"] if route["type"] not in ("local", "broadcast")
    ]
    for rule in raw["host"]["rules"]:
        rule |= dice.one(_MARKS) if rule["type"] == "unicast" and dice.chance(0.4) else {}
    return Scenario.model_validate(raw)


def explain_all(box: Box, loaded: LoadedScenario) -> Iterator[Explanation]:
    """Explain every look-up of a scenario as if the sandbox were the live machine."""
    scenario = loaded.scenario
    box.build(scenario.host)
    box.set_names(scenario.names, scenario.resolver, scenario.dns.first_reply)
    box.set_gai_conf(loaded.gai_conf)
    for lookup in scenario.lookups:
        yield explain_live(lookup)


def ask_all(box: Box, loaded: LoadedScenario) -> Iterator[tuple[str, Answer]]:
    """What the name service says of every name."""
    scenario = loaded.scenario
    box.build(scenario.host)
    box.set_names(scenario.names, scenario.resolver, scenario.dns.first_reply)
    for name in scenario.names:
        yield name, ask(name)
