"""A look-up as getaddrinfo is asked it, and what the model says: an order or an error."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial, reduce
from ipaddress import ip_address
from itertools import combinations, permutations
from operator import or_

from harness.model.address_table import address_table, candidates
from harness.model.addresses import parse_target
from harness.model.cares import NOSORT
from harness.model.cares_rows import behaviour
from harness.model.dialects import Dialect
from harness.model.dns import Resolver
from harness.model.dns_servers import Record, Server, ascii_lower
from harness.model.gaiconf import Line
from harness.model.host import HostView, Target
from harness.model.lookup import Etc, Found, Item, NameService, Request, find
from harness.model.netdb import AI, AI_DEFAULT
from harness.model.order import RULES, Candidate, Order, Rule, Sort, merge_sort, order_for
from harness.model.policy import Policy
from harness.model.resolvers import page
from harness.model.services import Kind, Service
from harness.model.transport import ProcessAborted
from harness.model.watched import for_each
from harness.native.record import Query
from harness.sandbox import SERVICES
from harness.scenario.nameservice import NameServiceSpec, parse_hosts
from harness.scenario.schema import Lookup, Scenario
from harness.versions import ResolverName, sorting

FAMILIES = {"unspec": 0, "inet": 2, "inet6": 10}
SOCKTYPES = {"any": 0, "stream": 1, "dgram": 2, "raw": 3, "seqpacket": 5, "dccp": 6}
FLAGS: dict[str, int] = {f"AI_{name}": bit for name, bit in vars(AI).items() if name.isupper()}

LOOPBACKS = tuple(Target(ip_address(text)) for text in ("127.0.0.1", "::1"))
"""What is reached where a family is configured, as musl has it."""

SHORT_WAIT = 0x20000000
"""c-ares' worker waits a quarter of a second for a server, not two or five (csrc/PROTOCOL.md)."""

SortInput = tuple[Found, list[Candidate]]
# Every subset of this many lines is tried; beyond it, none or all of them.
_MOST_UNDEFINED = 6
# Every order of this many addresses is tried; beyond it, any is as good as another.
_MOST_UNSETTLED = 5


def request_for(lookup: Lookup) -> Query:
    """The C arguments of a scenario's look-up."""
    if lookup.hints == "none":
        return Query(lookup.name, lookup.service, flags=AI_DEFAULT, hints=False)
    return Query(
        name=lookup.name,
        service=lookup.service,
        family=lookup.family if isinstance(lookup.family, int) else FAMILIES[lookup.family],
        socktype=SOCKTYPES[lookup.socktype],
        protocol=lookup.protocol,
        flags=reduce(or_, (FLAGS.get(one) or int(one, 16) for one in lookup.flags), 0),
    )


def worded(
    request: Query, resolver: ResolverName, version: str, service: NameServiceSpec | None
) -> Query:
    """The arguments as a resolver's worker is given them; ``service`` is a scenario's, if any."""
    flags = request.flags
    if resolver == "c-ares-nosort":
        flags |= NOSORT
    if sorting(resolver) == "c-ares" and service is not None:
        closed = "closed" in service.words and not behaviour(version).by_failures
        slow = service.is_slow or closed  # which is waited for
        flags |= SHORT_WAIT * slow
    return request if flags == request.flags else replace(request, flags=flags)


def lookup_title(lookup: Lookup) -> str:
    """A short name for a look-up: its name (or service) and every hint that is not the default."""
    title = lookup.name or ""
    if lookup.service is not None:
        title += f":{lookup.service}"
    family = lookup.family if isinstance(lookup.family, str) else f"family={lookup.family}"
    hints = (
        "without hints" if lookup.hints else "",
        family if family != "unspec" else "",
        lookup.socktype if lookup.socktype != "stream" else "",
        f"protocol={lookup.protocol}" if lookup.protocol else "",
    )
    return " ".join((title, *filter(None, hints), *lookup.flags))


