"""What differs between glibc versions and processors, as one table.

A new glibc is a new row here, at the field of `Dialect` that it changes; no rule asks for a version
number. Every row names the behaviour, where it begins to hold and the evidence for it: [run], or
[read] in the public history, where a commit's number is glibc's own. `FIRST_RUN` is the oldest
release that can be run here; what is older is read only. A row begins where the release's branch
has it, which distributions build; a release as it was tagged may follow the value before. The table
is complete from 2.9 on, as far as has been read. What is known of 2.5 to 2.8 stands here for the
record, but not all of it: up to 2.7 rule 7 compares temporary addresses, the Teredo label comes
with 2.7, ::1 is link-local from 2.9, and up to 2.8 a look-up for both families asks for IPv6 first.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Any

from harness.text.nearest import did_you_mean
from harness.versions import ARCHITECTURES, Version

NEWEST = "2.44"
"""The newest glibc that the table was confirmed on by runs."""
COMPLETE_FROM = "2.9"
"""From here on the table is complete, as far as has been read."""
FIRST_RUN = "2.17"
"""The oldest glibc the worker starts under: it takes symbols of that version (clock_gettime)."""
_FIRST = (2, 5)
_32BIT = frozenset(row.name for row in ARCHITECTURES.values() if row.bits == 32)
_SHIFT_TO_ZERO = frozenset({"armhf", "armel", "ppc64el", "s390x"})


@dataclass(frozen=True, slots=True)
class Row:
    """One boundary: ``feature`` takes ``value`` from glibc ``since`` on (and on ``archs`` only)."""

    feature: str
    since: tuple[int, int]
    value: bool | int | str
    evidence: str
    archs: frozenset[str] | None = None


def _rows(*rows: tuple[Any, ...]) -> Any:
    """A feature: from which release on it has which value, why, and the processors if not all."""
    return field(metadata={"rows": rows})


def _since(release: tuple[int, int], before: str, after: str) -> Any:
    """A feature that is off in the beginning and on from a release on, with both evidences."""
    return _rows((_FIRST, False, before), (release, True, after))


@dataclass(frozen=True, slots=True)
class Dialect:
    """One glibc on one processor: the value of every feature, each with its rows of `ROWS`.

    Two dialects are equal when all features are, whatever versions they belong to.
    """

    glibc: str = field(compare=False)
    arch: str
    # fmt: off
    rule9_ipv4_in_subnet_only: bool = _since(
        (2, 8), "plain longest match up to 2.7 [read]",
        "the common prefix of IPv4 addresses counts inside the source's subnet only [run: suite "
        "rule9, 2.31 to 2.44]",
    )
    scopev4_configurable: bool = _since(
        (2, 8), "scopev4 is unknown up to 2.7 [read]", "gai.conf scopev4 [run: gaiconf-scopev4]",
    )
    rfc1918_is_global: bool = _since(
        (2, 17), "10/8, 172.16/12, 192.168/16 site-local [read]",
        "IPv4 private addresses are global scope [run]",
    )
    loopback_source_by_127_0_0_1: bool = _since(
        (2, 19), "127/8 is looked up as it is [read]",
        "a source in 127/8 is looked up as 127.0.0.1 when the socket was AF_INET [run]",
    )
    families_asked_together: bool = _rows(
        (_FIRST, False, "a name service is asked for each family by itself [read]"),
        ((2, 9), True,
         "where a service offers both families at once, that look-up serves AF_INET6 too, and "
         "AF_INET with AI_CANONNAME: scope ids survive, and mapped addresses stay at their places "
         "[read: 1eb946b935]"),
        ((2, 17), False,
         "both families are asked for at once by AF_UNSPEC only [read: 8479f23aa1; run]"),
    )
    mapped_beside_ipv6: bool = _rows(
        (_FIRST, True, "AF_INET6 with AI_V4MAPPED and AI_ALL gives both [read]"),
        ((2, 24), False,
         "with AF_INET6, AI_V4MAPPED and AI_ALL the IPv4 addresses take the place of the IPv6 "
         "ones [read: 4ab2ab03d4]"),
        ((2, 26), True,
         "AF_INET6 with AI_V4MAPPED and AI_ALL gives both again [read: 5cf88a83f2, bug 21295; "
         "run]"),
    )
    rule7_fills_in_unknown: bool = _rows(
        (_FIRST, False, "rule 7 looks at no interfaces up to 2.7 [read]"),
        ((2, 8), True,
         "what rule 7 finds out of a native interface is also noted for unknown ones, and where "
         "they had another note an assertion ends the process (see `transport`) [read]"),
        ((2, 19), False,
         "an unknown interface never counts as native [read: 894f3f1049, bug 9954; run]"),
    )
    zone_numbers_checked: bool = _since(
        (2, 25),
        "the zone of a numeric name is strtoul's: empty, with blanks, sign and wrap-around [read]",
        "a zone is digits below 2**32 [read: 80d8cb91de; run]",
    )
    node_local_zone_names: bool = _since(
        (2, 26),
        "a name of an interface is a zone of fe80::/10 and link-local multicast only [read]",
        "and of node-local multicast [read: f768b45020, bug 21657; run]",
    )
    interface_names_whole: bool = _since(
        (2, 26), "of a zone of more than 15 bytes the first 15 are the interface's name [read]",
        "it is no interface's [read: 2180fee114 of 2.27, bug 22442, in the branch of 2.26 too; "
        "run]",
    )
    no_data_told_by_family: bool = _since(
        (2, 27),
        "a look-up for one family says EAI_NONAME of a name without such addresses, unless a "
        "module sets errno too; DNS does so after a failure, which is EAI_AGAIN [read]",
        "EAI_NODATA where the service tells it, and EAI_SYSTEM where its module is missing or DNS "
        "tells of an error of its own [read: a2881ef014, 5f8340f583, f4a6be2582, 53250a21b8, bug "
        "21922; run]",
    )
    unavailable_is_system_error: bool = _rows(
        (_FIRST, False, "a last service that is not there is told by its own error [read]"),
        ((2, 17), True,
         "where the last service asked is not there, no DNS server or no module, that is "
         "EAI_SYSTEM [read: cfde9b463d]"),
        ((2, 18), False,
         "where no DNS server answers that is EAI_AGAIN [read: 3d04f5db20, bug 15339; run]"),
    )
    failure_of_both_told: bool = _rows(
        (_FIRST, True, "a failure of DNS for both families at once is EAI_AGAIN [read]"),
        ((2, 12), False,
         "a failure of DNS for both families at once is EAI_NONAME [read: a682a1bf55]"),
        ((2, 20), True, "it is EAI_AGAIN again [read: cf26a0cb6a, bug 16849; run]"),
    )
    numeric_names_whole: bool = _since(
        (2, 29), "a blank ends an IPv4 address, whatever follows it [read]",
        "an IPv4 address is the whole name [read: 108bc4049f, CVE-2016-10739; run]",
    )
    files_keep_errno: bool = _since(
        (2, 32),
        "the files service sets errno when it reads a line, and a plain IPv4 look-up then takes a "
        "DNS failure after it for EAI_NODATA [run: 2.31]",
        "the files service leaves errno as it is [run: 2.36 to 2.44; bdee910e88 of 2.32 reads its "
        "lines anew]",
    )
    absent_hosts_is_no_data: bool = _rows(
        # of no processor: it is no matter of versions, and a build is told it
        (_FIRST, True,
         "without a hosts file the files service tells a look-up for both families of no data "
         "[read; run: 2.39 as released]", frozenset()),
        (_FIRST, False,
         "it says that it does not know the name [read: Debian's patch since 2.10; run: Debian's "
         "2.31 to 2.44]"),
    )
    files_before_dns: bool = _since(
        (2, 35),
        "where nsswitch.conf has no hosts line that is dns [!UNAVAIL=return] files [read: bug "
        "28700; run: 2.31]",
        "it is files dns [read: bug 28700; run: 2.36]",
    )
    continue_discards: bool = _since(
        (2, 36),
        "after a service with [SUCCESS=continue] or [SUCCESS=merge] its addresses are kept, and "
        "those of the next follow; where both families are asked for at once, the next one "
        "overwrites them in memory, and what comes of it is undefined [run: 2.31]",
        "[SUCCESS=continue] drops the addresses, and merging ends the look-up without any [read: "
        "1c37b8022e, bug 28931; run]",
    )
    last_family_noted: bool = _since(
        (2, 36),
        "of a service that gives one family at a time it stays known that IPv6 was found [run: "
        "2.31]",
        "IPv4 that is found after IPv6 makes glibc forget that IPv6 was [read; run]",
    )
    no_aaaa_known: bool = _since(
        (2, 36), "resolv.conf's no-aaaa is not known [run: 2.31]",
        "with resolv.conf's no-aaaa DNS gives no IPv6 address [read: f282cdbe7f; run]",
    )
    empty_answers_alike: bool = _since(
        (2, 36),
        "of a DNS answer without an address, one with nothing but records of other types is a "
        "failure with errno for both families at once, and one with CNAME records alone is "
        "NOTFOUND for one family [run: 2.31]",
        "for both families at once it is NOTFOUND, for one family TRYAGAIN, whatever is in it "
        "[read: 1d495912a7, d101d836e7 of 2.37, in the branch of 2.36 too; run: Debian's 2.36]",
    )
    owners_compared: bool = _since(
        (2, 36),
        "of a DNS answer to a question for both families at once every address counts, whatever "
        "name it is of [read; run: 2.31]",
        "only those of the name asked for, or of the end of its CNAME records [read; run: Debian's "
        "2.36]",
    )
    short_errors_match: bool = _since(
        (2, 36), "a DNS error that leaves the question out is waited past [run: 2.31]",
        "it is an error as any [read: 691a3b2e9b of 2.41, bug 31890, in the branches from 2.36 on "
        "too; run: Debian's 2.36]",
    )
    strict_error_known: bool = _since(
        (2, 41), "resolv.conf's strict-error is not known [run: 2.31, 2.36]",
        "with resolv.conf's strict-error one error in place of a reply sends glibc to the next "
        "server [read: 765325951a, bug 27929; run]",
    )
    merge_ends_lookup: bool = _since(
        (2, 41),
        "[SUCCESS=merge] in a plain IPv4 look-up: that hosts cannot be merged is seen and "
        "forgotten [run: 2.31, 2.36]",
        "[SUCCESS=merge] ends a plain IPv4 look-up [read: 0fceed2545, bug 33361, in older branches "
        "too; run: Debian's 2.41 to 2.44]",
    )
    gaiconf_numbers_checked: bool = _since(
        (2, 41),
        "a missing value is 0, an empty length /0, a missing length undefined [run: 2.31, 2.36]",
        "lines with a missing number are dropped, no length means a host [run: 2.41, 2.43, 2.44]",
    )
    mptcp_known: bool = _since(
        (2, 42), "IPPROTO_MPTCP is no protocol getaddrinfo knows [read]",
        "IPPROTO_MPTCP accepted as a hint [read]",
    )
    systemd: int = _rows(
        (_FIRST, 247,
         "the nss-myhostname beside it knows no _outbound, gives an address twice that is there "
         "twice, and ::1 where IPv6 is switched off [read; run: Debian's 247 with 2.31]"),
        ((2, 34), 249,
         "the nss-myhostname that distributions have beside it knows _outbound, gives each "
         "address once, and no ::1 where IPv6 is switched off [read; run: Debian's 252 with 2.36]"),
        ((2, 41), 257,
         "the nss-myhostname that distributions have beside it leaves tentative addresses out, "
         "and minds a route's preferred source and weights [read; run: Debian's 257 and 262 with "
         "2.41 to 2.44]"),
    )
    shift_by_32: str = _rows(
        (_FIRST, "modulo",
         "0xffffffff << 32 shifts modulo 32 and gives all ones: prefix length 0 means /32 [run: "
         "amd64, i386, arm64, riscv64, 2.31 to 2.44]"),
        (_FIRST, "zero",
         "0xffffffff << 32 gives 0: prefix length 0 means every address is in the subnet [run: "
         "armhf, ppc64el, s390x, 2.31 to 2.44; armel is armhf's instruction set]", _SHIFT_TO_ZERO),
    )
    first_of_pair_keeps_top_bit: bool = _rows(
        (_FIRST, True, "both destinations of a comparison alike [run]"),
        ((2, 36), False,
         "the compiler took 0xffffffff << 32 for impossible and left out the test of the top bit "
         "for the first of the two destinations compared: one that differs from the source there "
         "counts by the bits behind it [run: Debian's 2.36, built by GCC 12.2; read there in the "
         "machine code of ppc64el]", _SHIFT_TO_ZERO),
        ((2, 37), True,
         "both destinations alike again [run: 2.41 to 2.44, built by GCC 14 and 15]"),
    )
    word_bits: int = _rows(
        (_FIRST, 64, "strtoul's range is that of unsigned long [run]"),
        (_FIRST, 32, "strtoul's range is that of unsigned long [run]", _32BIT),
    )
    # fmt: on

    def netmask(self, prefixlen: int) -> int:
        """The IPv4 netmask of ``prefixlen`` bits, whose shift by 32 is up to the processor."""
        if not prefixlen:
            return 0xFFFFFFFF if self.shift_by_32 == "modulo" else 0
        return 0xFFFFFFFF << (32 - prefixlen) & 0xFFFFFFFF


ROWS: tuple[Row, ...] = tuple(
    Row(each.name, *row) for each in fields(Dialect) for row in each.metadata.get("rows", ())
)
"""The whole table."""
FEATURES: dict[str, tuple[Any, ...]] = {
    row.feature: tuple(dict.fromkeys(each.value for each in ROWS if each.feature == row.feature))
    for row in ROWS
}
"""Each feature of the table with the values it takes."""
TOLD = "as the build was told"
"""The evidence of a row that a build was told, in the place of its version's."""


