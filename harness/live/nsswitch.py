"""The hosts line of nsswitch.conf(5): which name services are asked, in which order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

NSSWITCH = Path("/etc/nsswitch.conf")
# What glibc does without a hosts line: nss/nsswitch.c, 2.31 to 2.44.
_DEFAULT = "dns [!UNAVAIL=return] files"
_STATUSES = ("SUCCESS", "NOTFOUND", "UNAVAIL", "TRYAGAIN")


@dataclass(frozen=True, slots=True)
class Service:
    """One service of the line; ``returns`` are the statuses after which no other is asked."""

    name: str
    returns: frozenset[str]


def hosts_services(text: str | None) -> tuple[Service, ...]:
    """The services of a nsswitch.conf's hosts line.

    Parameters: ``text`` the file's content, None where there is none. Raises nothing: what
    cannot be understood is passed over, as glibc does.
    """
    line = _DEFAULT
    for raw in (text or "").splitlines():
        database, colon, rest = raw.split("#", 1)[0].partition(":")
        if colon and database.strip() == "hosts":
            line = rest
    services: list[Service] = []
    for word in re.findall(r"\[[^\]]*\]|[^\s\[]+", line):
        if not word.startswith("["):
            services.append(Service(word, frozenset({"SUCCESS"})))
        elif services:
            last = services[-1]
            services[-1] = Service(last.name, _actions(word[1:-1], last.returns))
    return tuple(services)


def _actions(text: str, before: frozenset[str]) -> frozenset[str]:
    returns = set(before)
    for word in text.split():
        status, _, action = word.partition("=")
        negated = status.startswith("!")
        named = status.lstrip("!").upper()
        if named not in _STATUSES:
            continue
        meant = [s for s in _STATUSES if s != named] if negated else [named]
        for one in meant:
            if action.lower() == "return":
                returns.add(one)
            else:
                returns.discard(one)
    return frozenset(returns)
