"""What runs inside a sandbox for these tests: there /etc is private, all else is the machine's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.compare.live import explain_live
from harness.live.names import Answer, ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.compare.explain import Explanation
    from harness.sandbox import Box
    from harness.scenario import LoadedScenario


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