def name_service(
    names: Mapping[str, Sequence[str]], kind: Kind, first_reply: Record, view: HostView
) -> NameService:
    """A scenario's names as the model's name service sees them, zones as numbers."""
    links = view.names
    if kind == "dns":  # where a final dot ends a name and is no part of it
        names = {name.removesuffix("."): each for name, each in names.items()}
    texts = dict.fromkeys(text for each in names.values() for text in each)
    parsed = {text: parse_target(text, links) for text in texts}
    held = {ascii_lower(name): tuple([parsed[t] for t in each]) for name, each in names.items()}
    lines = (f"{text} {name}" for name, each in names.items() for text in each)
    return NameService(
        names=held,
        kind=kind,
        first_reply=first_reply,
        services=dict(SERVICES),  # the sandbox's table, in a form that can be sent
        links=links,
        spelled={ascii_lower(name): name for name in names} if kind == "files" else {},
        etc=Etc(
            kind,
            tuple(lines) if kind == "files" else (),
            servers=(Server(held) if kind == "dns" else Server(closed=True),),
        ),
    )


def names_of(scenario: Scenario, view: HostView) -> NameService:
    """What the model's name service holds of a scenario; ``view`` knows the host's own names."""
    given = scenario.served
    if given is None:
        return name_service(scenario.names, scenario.resolver, scenario.dns.first_reply, view)
    return services_of(given, view)


def kinds_of(scenario: Scenario) -> NameService:
    """The same without what modules and the hosts file hold: which services are asked, in turn."""
    if (given := scenario.served) is None:
        return NameService({}, scenario.resolver)
    hosts = tuple(
        Service(kind, actions=does, servers=given.servers if kind == "dns" else ())
        for kind, does in parse_hosts(given.hosts)
    )
    return NameService({}, hosts[0].kind, hosts=hosts)


def services_of(given: NameServiceSpec, view: HostView, numbers: Sequence[int] = ()) -> NameService:
    """What the model's name service holds of several services; as `names_of`.

    ``numbers`` are those of the lines that are left of a hosts file.
    """
    first, conf = given.dns[0].first_reply, given.resolv_conf
    options = frozenset(conf.options)
    resolver = Resolver(conf.search, conf.ndots, options, conf.attempts, sortlist=conf.pairs)
    services = []
    for kind, actions in parse_hosts(given.hosts):
        service = Service(kind, actions=actions)
        if kind == "myhostname":
            service = replace(service, own=view.own)
        elif kind == "files":
            of_lines: dict[str, list[tuple[str, str, int]]] = {}
            for number, line in enumerate(given.files):
                address, *names = line.split()
                own = address, names[0], numbers[number] if numbers else number + 1
                for name in dict.fromkeys(map(ascii_lower, names)):
                    of_lines.setdefault(name, []).append(own)
            listed = {name: [one[0] for one in each] for name, each in of_lines.items()}
            held = name_service(listed, kind, first, view)
            owners = {name: tuple(one[1] for one in each) for name, each in of_lines.items()}
            lines = {name: tuple(one[2] for one in each) for name, each in of_lines.items()}
            service = replace(
                service, names=held.names, owners=owners, multi=given.multi, lines=lines,
                absent=not given.hosts_file,
            )  # fmt: skip
        elif kind == "dns":
            service = replace(service, resolver=resolver, servers=given.servers)
        elif kind != "missing":
            service = replace(service, names=name_service(given.nss, kind, first, view).names)
        services.append(service)
    every = name_service(given.addresses(), "files", first, view)
    running = any(one.kind == "dns" for one in services)
    servers = given.servers if running else (Server(closed=True),) * len(given.dns)
    return replace(
        every, kind=services[0].kind, spelled={}, hosts=tuple(services), unset=not given.hosts_line,
        etc=Etc(given.hosts, given.files, resolver, servers),
    )  # fmt: skip


def first_servers(names: NameService) -> range:
    """The DNS servers that may be asked first, where resolv.conf's rotate leaves that to chance."""
    counts = [
        len(one.servers)
        for one in names.hosts
        if "rotate" in one.resolver.options and one.resolver.offset is None
    ]
    return range(max(counts)) if max(counts, default=0) > 1 else range(0)


