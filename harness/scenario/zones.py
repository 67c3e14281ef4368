"""Zones of addresses: ``%eth0`` in names and expectations, and who can carry one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import bad, some

if TYPE_CHECKING:
    from .schema import Scenario


def check_zones(scenario: Scenario) -> None:
    """Check every %zone of a scenario whose parts are valid by themselves.

    Parameters: ``scenario``. Raises the error of `errors.bad` for the first fault.
    """
    known = dict.fromkeys([*scenario.host.interfaces, "lo"])
    for name, addresses in scenario.names.items():
        for position, text in enumerate(addresses):
            if "%" in text and scenario.resolver != "nss":
                raise bad(
                    "an address without %zone, or resolver: nss: neither a hosts file nor a "
                    "DNS record can carry a scope",
                    text,
                    at=("names", name, position),
                )
            _check(text, known, ("names", name, position))
    for number, lookup in enumerate(scenario.lookups):
        for which, expect in enumerate(lookup.expect):
            for position, text in enumerate(expect.order or ()):
                at = ("lookups", number, "expect", which, "order", position)
                _check(text, known, at)


def _check(text: str, known: dict[str, None], at: tuple[str | int, ...]) -> None:
    _, percent, zone = text.partition("%")
    if not percent or zone in known:
        return
    if not (zone.isascii() and zone.isdecimal() and len(zone) <= 10 and int(zone) < 1 << 32):
        raise bad(f"as zone an interface of the host ({some([*known])}) or a number", text, at=at)
