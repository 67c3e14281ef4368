"""What a wrong line of a gai.conf was probably meant to be, tried by the model. Pure.

A line is offered only where the model, given the whole file with it, gives the network that
was meant the value that was meant, in the versions before and since 2.41.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network
from itertools import permutations, product

from harness.model.addresses import V4MAPPED, inet_pton4, is_v4mapped, parse, prefix_text, unmapped
from harness.model.dialects import Dialect
from harness.model.gaiconf import PrefixEntry
from harness.model.order import Candidate, order_for
from harness.model.policy import DEFAULT_PRECEDENCE, Policy, prefixes
from harness.text.nearest import nearest

TABLES = ("label", "precedence", "scopev4")
KNOWN = {  # networks with a meaning of their own
    4: ("0.0.0.0/0", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
        "127.0.0.0/8", "100.64.0.0/10"),
    6: ("::/0", "::1/128", "::ffff:0:0/96", "2002::/16", "2001::/32", "fc00::/7", "fd00::/8",
        "fe80::/10", "fec0::/10", "64:ff9b::/96", "2000::/3"),
}  # fmt: skip
# ::ffff: with letters or colons lost or doubled, then zeros or an IPv4 address
_LIKE_MAPPED = re.compile(r"(?=.*:)[0:]*f{1,6}[0:]*(\d+\.\d+\.\d+\.\d+)?/\d{1,3}")
_LENGTH = re.compile(r"/[0-9]+$")
# the parts of the reserved block ::/8 (RFC 4291 §2.4) in which there are addresses after all:
# ::1 and IPv4-compatible, mapped, translated (RFC 2765), NAT64 (RFC 6052 and 8215)
_RESERVED, *_IN_USE = prefixes(
    ("::/8", 0), ("::/96", 0), ("::ffff:0:0/96", 0), ("::ffff:0:0:0/96", 0), ("64:ff9b::/32", 0)
)  # fmt: skip
_SPECIAL = [IPv4Network(text) for text in (*KNOWN[4][1:], "224.0.0.0/3")]
# sources of usual hosts, and one address of each family that no line of a file should touch
_SOURCES = ("169.254.0.1", "10.0.0.1", "172.16.0.1", "192.168.0.1", "198.51.100.1", "203.0.113.1")
_PRIVATE = [IPv4Address(text) for text in _SOURCES[1:4]]
_FOUR = Candidate("192.0.2.254", "10.0.0.1", prefixlen=24, index=2)
_SIX = Candidate("2001:db8:fffe::5", "2001:db8:1::2", prefixlen=64, index=2)

Network = IPv4Network | IPv6Network
Scopes = Sequence[tuple[int, PrefixEntry]]
"""The numbers of scopev4 lines and their entries."""


def plain(raw: bytes) -> str:
    """A line up to its comment: what looks like a blank is one, what looks like nothing is gone."""
    return "".join((" " if _is(one, "Zs") else "") if _odd(one) else one for one in _text(raw))


def odd_characters(raw: bytes) -> str:
    """The names of a line's characters that look like a blank, or like nothing, and are none."""
    odd = dict.fromkeys(one for one in _text(raw) if _odd(one))
    return ", ".join(f"{unicodedata.name(one, 'a character')} (U+{ord(one):04X})" for one in odd)


def _text(raw: bytes) -> str:
    raw = raw.split(b"#", 1)[0]
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _is(character: str, *categories: str) -> bool:
    return unicodedata.category(character) in categories


def _odd(character: str) -> bool:
    return character != " " and _is(character, "Zs", "Cf")


def reserved(entry: PrefixEntry) -> bool:
    """True for an IPv6 prefix in which no host has an address."""
    return _inside(entry, _RESERVED) and not any(
        _inside(entry, used) or _inside(used, entry) for used in _IN_USE
    )


def _inside(inner: PrefixEntry, outer: PrefixEntry) -> bool:
    return inner.width == outer.width and inner.bits >= outer.bits and outer.holds(inner.prefix)


def meant(data: bytes, number: int, dialects: Sequence[Dialect]) -> str | None:
    """The line that line ``number`` (from 1) was probably meant to be, or None.

    Parameters: ``data`` the whole file; ``dialects`` those in which the line must do what
    was meant.
    """
    lines = data.split(b"\n")
    words = plain(lines[number - 1]).split()
    low = [word.lower() for word in words]
    if low[:1] == ["reload"] and low[1:2] in (["yes"], ["no"]):
        return " ".join(low[:2]) if low[:2] != words[:2] else None
    keyword = nearest(low[0], TABLES) if len(words) > 2 else None
    if keyword is None:
        return None
    for network, value in _readings(keyword, words):
        text = f"{keyword} {_written(network)} {value}"
        file = b"\n".join([*lines[: number - 1], text.encode(), *lines[number:]])
        policies = [Policy.build(file, dialect) for dialect in dialects]
        changed = text.encode().split() != lines[number - 1].split()[:3]
        if changed and all(_values(keyword, network, one) == {int(value)} for one in policies):
            return text
    return None


def _values(keyword: str, network: Network, policy: Policy) -> set[int]:
    look = {"label": policy.label, "precedence": policy.precedence_of, "scopev4": policy.scope}
    return {look[keyword](address) for address in (network[0], network[-1])}


def _written(network: Network) -> str:
    return prefix_text(network.network_address, network.prefixlen)