def from_server(names: NameService, number: int) -> NameService:
    """A name service whose DNS server of that number, from 0, is asked first."""
    hosts = (replace(one, resolver=replace(one.resolver, offset=number)) for one in names.hosts)
    resolver = replace(names.etc.resolver, offset=number)
    return replace(names, hosts=tuple(hosts), etc=replace(names.etc, resolver=resolver))


def by_cares(names: NameService, number: int) -> NameService:
    """A name service that c-ares comes upon in the way of that number, of those there may be."""
    return replace(names, etc=replace(names.etc, chance=number))


def chances(
    names: NameService, resolver: ResolverName = "glibc", ways: int = 1
) -> Iterator[tuple[str, NameService]]:
    """The name service for each way that chance may decide, in words; none without chance.

    Of c-ares' look-up there are so many ``ways``, of which the plain one is left out.

    Go's two questions take the servers of rotate in turn, one each, and the answers count as they
    are read: for both it is chance which is the first.
    """
    if sorting(resolver) == "c-ares":
        for number in range(1, ways):
            said = "by chance c-ares asked other DNS servers, or heard of them in another order"
            yield said, by_cares(names, number)
        return
    numbers = first_servers(names)
    if resolver != "go":
        for number in numbers:
            said = f"rotate in resolv.conf: by chance DNS server {number + 1} was asked first"
            yield said, from_server(names, number)
    elif names.asks("dns"):
        records: tuple[Record, ...] = ("A", "AAAA")
        for each in [from_server(names, number) for number in numbers[:2]] or [names]:
            for first in sorted(records, key=lambda one: one != names.first_reply):
                said = f"by chance Go read the reply to {first} first"
                yield said, replace(each, first_reply=first)


def found_for(
    requests: Sequence[Request], service: NameService, view: HostView, dialects: Iterable[Dialect]
) -> dict[Dialect, list[Found]]:
    """What getaddrinfo has in hand before it sorts, in each dialect for each request.

    ``view`` needs addresses and links only.
    """
    table = address_table(view.dumped)
    seen = table.seen_ipv4, table.seen_ipv6
    every = tuple(dialects)
    each = [for_each(every, partial(find, one, service, *seen)) for one in requests]
    return {one: [found[at] for found in each] for at, one in enumerate(every)}


def targets_of(found: Mapping[Dialect, Iterable[Found]]) -> tuple[Target, ...]:
    """Every destination that glibc may sort, so that its route can be asked for."""
    sorted_ones = (one for listed in found.values() for one in listed if one.needs_sort)
    # most are few objects, and an object's number is hashed sooner than an address
    objects = {id(item.target): item.target for one in sorted_ones for item in one.items}
    return tuple(dict.fromkeys(objects.values()))


def targets_of_other(
    resolver: ResolverName,
    version: str,
    requests: Iterable[Request],
    names: NameService,
    view: HostView,
) -> Iterator[Target]:
    """Every destination that another resolver may sort, or reaches to see what a host has."""
    model = page(resolver)
    if any(one.flags & AI.ADDRCONFIG for one in requests):
        yield from LOOPBACKS
    for request in requests:
        if not model.not_asked(request, names):
            found = model.find(request, names, view, version)
            yield from (item.target for item in found.items)
            if found.ways > 1:  # whichever server is asked, and whatever for
                yield from (one for server in names.etc.servers for one in server.every_target)


@dataclass(frozen=True, slots=True)
class Prediction:
    """The model's answer. ``order`` is None where getaddrinfo would not sort, or would crash:
    ``error`` is then the signal's name.

    ``alternatives`` are further orders a glibc may give where the file's effect is
    undefined, ``may_abort`` that SIGABRT is one of them; ``undefined`` names the lines.
    ``by_chance``: whatever glibc answers, the model has nothing to say against it. ``all_named``,
    ``flags``, ``errno`` and ``ways`` are as in `Found`.
    """

    items: tuple[Item, ...]
    error: str | None
    order: Order | None
    canonname: str | None = None
    undefined: tuple[Line, ...] = ()
    alternatives: tuple[tuple[Item, ...], ...] = ()
    may_abort: bool = False
    by_chance: bool = False
    all_named: bool = False
    flags: int | None = None
    errno: int | None = None
    ways: int = 1

    @property
    def is_settled(self) -> bool:
        """Whether it says what the answer is; else an answer that it allows proves nothing."""
        return not (self.by_chance or self.undefined)