@lru_cache(maxsize=64)
def dialect(glibc: str, arch: str = "amd64") -> Dialect:
    """The dialect of glibc ``glibc`` on ``arch`` (Debian's name).

    Raises ValueError for versions before 2.5, where the table begins.
    """
    values: dict[str, Any] = {name: row.value for name, row in _holding(glibc, arch).items()}
    if not values:
        raise ValueError(f"glibc {glibc}: the model begins with 2.5")
    return Dialect(glibc, arch, **values)


def beyond_model(glibc: str) -> bool:
    """Whether a release is newer than the newest one the table knows."""
    return Version.parse(glibc).release > Version.parse(NEWEST).release


def default_hosts(glibc: str) -> str:
    """The hosts line that counts where nsswitch.conf has none."""
    return "files dns" if dialect(glibc).files_before_dns else "dns [!UNAVAIL=return] files"


def differences(one: Dialect, other: Dialect) -> tuple[Row, ...]:
    """The rows that hold for ``other`` where ``one`` has another value, in the table's order.

    Where ``other`` was told to differ from its version, that stands in the place of the evidence.

    >>> [row.feature for row in differences(dialect("2.41"), dialect("2.43"))]
    ['mptcp_known']
    """
    holding = _holding(other.glibc, other.arch)
    values = ((row, getattr(other, feature)) for feature, row in holding.items())
    return tuple(
        row if row.value == value else replace(row, value=value, evidence=TOLD)
        for row, value in values
        if getattr(one, row.feature) != value
    )


