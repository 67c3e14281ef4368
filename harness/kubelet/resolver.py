"""Which resolver a kubelet built with cgo asks: glibc's getaddrinfo or Go's own.

A Go program built with cgo asks getaddrinfo only where it finds something it does not
understand; with a plain ``hosts: files dns`` it uses Go's own resolver, like one built without.
Source: golang/go, src/net/conf.go and nss.go, Go 1.19; 1.21 asks about .local names only where
an mdns service is named, and calls the gateway's name _gateway.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import Field

from harness.live.names import hosts_line, hosts_words
from harness.model.golang_names import is_usual
from harness.scenario.schema import Host, Scenario

Resolver = Literal["cgo", "go"]
_GO_OPTIONS = (
    "rotate", "single-request", "single-request-reopen", "use-vc", "usevc", "tcp", "trust-ad",
    "edns0",
)  # fmt: skip
_GATEWAYS = ("gateway", "_gateway", "_outbound")


@dataclass(frozen=True, slots=True)
class Chosen:
    """The resolver and the reason."""

    resolver: Annotated[Resolver, Field(serialization_alias="name")]
    why: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What Go looks at before it chooses: the text of nsswitch.conf, None where there is none,
    the machine's name, whether /etc/mdns.allow exists, and the text of resolv.conf.
    """

    nsswitch: str | None
    hostname: str
    mdns_allow: bool = False
    resolv_conf: str = ""

    @classmethod
    def of(cls, scenario: Scenario, hostname: str) -> Self:
        """Those of a scenario's host, whose name may be given otherwise."""
        service = scenario.name_service
        lines = [] if service is None else service.resolv_conf_lines()
        own = scenario.host.hostname
        return cls(
            f"hosts: {scenario.seen_hosts_line}\n",
            hostname if own == Host().hostname else own,
            resolv_conf="".join(f"{line}\n" for line in lines),
        )


def choose_resolver(name: str, around: Surroundings) -> Chosen:
    """Which resolver net.LookupIP of a program built with cgo uses for ``name``.

    Its environment, in which ``GODEBUG=netdns=go`` overrides everything, is not known here.
    """
    if strange := _unknown_to_go(around.resolv_conf):
        return Chosen("cgo", f"resolv.conf has {strange}, which Go does not know")
    plain = name.rstrip(".").lower()
    if "\\" in plain or "%" in plain:
        return Chosen("cgo", f"{name} is no ordinary name")
    if plain.endswith(".local"):
        return Chosen("cgo", f"{name} ends in .local")
    sources = hosts_line(around.nsswitch)
    if not sources:
        return Chosen("go", "nsswitch.conf has no hosts line")
    mdns = False
    for source, criteria in sources:
        if source == "myhostname":
            local = re.fullmatch(r"(.*\.)?localhost(\.localdomain)?", plain)
            if local or plain in _GATEWAYS or plain == around.hostname.lower():
                return Chosen("cgo", f"nsswitch.conf names myhostname, which knows {name}")
        elif source in ("files", "dns"):
            if not is_usual(criteria):
                return Chosen("cgo", f"nsswitch.conf has conditions after {source}")
        elif source.startswith("mdns"):
            mdns = True
        else:
            return Chosen("cgo", f"nsswitch.conf names {source}, which Go does not know")
    if mdns and around.mdns_allow:
        return Chosen("cgo", "there is a file /etc/mdns.allow")
    words = " ".join((hosts_words(around.nsswitch) or "").split())
    if not {"files", "dns"} & {source for source, _ in sources}:
        return Chosen("cgo", f"nsswitch.conf has hosts: {words}")
    return Chosen("go", f"Go understands hosts: {words} and asks no getaddrinfo")


def _unknown_to_go(resolv_conf: str) -> str:
    """The first word of a resolv.conf that Go does not know: src/net/dnsconfig_unix.go, Go 1.19."""
    for keyword, *words in filter(None, map(str.split, resolv_conf.splitlines())):
        if keyword[0] in "#;":
            continue
        if keyword not in ("nameserver", "domain", "search", "options", "lookup"):
            return keyword
        for word in words if keyword == "options" else ():
            if word not in _GO_OPTIONS and not word.startswith(("ndots:", "timeout:", "attempts:")):
                return f"the option {word}"
    return ""