def _readings(keyword: str, words: Sequence[str]) -> Iterator[tuple[Network, str]]:
    """Networks and values that a line may mean; an address may be cut by blanks."""
    four = keyword == "scopev4"
    values = [n for n in range(2, len(words)) if re.fullmatch(r"[0-9]{1,10}", words[n])]
    for end in sorted(values, key=lambda n: not _LENGTH.search("".join(words[1:n]))):
        for text in _networks("".join(words[1:end]).lower(), four):
            try:
                network = ip_network(text)
            except ValueError:
                continue
            if four and is_v4mapped(network.network_address) and network.prefixlen >= 96:
                mapped = unmapped(network.network_address)
                network = IPv4Network((int(mapped), network.prefixlen - 96))
            if four is (network.version == 4):
                yield network, words[end]


def _networks(text: str, four: bool) -> Iterator[str]:
    """Prefixes that a text may mean, the likeliest first; not all of them are any."""
    address, slash, length = text.partition("/")
    if not slash:
        yield from _with_length(address)
        return
    bits = int(length) if re.fullmatch(r"[0-9]{1,3}", length) else 999
    like = None if four else _LIKE_MAPPED.fullmatch(text)
    if four and re.fullmatch(r"[0-9]+(\.[0-9]+){0,2}", address):
        yield ".".join([*address.split("."), "0", "0", "0"][:4]) + slash + length
    elif not four and inet_pton4(address):
        yield f"::ffff:{address}/{bits + 96}"
    elif like and (bits >= 96 or like[1]):
        yield f"::ffff:{like[1] or '0:0'}/{bits if bits >= 96 else bits + 96}"
    yield text
    yield from get_close_matches(text, KNOWN[4 if four else 6], 1, 0.9)


def _with_length(address: str) -> Iterator[str]:
    """A network whose length was left out: a known one, or as long as what is not zero."""
    for known in (*KNOWN[4], *KNOWN[6]):
        if known.partition("/")[0] == address:
            yield known
    try:
        whole = ip_network(address)
    except ValueError:
        return
    value = int(whole.network_address)
    step = 16 if whole.version == 6 and not is_v4mapped(whole.network_address) else 8
    zeros = (value & -value).bit_length() - 1
    yield f"{address}/{whole.max_prefixlen - zeros // step * step}"


def strange_scopes(policy: Policy, lines: Scopes) -> dict[int, int]:
    """The lines by which rule 2 puts addresses behind all others, with the scope of the sources.

    The addresses are public, so that the source is another one, and no usual source has the
    value of the line.
    """
    found = {}
    known = {one: policy.scope(one) for one in map(IPv4Address, _SOURCES)}
    for number, entry in lines:
        network = _ipv4(entry)
        scopes = [scope for one, scope in known.items() if one not in network]
        if not any(map(network.overlaps, _SPECIAL)) and entry.value not in scopes:
            found[number] = scopes[-1]
    return found


def undone_precedences(policy: Policy, lines: Scopes) -> dict[int, int]:
    """The lines whose sources reach no public address of their scope, with the scope of those.

    So rule 2 puts IPv6 first, and only where a precedence says otherwise is that not meant.
    """
    four, six = parse(_FOUR.destination), parse(_SIX.destination)
    scope = policy.scope(four)
    if policy.precedence_of(four) <= policy.precedence_of(six):
        return {}
    private = {one: policy.scope(one) for one in _PRIVATE}
    return {
        number: scope
        for number, entry in lines
        if entry.value != scope
        and any(one in _ipv4(entry) and own == entry.value for one, own in private.items())
    }


def _ipv4(entry: PrefixEntry) -> IPv4Network:
    return IPv4Network((entry.key[0] << (32 - entry.bits), entry.bits))


def as_precedences(
    data: bytes, strange: Scopes, dialects: Sequence[Dialect]
) -> tuple[dict[int, str], tuple[str, ...]]:
    """Precedence lines that give the order which scopev4 lines were meant to give.

    That is: smaller scopes first, as by rule 8, and all of them before other IPv4 addresses.
    Gives a line for each number, and the defaults to keep; none where the model says otherwise.
    """
    old = Policy.build(data, dialects[-1])
    values = sorted({entry.value for _, entry in strange}, reverse=True)
    base = old.precedence_of(parse(_FOUR.destination)) + 1
    lines = {}
    for number, entry in strange:
        network = IPv6Network((V4MAPPED | int(_ipv4(entry)[0]), entry.bits + 96))
        lines[number] = f"precedence {_written(network)} {base + values.index(entry.value)}"
    default = [
        row for row in DEFAULT_PRECEDENCE if row.bits and old.precedence is DEFAULT_PRECEDENCE
    ]
    kept = tuple(
        f"precedence {_written(IPv6Network((row.prefix, row.bits)))} {row.value}" for row in default
    )
    rest = b"\n".join(raw for n, raw in enumerate(data.split(b"\n"), 1) if n not in lines)
    file = "\n".join([*lines.values(), *kept, ""]).encode() + rest
    last_first = sorted(strange, key=lambda line: -line[1].value)
    own = [replace(_FOUR, destination=_ipv4(entry)[0]) for _, entry in last_first]
    by_value = sorted(last_first, key=lambda line: line[1].value)
    first_first = [str(_ipv4(entry)[0]) for _, entry in by_value]
    for dialect, others in product(dialects, permutations((_FOUR, _SIX))):
        now = _order(others, rest, dialect)
        place = now.index(str(_FOUR.destination))
        wanted = [*now[:place], *first_first, *now[place:]]
        if any(
            _order(given, file, dialect) != wanted for given in ([*others, *own], [*own, *others])
        ):
            return {}, ()
    return lines, kept


def _order(given: Sequence[Candidate], file: bytes, dialect: Dialect) -> list[str]:
    order = order_for(given, Policy.build(file, dialect), dialect)
    return [str(one.address) for one in order.ranked]
