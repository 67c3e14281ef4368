"""Random name services: the hosts line and its actions, hosts files, DNS servers, resolv.conf.

Nothing is drawn that waits for seconds, or that depends on what a process has asked before.
"""

from collections.abc import Container, Iterable, Mapping
from ipaddress import IPv4Address
from typing import Any, TypeVar

from harness.model.dns import sortlist_pair
from harness.model.dns_servers import SLOW, UNORDERED
from harness.model.services import Kind

from ..nameservice import (
    UNSET_HOSTS,
    DnsServer,
    NameReplies,
    NameServiceSpec,
    ResolvConf,
    plain_name,
)
from . import weights
from .weights import Dice

T = TypeVar("T")
_OF_SERVERS = "names", "aliases", "replies"


def every_name() -> list[str]:
    """All names that a service may know: as they are, and in each domain."""
    bare = [f"n{number}" for number in range(1, weights.SERVICE_NAMES + 1)]
    return [*bare, *bare, *(f"{name}.{domain}" for domain in weights.DOMAINS for name in bare)]


def draw_answer(
    dice: Dice, destinations: list[str], counts: Mapping[int, float] = weights.ANSWERS
) -> tuple[str, ...]:
    """The addresses of one name, of ``destinations``, in the order they are handed over."""
    count = dice.pick(counts)
    four = [text for text in destinations if ":" not in text]
    six = [text for text in destinations if ":" in text]
    match dice.pick(weights.MIXES):
        case "one-family":
            chosen = dice.several(dice.one([part for part in (four, six) if part]), count)
        case "neighbours":
            start = dice.randint(0, len(destinations) - 1)
            window = sorted(destinations)[start : start + max(3, count // 2)]
            chosen = dice.several(window, count)
        case "alternating":
            first, second = dice.several(four or six, count), dice.several(six or four, count)
            chosen = [text for pair in zip(first, second, strict=True) for text in pair][:count]
        case "repeated":
            chosen = [text for text in dice.several(destinations, count) for _ in "ab"][:count]
        case _:
            chosen = dice.several(destinations, count)
    return tuple(chosen)


def draw_name_service(
    dice: Dice, destinations: list[str], kinds: Mapping[Kind, float]
) -> NameServiceSpec:
    """A name service whose names have addresses of ``destinations``, zones where one can have them.

    ``kinds`` are those of the services.
    """
    plain = list(dict.fromkeys(text.partition("%")[0] for text in destinations))
    options = tuple(dice.flags(weights.RESOLVER_OPTIONS))
    # 2.31 waits for a second reply after an error where it asks one question at a time
    avoided = UNORDERED if "single-request" in options else SLOW
    # which of several servers is asked first is up to chance with rotate
    servers = 1 if "rotate" in options else dice.pick(weights.SERVERS)
    service = NameServiceSpec(
        hosts=" ".join(_draw_service(dice, kinds) for _ in range(dice.pick(weights.CHAIN))),
        multi=dice.chance(weights.MULTI),
        files=tuple(_draw_line(dice, plain) for _ in range(dice.pick(weights.HOSTS_LINES))),
        dns=tuple(_draw_server(dice, plain, avoided) for _ in range(servers)),
        nss={
            name: draw_answer(dice, destinations, weights.SERVED)
            for name in _some(dice, weights.KNOWN)
        },
        resolv_conf=ResolvConf(
            search=tuple(dice.shuffled(weights.DOMAINS)[: dice.pick(weights.SEARCHED)]),
            ndots=dice.pick(weights.NDOTS),
            attempts=dice.pick(weights.ATTEMPTS),
            options=options,
        ),
    )
    return _with_odd_files(service, plain)


def _with_odd_files(service: NameServiceSpec, addresses: list[str]) -> NameServiceSpec:
    """The service, seldom without a hosts file or line, or with a sortlist or two search lines.

    Drawn by what has been drawn, so that everything else is as it was without.
    """
    dice = Dice(" ".join((service.hosts, *service.files)))
    changes, conf = dict[str, Any](), dict[str, Any]()
    if dice.chance(weights.NO_HOSTS_FILE):
        changes |= {"hosts_file": False, "files": ()}
    four = [IPv4Address(one) for one in addresses if ":" not in one]
    if four and (count := dice.pick(weights.SORTED_BY)):
        conf["sortlist"] = tuple(_draw_sortlist_entry(dice, four) for _ in range(count))
    if service.resolv_conf.search and dice.chance(weights.SEARCH_REPLACED):
        conf["search_before"] = (dice.one(weights.DOMAINS),)
    if dice.chance(weights.NO_HOSTS_LINE):
        changes |= {"hosts": UNSET_HOSTS, "hosts_line": False}
    changes["resolv_conf"] = service.resolv_conf.model_copy(update=conf)
    return service.model_copy(update=changes)


def with_misnamed(dice: Dice, service: NameServiceSpec) -> NameServiceSpec:
    """The service with a DNS server that seldom gives the addresses of a name as another's."""
    server = service.dns[0]
    names = [name for name in server.names if name not in server.replies]
    if not names or not dice.chance(weights.MISNAMED):
        return service
    reply = NameReplies(a="misnamed", aaaa="misnamed")
    replies = {**server.replies, **dict.fromkeys(dice.several(names, 3), reply)}
    first = server.model_copy(update={"replies": replies})
    return service.model_copy(update={"dns": (first, *service.dns[1:])})


def _draw_sortlist_entry(dice: Dice, addresses: list[IPv4Address]) -> str:
    """The network of an address, or the address itself, which few masks leave in."""
    mask = dice.pick(weights.NETMASKS)
    pair = sortlist_pair(f"{dice.one(addresses)}{mask}")
    assert pair is not None
    address, bits = pair
    return f"{IPv4Address(address if dice.chance(0.1) else address & bits)}{mask}"


def only(service: NameServiceSpec, asked: Iterable[str]) -> NameServiceSpec:
    """A name service without the names that have nothing to do with those asked for."""
    ends = ("", *(f".{domain}" for domain in service.resolv_conf.search))
    wanted = {plain_name(plain_name(name) + end) for name in asked for end in ends}
    more = wanted
    while more:
        targets = {plain_name(each.aliases[one]) for each in service.dns for one in each.aliases
                   if plain_name(one) in more}  # fmt: skip
        more = targets - wanted
        wanted = wanted | more

    def kept(table: Mapping[str, T]) -> dict[str, T]:
        return {name: one for name, one in table.items() if plain_name(name) in wanted}

    dns = tuple(
        each.model_copy(update={part: kept(getattr(each, part)) for part in _OF_SERVERS})
        for each in service.dns
    )
    lines = (line for line in service.files if wanted & {*map(plain_name, line.split()[1:])})
    return service.model_copy(update={"files": tuple(lines), "nss": kept(service.nss), "dns": dns})


def _some(dice: Dice, part: float) -> list[str]:
    return [name for name in dict.fromkeys(every_name()) if dice.chance(part)]


def _draw_service(dice: Dice, kinds: Mapping[Kind, float]) -> str:
    kind = dice.pick(kinds)
    if not dice.chance(weights.ACTED):
        return kind
    criteria = (
        f"{'!' * dice.chance(weights.NEGATED)}{dice.pick(weights.STATUSES)}="
        f"{dice.pick(weights.ACTIONS)}"
        for _ in range(dice.pick(weights.CRITERIA))
    )
    return f"{kind} [{' '.join(criteria)}]"


def _draw_line(dice: Dice, addresses: list[str]) -> str:
    names = [dice.one(every_name()) for _ in range(1 + dice.pick(weights.ALIASES))]
    names = [name.upper() if dice.chance(0.05) else name for name in names]
    return " ".join((dice.one(addresses), *names))


def _draw_server(dice: Dice, addresses: list[str], avoided: Container[str | None]) -> DnsServer:
    words = {word: odds for word, odds in weights.WORDS_SAID.items() if word not in avoided}
    always = {word: odds for word, odds in weights.ALWAYS.items() if word not in avoided}
    known = _some(dice, weights.KNOWN)
    names = {name: draw_answer(dice, addresses, weights.SERVED) for name in known}
    special = _some(dice, weights.SPECIAL)
    return DnsServer(
        first_reply=dice.pick(weights.FIRST_REPLIES),
        names=names,
        aliases=_draw_aliases(dice, names),
        replies={
            name: NameReplies(
                a=dice.pick(words), aaaa=dice.pick(words), first=dice.pick(weights.FIRSTS)
            )
            for name in special
        },
        always=dice.pick(always),
    )


def _draw_aliases(dice: Dice, names: Container[str]) -> dict[str, str]:
    """CNAME records of names that have no address, to names further on, which may be unknown."""
    every = list(dict.fromkeys(every_name()))
    aliases: dict[str, str] = {}
    lengths: dict[str, int] = {}
    for at in range(len(every) - 2, -1, -1):
        name, target = every[at], dice.one(every[at + 1 :])
        length = 1 + lengths.get(target, 0)
        if name not in names and length <= weights.MOST_CNAMES and dice.chance(weights.CNAMES):
            aliases[name], lengths[name] = target, length
    return aliases
