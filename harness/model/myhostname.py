"""systemd's nss-myhostname: the host's own name, ``localhost``, ``_gateway`` and ``_outbound``.

It asks nobody: what it gives is what the kernel says of addresses and default routes, in an order
of its own. Sources: nss-myhostname(8); systemd's src/nss-myhostname/nss-myhostname.c,
src/shared/local-addresses.c and src/basic/hostname-util.c, 247 to 262.
"""

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address
from typing import Any

from harness.model.addresses import is_link_local
from harness.model.dialects import Dialect
from harness.model.host import OwnAddress, OwnNames, Target
from harness.model.netdb import AF

_VERSIONS = {AF.UNSPEC: (4, 6), AF.INET: (4,), AF.INET6: (6,)}
_UP_TO_247, _UP_TO_249 = (247,), (247, 249)  # of the values of the row `systemd`
_LOCAL = ("localhost", "localhost.localdomain")


def knows(name: str, hostname: str) -> bool:
    """Whether the module may have a name on the host called ``hostname``."""
    return _kind(name, hostname) is not None


def answer(
    own: OwnNames, name: str, family: int, dialect: Dialect
) -> tuple[str, tuple[Target, ...]] | None:
    """The canonical name and the addresses of a name in the module's order; None for NOTFOUND.

    AF.UNSPEC is gethostbyname4_r, which alone gives scope ids; a family is gethostbyname3_r.
    """
    known = (4, 6) if own.ipv6 or dialect.systemd in _UP_TO_247 else (4,)
    versions = [one for one in _VERSIONS[family] if one in known]
    kind = _kind(name, own.hostname)
    if kind is None or not versions:
        return None
    found: Iterable[OwnAddress] = ()
    fallback: tuple[str, ...] = ()
    match kind:
        case "localhost":
            fallback = "127.0.0.1", "::1"
        case "_gateway":
            found = own.gateways
        case "_outbound":
            found = _sources(own, dialect)
        case _:  # where it has no address of the family but of the loopback
            older = dialect.systemd in _UP_TO_249
            found = (one for one in own.addresses if older or not one.tentative)
            fallback = "127.0.0.2", "::1"
    listed = sorted(
        ((_key(one, dialect), one) for one in found if one.address.version in versions),
        key=lambda pair: pair[0],
    )
    if dialect.systemd not in _UP_TO_247:  # each once
        listed = [*dict(listed).items()]
    every = [Target(ip_address(text)) for text in fallback]
    targets = [_target(one, family) for _, one in listed] or [
        one for one in every if one.address.version in versions
    ]
    return (kind, tuple(targets)) if targets else None


def is_undefined(own: OwnNames, name: str, family: int, dialect: Dialect) -> bool:
    """Whether the module keeps a way without a gateway, as a gateway of no family.

    It then ends the process, or knows no name, as that one happens to be sorted.
    """
    asked = ("_gateway",) if dialect.systemd in _UP_TO_247 else ("_gateway", "_outbound")
    known = _kind(name, own.hostname) in asked
    return own.bare_way and dialect.systemd in _UP_TO_249 and not family and known


def _kind(name: str, hostname: str) -> str | None:
    """The canonical name of a name that the module knows."""
    plain = name.lower().removesuffix(".")
    if plain in _LOCAL or plain.endswith(tuple(f".{one}" for one in _LOCAL)):
        return "localhost"
    if plain in ("_gateway", "_outbound"):
        return plain
    # upper case is another name here, whatever DNS says
    return hostname if name in (hostname, f"{hostname}.") else None


def _sources(own: OwnNames, dialect: Dialect) -> Iterable[OwnAddress]:
    """The host's addresses that the ways to the gateways have as their source."""
    if dialect.systemd in _UP_TO_247:
        return
    older = dialect.systemd in _UP_TO_249
    for one in own.gateways:
        source = (None if older else one.preferred) or one.source
        if source is not None:
            yield OwnAddress(source, one.index, weight=one.weight if older else None)


def _key(one: OwnAddress, dialect: Dialect) -> tuple[Any, ...]:
    """IPv4 first, then scope, metric, weight, interface and the address itself."""
    if dialect.systemd in _UP_TO_249:  # the ways of a multipath route have no weight, no interface
        way: tuple[int, ...] = (one.index,) if one.weight is None else ()
    else:
        way = one.weight or 0, one.index
    return one.address.version, one.scope, one.metric, way, one.address.packed


def _target(one: OwnAddress, family: int) -> Target:
    scoped = isinstance(one.address, IPv6Address) and is_link_local(one.address) and not family
    return Target(one.address, one.index if scoped else 0)
