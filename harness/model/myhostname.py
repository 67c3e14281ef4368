"""systemd's nss-myhostname: the host's own name, ``localhost``, ``_gateway`` and ``_outbound``.

It asks nobody: what it gives is what the kernel says of addresses and default routes, in an order
of its own. Sources: nss-myhostname(8); systemd's src/nss-myhostname/nss-myhostname.c,
src/shared/local-addresses.c and src/basic/hostname-util.c, 247 to 262.
"""

from collections.abc import Iterable
from ipaddress import ip_address

from harness.model.dialects import Dialect
from harness.model.host import OwnAddress, OwnNames, Target

AF_UNSPEC, AF_INET, AF_INET6 = 0, 2, 10
_VERSIONS = {AF_UNSPEC: (4, 6), AF_INET: (4,), AF_INET6: (6,)}
# what the host's own name has where it has no address of the family but of the loopback
_FALLBACK = ("127.0.0.2", "::1")
_LOCAL = ("localhost", "localhost.localdomain")


def knows(name: str, hostname: str) -> bool:
    """Whether the module may have a name on the host called ``hostname``."""
    return _kind(name, hostname) is not None


def answer(
    own: OwnNames, name: str, family: int, dialect: Dialect
) -> tuple[str, tuple[Target, ...]] | None:
    """The canonical name and the addresses of a name in the module's order; None for NOTFOUND.

    AF_UNSPEC is gethostbyname4_r, which alone gives scope ids; a family is gethostbyname3_r.
    """
    ipv6 = own.ipv6 or dialect.systemd < 249  # which asks whether IPv6 is switched off
    versions = [one for one in _VERSIONS[family] if one == 4 or ipv6]
    kind = _kind(name, own.hostname)
    if kind is None or not versions:
        return None
    found: Iterable[OwnAddress] = ()
    if kind == "_gateway":
        found = own.gateways
    elif kind == "_outbound":
        found = _sources(own, dialect) if dialect.systemd >= 249 else ()
    elif kind != "localhost":
        late = dialect.systemd >= 257  # which leaves tentative addresses out
        found = (one for one in own.addresses if not (late and one.tentative))
    listed = sorted(
        ((_key(one, dialect), one) for one in found if one.address.version in versions),
        key=lambda pair: pair[0],
    )
    if dialect.systemd >= 249:  # each once
        listed = [*dict(listed).items()]
    targets = [_target(one, family) for _, one in listed]
    if not targets and kind.startswith("_"):
        return None
    if not targets:
        local = ("127.0.0.1", "::1") if kind == "localhost" else _FALLBACK
        every = [Target(ip_address(text)) for text in local]
        targets = [one for one in every if one.address.version in versions]
    return kind, tuple(targets)


def is_undefined(own: OwnNames, name: str, family: int, dialect: Dialect) -> bool:
    """Whether the module keeps a way without a gateway, as a gateway of no family.

    It then ends the process, or knows no name, as that one happens to be sorted.
    """
    asked = ("_gateway",) if dialect.systemd < 249 else ("_gateway", "_outbound")
    known = _kind(name, own.hostname) in asked
    return own.bare_way and dialect.systemd < 257 and family == AF_UNSPEC and known


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
    late = dialect.systemd >= 257
    for one in own.gateways:
        source = (one.preferred if late else None) or one.source
        if source is not None:
            yield OwnAddress(source, one.index, weight=None if late else one.weight)


def _key(one: OwnAddress, dialect: Dialect) -> tuple[int | bytes, ...]:
    """IPv4 first, then scope, metric, weight, interface and the address itself."""
    if dialect.systemd < 257:  # the ways of a multipath route have no weight and no interface
        weight, index = 0, one.index if one.weight is None else 0
    else:
        weight, index = one.weight or 0, one.index
    return one.address.version, one.scope, one.metric, weight, index, one.address.packed


def _target(one: OwnAddress, family: int) -> Target:
    scoped = family == AF_UNSPEC and one.address.version == 6 and one.address.is_link_local
    return Target(one.address, one.index if scoped else 0)
