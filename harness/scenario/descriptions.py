"""What each key of a scenario file means, in the words editors and the reference show.

They stand here and not in the models, so that both stay short; `described` puts them into the
JSON Schema. Every key has its text and every text its key (tests/scenario/test_library.py).
"""

from __future__ import annotations

from typing import Any

# model -> key as it is written in the file -> its meaning
KEYS: dict[str, dict[str, str]] = {
    "Scenario": {
        "name": "What reports call it; letters, digits, dot, hyphen and underscore.",
        "description": "What it shows, in a sentence or two.",
        "host": "The host on which the look-ups are made.",
        "names": "What the name service knows: each name with its addresses, in the order in"
        " which they are handed over. `resolver: nss` also takes addresses with a %zone.",
        "resolver": "How names reach glibc: a hosts file, a DNS server on 127.0.0.1, or a name"
        " service module that hands them over exactly as listed, scope ids included.",
        "dns": "Settings of the DNS server; with `resolver: dns` only.",
        "gai_conf": "The host's gai.conf: its text, or a file by name. Without it the host has"
        " none, and glibc's own tables hold.",
        "lookups": "The calls of getaddrinfo to make, each in a process of its own. Together they"
        " may return 16,384 addresses; `socktype: any` returns each three times.",
        "left_out": "What of a real host a snapshot could not carry over.",
    },
    "Host": {
        "interfaces": "Each interface by its name, in the order of their indexes.",
        "routes": "Routes beside those the kernel makes for the networks of addresses.",
        "rules": "Routing rules beside the kernel's own three.",
        "default_rules": "`false` takes the kernel's own rules away (local, main, default).",
        "addrlabels": "The kernel's table of address labels as a whole, in place of its own.",
        "sysctls": "Kernel settings of the network namespace that bear on a look-up, such as"
        " net.ipv6.bindv6only: 1.",
    },
    "Interface": {
        "kind": "What kind of link it is. glibc tells apart `sit`, `tunnel` and `tunnel6` (not"
        " native, rule 7) from all others.",
        "up": "`false` leaves it down.",
        "table": "The routing table of a `vrf`: a number, local, main or default.",
        "interfaces": "The interfaces in a `vrf`.",
        "addresses": "Its addresses, in the order in which they are added.",
    },
    "Address": {
        "address": "The address with its prefix length; /32 or /128 when there is none.",
        "peer": "The other end of a point-to-point link. glibc files the address under it.",
        "label": "The label of an IPv4 address, such as eth0:1.",
        "flags": "`deprecated` and `optimistic` count for rule 3, `home` for rule 4; the others"
        " steer the kernel.",
        "scope": "The kernel's scope of an IPv4 address, which steers its choice of a source.",
        "metric": "The metric of the route to the address's network.",
    },
    "RouteSpec": {
        "to": "The destination: a prefix without host bits, or `default`.",
        "via": "The gateway.",
        "dev": "The interface.",
        "from": "The preferred source, an address of the host.",
        "type": "`unreachable`, `blackhole`, `prohibit` and `throw` make destinations"
        " unreachable, which rule 1 puts last.",
        "metric": "The lowest of several routes to one prefix is taken.",
        "on-link": "The gateway is on the link although no address says so.",
        "table": "The routing table: a number, local, main or default.",
        "scope": "The kernel's scope of an IPv4 route.",
        "pref": "The router preference of an IPv6 route (RFC 4191).",
        "source": "The route is for sources in this IPv6 prefix only.",
        "nexthops": "The ways of a multipath route, in place of via and dev.",
    },
    "NextHop": {
        "via": "The gateway.",
        "dev": "The interface.",
        "weight": "The share of this way.",
        "on-link": "The gateway is on the link although no address says so.",
    },
    "Rule": {
        "priority": "Rules are tried from the lowest number on.",
        "family": "inet or inet6, where neither from nor to says it.",
        "from": "Only for sources in this prefix.",
        "to": "Only for destinations in this prefix.",
        "iif": "Only for packets that came in by this interface; lo for the host's own.",
        "oif": "Only for sockets bound to this interface.",
        "fwmark": "Only for packets with this firewall mark, perhaps with a mask: 0x1/0xff.",
        "ipproto": "Only for this IP protocol; a look-up's socket is UDP, 17.",
        "not": "Turns the selectors round.",
        "table": "The table to look up: a number, local, main or default.",
        "goto": "Go on at the rule of this priority.",
        "type": "An end of the search, such as `unreachable`, in place of a table.",
        "suppress_prefixlength": "Do not take a route of this prefix length or shorter.",
    },
    "AddressLabel": {
        "prefix": "The IPv6 prefix, IPv4 as ::ffff:0:0/96.",
        "label": "Its label.",
        "dev": "Only for addresses of this interface.",
    },
    "Dns": {
        "first_reply": "The reply that arrives first when both families are asked for; its"
        " addresses come first before the sort.",
    },
    "GaiConfFile": {
        "file": "A file beside the scenario, or in the catalogue; its name ends in .conf.",
    },
    "Lookup": {
        "name": "The name to look up; without one, the service alone.",
        "service": "A service name or a port.",
        "family": "AF_UNSPEC, AF_INET or AF_INET6.",
        "socktype": "The type of socket; with `any` every address comes once for each type.",
        "protocol": "The number of an IP protocol; 0 for any.",
        "flags": "AI_ADDRCONFIG and so on, the AI_ in front or not.",
        "expect": "What must come out: one expectation or several, each for some versions or"
        " architectures. Without one, native and model must agree, and that is all.",
    },
    "Expect": {
        "order": "The addresses in order; each once, however many sockets there are.",
        "decided_by": "The rule that puts the first address before the second.",
        "error": "The error of getaddrinfo, in place of an order: EAI_NONAME and so on.",
        "glibc": "The versions it is stated for, such as >=2.31,<2.41; all without it.",
        "arch": "The architectures it is stated for, in Debian's words; all without it.",
    },
}


def described(schema: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema of a scenario with a description at every key; changes ``schema``.

    Parameters: ``schema`` as pydantic makes it. Raises KeyError for a key without a text.
    """
    _describe(schema, KEYS["Scenario"])
    for name, definition in schema["$defs"].items():
        # the short form of an address is a text beside the mapping
        for form in definition.get("anyOf", [definition]):
            if "properties" in form:
                _describe(form, KEYS[name])
    return schema


def _describe(form: dict[str, Any], texts: dict[str, str]) -> None:
    for key, value in form["properties"].items():
        value["description"] = texts[key]
        value.pop("title", None)
