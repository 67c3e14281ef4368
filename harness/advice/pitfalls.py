"""The pitfalls that applied: where glibc knew less of a source than the kernel does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from harness.model.addresses import as_ipv6_int
from harness.model.dialects import Dialect
from harness.model.dialects import dialect as dialect_of
from harness.model.gaiconf import parse_gai_conf
from harness.model.host import HostView
from harness.model.order import Destination
from harness.model.table import AddressTable, address_table
from harness.versions import SUPPORTED


@dataclass(frozen=True, slots=True)
class Pitfall:
    """One pitfall: a short name and the sentence that explains it."""

    name: str
    text: str


def find_pitfalls(
    known: Sequence[Destination], view: HostView, gai_conf: bytes | None, dialect: Dialect
) -> tuple[Pitfall, ...]:
    """The pitfalls that applied to these destinations on this host, most general first."""
    table = address_table(view.addresses)
    found = [
        _dropped(known, table, dialect),
        _scoped(known),
        *_peers(known, view, table),
        *_duplicates(known, table),
        *_partial_tables(gai_conf, dialect),
    ]
    return tuple(pitfall for pitfall in found if pitfall is not None)


def _dropped(known: Sequence[Destination], table: AddressTable, dialect: Dialect) -> Pitfall | None:
    four = [item for item in known if item.reachable and item.address.version == 4]
    if not table.dropped or not four:
        return None
    others = ", ".join(arch for arch in SUPPORTED if _shift(dialect, arch) != dialect.shift_by_32)
    if dialect.shift_by_32 == "modulo":
        effect = (
            f"on {_processors(dialect)} its mask then is /32, so only a destination that is "
            f"the source itself counts as near (on {others} it is /0)"
        )
    else:
        effect = (
            f"on {_processors(dialect)} its mask then is /0, so every destination counts by "
            f"its plain common prefix (on {others} it is /32)"
        )
        if not dialect.first_of_pair_keeps_top_bit:
            effect += (
                "; and one that differs from the source in the first bit counts by the bits "
                "behind it when it is the first of the two compared, by the compiler's doing"
            )
    return Pitfall(
        "table-dropped",
        "IPv4-only host: glibc dropped the address table, so rule 9 saw prefix length 0; "
        f"{effect}. Rules 3, 4 and 7 saw no flags and no interface. One IPv6 address other "
        "than ::1, even a link-local one, brings the table back.",
    )


def _shift(dialect: Dialect, arch: str) -> str:
    return dialect_of(dialect.glibc, arch).shift_by_32


def _processors(dialect: Dialect) -> str:
    """The processor, and those that shift alike: they give one answer, and so one text."""
    alike = [arch for arch in SUPPORTED if _shift(dialect, arch) == dialect.shift_by_32]
    return ", ".join(alike if dialect.arch in alike else [dialect.arch])


def _scoped(known: Sequence[Destination]) -> Pitfall | None:
    for item in known:
        if item.address.is_link_local and item.address.version == 6 and not item.target.scope_id:
            return Pitfall(
                "no-scope-id",
                f"{item.address} came without a scope id, as hosts files, DNS and "
                "every look-up by family give link-local addresses: the kernel cannot reach it, "
                "so rule 1 puts it last.",
            )
    return None


def _peers(known: Sequence[Destination], view: HostView, table: AddressTable) -> list[Pitfall]:
    if table.dropped:
        return []
    pitfalls = {}
    lost = {item.source for item in known if item.index is None}
    for row in view.addresses:
        if row.local is None or row.address is None or row.local == row.address:
            continue
        if row.local in lost:
            pitfalls[row.local] = Pitfall(
                "peer-address",
                f"{row.local} is a point-to-point address: glibc files it under its peer "
                f"{row.address} and does not find it, so it counts as prefix length 0, "
                "without flags and on an interface that is not native.",
            )
    return list(pitfalls.values())


def _duplicates(known: Sequence[Destination], table: AddressTable) -> list[Pitfall]:
    counts = Counter(entry.key for entry in table.entries)
    pitfalls = {}
    for item in known:
        if item.source is not None and counts[as_ipv6_int(item.source)] > 1:
            pitfalls[item.source] = Pitfall(
                "address-twice",
                f"{item.source} is on {counts[as_ipv6_int(item.source)]} interfaces: glibc "
                f"took the entry its binary search happened on, interface "
                f"{item.index} with /{item.prefixlen}, whichever interface the route uses.",
            )
    return list(pitfalls.values())


def _partial_tables(gai_conf: bytes | None, dialect: Dialect) -> list[Pitfall]:
    conf = parse_gai_conf(gai_conf or b"", dialect)
    pitfalls = []
    tables = (("label", conf.labels, 8), ("precedence", conf.precedence, 5))
    for keyword, lines, usual in tables:
        if lines and len(lines) < usual - 1:
            pitfalls.append(
                Pitfall(
                    "defaults-dropped",
                    f"gai.conf has {len(lines)} {keyword} line{'s'[: len(lines) > 1]}: all "
                    f"default {keyword} entries are gone, only ::/0 is added back.",
                )
            )
    if conf.scopes and not any(entry.prefix >> 16 == 0xA9FE for entry in conf.scopes):
        pitfalls.append(
            Pitfall(
                "defaults-dropped",
                "gai.conf has scopev4 lines: the link-local scopes of 169.254.0.0/16 and "
                "127.0.0.0/8 are gone unless listed.",
            )
        )
    return pitfalls
