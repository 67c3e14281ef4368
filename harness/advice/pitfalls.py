"""The pitfalls that applied: where glibc knew less of a source than the kernel does."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address

from harness.advice.accepted import accepted
from harness.model.address_table import AddressTable, address_table, candidates
from harness.model.addresses import as_ipv6_int, needs_scope
from harness.model.dialects import Dialect
from harness.model.dialects import dialect as dialect_of
from harness.model.gaiconf import parse_gai_conf
from harness.model.host import AddressRow, HostView
from harness.model.order import Destination, order_for
from harness.model.policy import Policy
from harness.model.transport import ProcessAborted
from harness.versions import SUPPORTED

# of link-local scope by default
_NEAR = IPv4Network("169.254.0.0/16"), IPv4Network("127.0.0.0/8")


@dataclass(frozen=True, slots=True)
class Pitfall:
    """One pitfall: a short name and the sentence that explains it."""

    name: str
    text: str


def find_pitfalls(
    known: Sequence[Destination], view: HostView, gai_conf: bytes | None, dialect: Dialect
) -> tuple[Pitfall, ...]:
    """The pitfalls that applied to these destinations on this host, most general first."""
    table = address_table(view.dumped)
    return (
        *_dropped(known, view, table, gai_conf, dialect),
        *_unlisted(known, view),
        *_scoped(known),
        *_peers(known, view, table),
        *_duplicates(known, table),
        *_partial_tables(known, gai_conf, dialect),
    )


def _matters(
    known: Sequence[Destination], view: HostView, gai_conf: bytes | None, dialect: Dialect
) -> bool:
    """Whether the lost table decided between two destinations, or would have decided if kept."""
    given = {item.target: item for item in sorted(known, key=lambda item: item.position)}
    if not any(item.reachable and item.address.version == 4 for item in given.values()):
        return False
    policy = Policy.build(gai_conf, dialect)
    link_local = AddressRow(0, IPv6Address("fe80::"), None, 64)
    kept = address_table((*view.addresses, link_local))
    steps = []
    for table in (address_table(view.dumped), kept):
        found = candidates(list(given), view, dialect, table)
        try:
            decisions = order_for(found, policy, dialect).decisions
        except ProcessAborted:
            return True
        steps.append([(d.before.target, d.rule, d.after.target) for d in decisions])
    by_table = (rule in (3, 4, 7, 9) and one.address.version == 4 for one, rule, _ in steps[0])
    return steps[0] != steps[1] or any(by_table)


def _dropped(
    known: Sequence[Destination],
    view: HostView,
    table: AddressTable,
    gai_conf: bytes | None,
    dialect: Dialect,
) -> Iterator[Pitfall]:
    if not table.dropped or not _matters(known, view, gai_conf, dialect):
        return
    shifts = {arch: dialect_of(dialect.glibc, arch).shift_by_32 for arch in SUPPORTED}
    others = ", ".join(arch for arch in SUPPORTED if shifts[arch] != dialect.shift_by_32)
    # those that shift alike give one answer, and so one text
    alike = [arch for arch in SUPPORTED if shifts[arch] == dialect.shift_by_32]
    processors = ", ".join(alike if dialect.arch in alike else [dialect.arch])
    if dialect.shift_by_32 == "modulo":
        effect = (
            f"on {processors} its mask then is /32, so only a destination that is "
            f"the source itself counts as near (on {others} it is /0)"
        )
    else:
        effect = (
            f"on {processors} its mask then is /0, so every destination counts by "
            f"its plain common prefix (on {others} it is /32)"
        )
        if not dialect.first_of_pair_keeps_top_bit:
            effect += (
                "; and one that differs from the source in the first bit counts by the bits "
                "behind it when it is the first of the two compared, by the compiler's doing"
            )
    yield Pitfall(
        "table-dropped",
        "IPv4-only host: glibc dropped the address table, so rule 9 saw prefix length 0; "
        f"{effect}. Rules 3, 4 and 7 saw no flags and no interface. One IPv6 address other "
        "than ::1, even a link-local one, brings the table back.",
    )


def _unlisted(known: Sequence[Destination], view: HostView) -> Iterator[Pitfall]:
    if not view.netlink:
        yield Pitfall(
            "no-netlink",
            "The process may open no netlink socket: glibc knows no address of the host, so rule 9 "
            "saw prefix length 0 and rules 3, 4 and 7 no flags and no interface; AI_ADDRCONFIG "
            "takes addresses of both families for there.",
        )
    names = [link.name for link in view.links if link.index in view.unlisted]
    if {item.index for item in known} & view.unlisted:
        yield Pitfall(
            "unlisted-link",
            "glibc reads the kernel's list of interfaces into one page, and one with many "
            f"alternative names does not fit in: the list ends before {', '.join(names)}, which "
            "rule 7 takes for not native.",
        )


def _scoped(known: Sequence[Destination]) -> Iterator[Pitfall]:
    for item in known:
        if needs_scope(item.address) and not item.target.scope_id:
            yield Pitfall(
                "no-scope-id",
                f"{item.address} came without a scope id, as hosts files, DNS and "
                "every look-up by family give link-local addresses: the kernel cannot reach it, "
                "so rule 1 puts it last.",
            )
            return


def _peers(known: Sequence[Destination], view: HostView, table: AddressTable) -> Iterable[Pitfall]:
    lost = {item.source for item in known if item.index is None and table.entries}
    return {
        row.local: Pitfall(
            "peer-address",
            f"{row.local} is a point-to-point address: glibc files it under its peer "
            f"{row.address} and does not find it, so it counts as prefix length 0, "
            "without flags and on an interface that is not native.",
        )
        for row in view.addresses
        if row.local in lost and None not in (row.local, row.address) and row.local != row.address
    }.values()


def _duplicates(known: Sequence[Destination], table: AddressTable) -> Iterable[Pitfall]:
    counts = Counter(entry.key for entry in table.entries)
    return {
        item.source: Pitfall(
            "address-twice",
            f"{item.source} is on {counts[as_ipv6_int(item.source)]} interfaces: glibc "
            f"took the entry its binary search happened on, interface "
            f"{item.index} with /{item.prefixlen}, whichever interface the route uses.",
        )
        for item in known
        if item.source is not None and counts[as_ipv6_int(item.source)] > 1
    }.values()


def _partial_tables(
    known: Sequence[Destination], gai_conf: bytes | None, dialect: Dialect
) -> Iterator[Pitfall]:
    conf = parse_gai_conf(gai_conf or b"", dialect)
    meant = {one.code for one in accepted(gai_conf or b"")}
    tables = (
        ("GAI011", "label", conf.labels, 8), ("GAI012", "precedence", conf.precedence, 5),
    )  # fmt: skip
    for code, keyword, lines, usual in tables:
        if lines and len(lines) < usual - 1 and code not in meant:
            yield Pitfall(
                "defaults-dropped",
                f"gai.conf has {len(lines)} {keyword} line{'s'[: len(lines) > 1]}: all "
                f"default {keyword} entries are gone, only ::/0 is added back.",
            )
    addresses = [one for item in known for one in (item.address, item.source) if one is not None]
    near = "GAI013" not in meant and any(one in network for one in addresses for network in _NEAR)
    if near and conf.scopes and not any(entry.prefix >> 16 == 0xA9FE for entry in conf.scopes):
        yield Pitfall(
            "defaults-dropped",
            "gai.conf has scopev4 lines: the link-local scopes of 169.254.0.0/16 and "
            "127.0.0.0/8 are gone unless listed.",
        )
