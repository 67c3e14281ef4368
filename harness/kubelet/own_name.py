"""Whether a look-up of a host's own name says what a kubelet is answered there."""

from collections.abc import Iterable, Mapping

from harness.compare.predict import lookup_title
from harness.kubelet.resolver import Surroundings, choose_resolver
from harness.kubelet.run import surroundings
from harness.scenario import Scenario
from harness.scenario.schema import Host
from harness.text.errors import show


def on_this_host(name: str | None) -> str:
    """`not_from_glibc` of a name looked up on this host as it is."""
    return "" if name is None else not_from_glibc(name, surroundings())


def in_scenarios(scenarios: Iterable[Scenario]) -> Mapping[tuple[str, str], str]:
    """`not_from_glibc` of every look-up, by the scenario's name and its own title.

    A host whose name is not given is nobody's: nothing is said of it.
    """
    return {
        (one.name, lookup_title(lookup)): not_from_glibc(
            lookup.name, Surroundings.of(one, one.host.hostname)
        )
        for one in scenarios
        for lookup in one.lookups
        if one.host.hostname != Host().hostname and lookup.name is not None
    }


def not_from_glibc(name: str, around: Surroundings) -> str:
    """That Go programs ask another than glibc for the host's own name, in a line.

    Args:
        name: A name looked up on the host.
        around: What Go sees on it.

    Returns:
        "" for another machine's name, and where Go calls getaddrinfo too.
    """
    if not _own(name, around.hostname):
        return ""
    chosen = choose_resolver(name, around)
    if chosen.resolver == "cgo":
        return ""
    return (
        f"{show(name)} is the host's own name, and this is what glibc makes of it; a kubelet"
        f" or another Go program asks Go's own resolver ({chosen.why}), whose answer"
        " gai-harness kubelet has"
    )


def _own(name: str, hostname: str) -> bool:
    """Whether a name is the host's, with its domain or without."""
    asked, own = (text.rstrip(".").lower() for text in (name, hostname))
    return asked == own or (
        ("." in asked) is not ("." in own) and asked.partition(".")[0] == own.partition(".")[0]
    )