@dataclass(frozen=True, slots=True)
class ModelParts:
    """The parts of the model that can be replaced to show that each of them matters."""

    rules: tuple[Rule, ...] = RULES
    sort: Sort = merge_sort
    policy: Callable[[Policy], Policy] = lambda policy: policy


GLIBC = ModelParts()
"""The model as it is meant: nothing replaced."""


def predict(
    request: Request,
    service: NameService,
    view: HostView,
    gai_conf: bytes | None,
    dialect: Dialect,
    model: ModelParts = GLIBC,
    given: SortInput | None = None,
) -> Prediction:
    """Predict one look-up on one host under one gai.conf for one glibc.

    ``given`` is what `sort_input` gives, where that is known.
    """
    found, known = given or sort_input(request, service, view, dialect)
    if not known:
        error, by_chance = found.error, found.undefined
        return Prediction(found.items, error, None, found.canonname, by_chance=by_chance)

    def ordered(policy: Policy) -> Order | None:
        with suppress(ProcessAborted):
            return order_for(known, policy, dialect, rules=model.rules, sort=model.sort)
        return None

    def items(order: Order) -> tuple[Item, ...]:
        return tuple(found.items[facts.position] for facts in order.ranked)

    policy = model.policy(Policy.build(gai_conf, dialect))
    order = ordered(policy)
    others = [
        ordered(Policy.build(gai_conf, dialect, honour_undefined=chosen))
        for chosen in _choices(policy.undefined)
    ]
    return Prediction(
        () if order is None else items(order), "SIGABRT" if order is None else None, order,
        found.canonname, policy.undefined,
        tuple(items(other) for other in others if other is not None),
        may_abort=None in (order, *others),
    )  # fmt: skip


def predict_other(
    request: Request, service: NameService, view: HostView, resolver: ResolverName, version: str
) -> Prediction:
    """Predict one look-up of another resolver than glibc, which reads no gai.conf."""
    model = page(resolver)
    if resolver == "c-ares-nosort":
        request = replace(request, flags=request.flags | NOSORT)
    found = model.find(request, service, view, version)
    order, items = None, found.items
    unsettled: tuple[Item, ...] = ()
    if found.needs_sort:
        order = model.order([item.target for item in found.items], view, version)
        items = tuple(found.items[one.position] for one in order.ranked)
        unsettled = items[len(items) - order.unsettled :]
    settled = items[: len(items) - len(unsettled)]
    many = len(unsettled) > _MOST_UNSETTLED
    return Prediction(
        items, found.error, order, found.canonname,
        alternatives=() if many else tuple((*settled, *one) for one in permutations(unsettled)),
        by_chance=found.undefined or many, all_named=found.all_named, flags=found.flags,
        errno=found.errno, ways=found.ways,
    )  # fmt: skip


def sort_input(
    request: Request, service: NameService, view: HostView, dialect: Dialect
) -> SortInput:
    """What is found before the sort, and what the sort is given: nothing where there is none."""
    table = address_table(view.dumped)
    found = find(request, service, table.seen_ipv4, table.seen_ipv6, dialect)
    targets = [item.target for item in found.items] if found.needs_sort else []
    return found, candidates(targets, view, dialect, table)


def _choices(undefined: Sequence[Line]) -> list[frozenset[int]]:
    """Which of the undefined lines a glibc may happen to honour: any, if they are not many."""
    numbers = [line.number for line in undefined]
    least = 1 if len(numbers) <= _MOST_UNDEFINED else len(numbers)
    sizes = range(least, len(numbers) + 1)
    return [frozenset(chosen) for size in sizes for chosen in combinations(numbers, size)]