def told(dialect: Dialect, rows: Iterable[str]) -> Dialect:
    """The dialect of a build that was told to differ from its version.

    ``rows`` are NAME=VALUE, as `ROWS` has the features and `shown` their values. Raises
    ValueError, in one line with the nearest name, for what is none.
    """
    changes: dict[str, Any] = {}
    for text in rows:
        name, _, value = text.partition("=")
        if name not in FEATURES:
            raise ValueError(
                f"{text}: NAME=VALUE of a row of the dialect table was expected"
                + (did_you_mean(name, FEATURES) or f": {', '.join(FEATURES)}")
            )
        known = {shown(each): each for each in FEATURES[name]}
        if value not in known:
            perhaps = did_you_mean(value, known, f"{name}={{}}")
            raise ValueError(f"{text}: {name} is {' or '.join(known)}{perhaps}")
        if changes.get(name, known[value]) != known[value]:
            raise ValueError(f"{name}={shown(changes[name])} and {text}: a row has one value")
        changes[name] = known[value]
    return replace(dialect, **changes) if changes else dialect


def turned(dialect: Dialect) -> dict[str, Dialect]:
    """For each feature of the dialect table, the dialect with the other value of it."""
    others = {
        feature: next(value for value in values if value != getattr(dialect, feature))
        for feature, values in FEATURES.items()
    }
    return {feature: replace(dialect, **{feature: value}) for feature, value in others.items()}


def shown(value: bool | int | str) -> str:
    """A row's value in words: ``true``, ``64``, ``modulo``."""
    return str(value).lower()


def _holding(glibc: str, arch: str) -> dict[str, Row]:
    """The row of each feature that holds: the last to begin and to name the processor or none."""
    release = Version.parse(glibc).release
    return {
        row.feature: row
        for row in ROWS
        if row.since <= release and (row.archs is None or arch in row.archs)
    }
