"""Look-ups of names that nobody knows: most are mistyped, and would pass as EAI_NONAME."""

from collections.abc import Iterator

from harness.model.addresses import inet_aton, inet_pton6
from harness.model.dns_servers import ascii_lower
from harness.model.myhostname import knows
from harness.text.nearest import did_you_mean

from .nameservice import plain_name
from .schema import Scenario

_NEVER = ".invalid"  # RFC 6761: a name that nobody ever has, and so none that was mistyped


def unknown_names(scenario: Scenario) -> Iterator[tuple[int, str]]:
    """The look-ups of names that no name service of the scenario holds, unless that is meant.

    It is meant where an expectation has an error, and for names below ``invalid``. Numbers,
    ``localhost`` and the host's own name need nobody who knows them.

    Yields:
        The number of the look-up, from 0, and what was expected of its name, in words. A name that
        would be escaped is among them.
    """
    service = scenario.served
    known = (
        {plain_name(name): name for name in scenario.names} if service is None else service.known()
    )
    for number, lookup in enumerate(scenario.lookups):
        if lookup.name and "\\" in lookup.name and scenario.asks("dns"):
            yield number, "a name without \\, by which a question to DNS escapes what follows"
        if lookup.name is None or lookup.name == "*" or any(one.error for one in lookup.expect):
            continue
        name = plain_name(lookup.name)
        asked = () if service is None else service.spellings(ascii_lower(lookup.name))
        if name in known or not known.keys().isdisjoint(asked):
            continue
        own = scenario.host.hostname
        if name in ("localhost", plain_name(own)) or name.endswith(_NEVER) or _numeric(name):
            continue
        if scenario.asks("myhostname") and knows(lookup.name, own):
            continue
        perhaps = did_you_mean(name, known.values(), "{!r}")
        meant = "expect: {error: EAI_NONAME} where nobody shall know it"
        place = "names" if service is None else "name_service"
        yield number, f"a name that {place} has, or {meant}{perhaps}"


def _numeric(name: str) -> bool:
    return inet_aton(name) is not None or inet_pton6(name.partition("%")[0]) is not None
