"""Shrinking a disagreement to the smallest scenario that still shows it.

Delta debugging on the scenario as data: each pass offers simpler trials, every one of them is
really run again, and the first that still disagrees in the same way is kept, until no pass helps.
Every offer is strictly simpler by some measure that no other pass raises, so this comes to an end.
Trials on the same host share one sandbox.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_address
from itertools import groupby, islice
from operator import attrgetter
from typing import Any, Literal, TypeVar

from pydantic import ValidationError

from harness import sandbox
from harness.compare.evidence import LaneSpec
from harness.compare.fuzz.engine import Engine
from harness.compare.fuzz.found import Disagreement
from harness.model.dns_servers import Record
from harness.model.host import IPAddress, address_text
from harness.model.lookup import looks_numeric
from harness.sandbox import Pool
from harness.scenario.fuzz import Batch, Round
from harness.scenario.nameservice import NameServiceSpec
from harness.scenario.schema import After, Host, Lookup, Resolver

T = TypeVar("T")

_PLAIN: Any = {"mode": "json", "by_alias": True, "exclude_defaults": True}
_AT_ONCE = 64
_PLAIN_VALUES = (b"0", b"1", b"9")
_SERVICE = re.compile(r"(\w+)(?: *\[([^\]]*)\])?")
# not "default", which a route may go to
_ADDRESS = re.compile(r"([0-9a-f:.]*[:.][0-9a-f:.]*)((?:[/%].*)?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Trial:
    """One look-up on one host, as plain data: ``host`` and ``lookup`` as a scenario file has them.

    ``answer`` are the addresses of the one name that is looked up, unless a whole ``service``
    knows names. With ``changes`` of gai.conf it
    is looked up once before the first, and once after each.
    """

    host: dict[str, Any]
    answer: tuple[str, ...]
    gai_conf: bytes | None
    lookup: dict[str, Any]
    resolver: Resolver
    first_reply: Record = "A"
    changes: tuple[dict[str, Any], ...] = ()
    netlink: Literal["allowed", "refused"] = "allowed"
    service: dict[str, Any] | None = None

    @classmethod
    def of(cls, found: Disagreement) -> "Trial":
        """The disagreement as data that can be made smaller."""
        scenario, lookup = found.evidence.scenario, found.evidence.lookup
        plain = (lookup.name or "").lower()
        asked = *(one for one, _ in found.evidence.before), lookup
        service = scenario.name_service
        first = scenario.gai_conf
        return cls(
            scenario.host.model_dump(**_PLAIN),
            scenario.names.get(plain, scenario.names.get(plain.removesuffix("."), ())),
            first.encode() if isinstance(first, str) else None,
            lookup.model_dump(mode="json", exclude_defaults=True, exclude={"after"}),
            scenario.resolver,
            scenario.dns.first_reply,
            tuple(one.after.model_dump(mode="json") for one in asked if one.after is not None),
            scenario.netlink,
            None if service is None else service.model_dump(**_PLAIN),
        )

    @property
    def is_valid(self) -> bool:
        """Whether a scenario file may say this."""
        try:
            _batch((self,))
        except ValidationError:
            return False
        return True


def shrink(
    pool: Pool, found: Disagreement, is_alike: Callable[[Disagreement], bool] = lambda _: True
) -> Disagreement:
    """The smallest disagreement of the same kind that ``found`` leads to.

    ``is_alike`` tells one of the same cause. That is ``found`` itself when it does not show again.
    Raises SandboxUnavailable.
    """
    kind = _kind(found)
    trial = Trial.of(found)

    def first(trials: Iterable[Trial]) -> tuple[int, Trial, Disagreement] | None:
        """The first that still disagrees in the same way, and how many came before."""
        specs = [
            (members[start : start + _AT_ONCE], found.evidence.lane)
            for _, alike in groupby(trials, attrgetter("host", "resolver", "netlink"))
            for members in (tuple(alike),)
            for start in range(0, len(members), _AT_ONCE)
        ]
        outcomes = pool.outcomes(run_trials, specs)
        before = 0
        try:
            for (group, _), outcome in zip(specs, outcomes, strict=True):
                for shown in outcome.values:
                    for number, one in enumerate(shown):
                        if one is not None and _kind(one) == kind and is_alike(one):
                            return before + number, group[number], one
                before += len(group)
        finally:
            outcomes.close()  # type: ignore[attr-defined]
        return None

    hit = first([trial])
    changed = hit is not None
    while changed:
        changed = False
        for offers in PASSES:
            # go on where the last one was found; what came before is tried in the next turn
            at = 0
            while more := first(islice((o for o in offers(trial) if o.is_valid), at, None)):
                hit, changed = more, True
                at += more[0]
                trial = more[1]
    return found if hit is None else hit[2]


def _kind(found: Disagreement) -> tuple[str, str | None, str | None]:
    """What must stay as it is while a case shrinks."""
    result = found.result
    return result.verdict, result.error, result.model_error


def run_trials(
    box: "sandbox.Box", spec: tuple[tuple[Trial, ...], LaneSpec]
) -> Iterator[tuple[Disagreement | None, ...]]:
    """Inside a sandbox: the disagreement that each trial on one host shows, if it does."""
    trials, lane = spec
    box.build(Host.model_validate(trials[0].host))
    shown: list[Disagreement | None] = []
    for _, alike in groupby(trials, attrgetter("service")):
        batch = _batch(tuple(alike))
        try:
            engine = Engine(box, batch, (lane,), tallied=False)
        except ValueError:
            return  # a zone of an interface that is gone
        with engine:
            shown += (next(iter(engine.round(each).disagreements), None) for each in batch.rounds)
    yield tuple(shown)


def _batch(trials: Sequence[Trial]) -> Batch:
    """The trials as a batch: a name, a look-up and a round for each. Raises ValidationError."""
    names: dict[str, tuple[str, ...]] = {}
    lookups: list[Lookup] = []
    for number, trial in enumerate(trials):
        lookup = dict(trial.lookup)
        if trial.answer:
            # one name each; its spelling is kept
            asked = lookup["name"]
            own = f"256.1.1.{number}" if looks_numeric(asked) else f"n{number}"
            names[own] = trial.answer
            dot = "." if asked.endswith(".") else ""
            lookup["name"] = (own.upper() if asked.isupper() else own) + dot
        lookups.append(Lookup.model_validate(lookup))
    first = trials[0]
    rounds = tuple(
        Round(
            trial.gai_conf,
            (number,) * (1 + len(trial.changes)),
            (None, *map(After.model_validate, trial.changes)) if trial.changes else (),
        )
        for number, trial in enumerate(trials)
    )
    host = Host.model_validate(first.host)
    service = None if first.service is None else NameServiceSpec.model_validate(first.service)
    asked = names, tuple(lookups), rounds, first.resolver, first.first_reply, first.netlink
    return Batch("shrunk", host, *asked, service)


def without_parts(items: Sequence[T]) -> Iterator[tuple[T, ...]]:
    """``items`` without a half, a quarter, …, and without each single one."""
    size = len(items)
    while size > 0:
        for start in range(0, len(items), size):
            yield (*items[:start], *items[start + size :])
        size //= 2


def fewer_parts(tree: Any) -> Iterator[Any]:
    """A tree of dicts and lists with parts left out, the whole ones before parts of parts."""
    if isinstance(tree, dict):
        yield from map(dict, without_parts(list(tree.items())))
        for key, part in tree.items():
            for fewer in fewer_parts(part):
                yield {**tree, key: fewer}
    elif isinstance(tree, list):
        yield from map(list, without_parts(tree))
        for at, part in enumerate(tree):
            for fewer in fewer_parts(part):
                yield [*tree[:at], fewer, *tree[at + 1 :]]


def fewer_addresses(trial: Trial) -> Iterator[Trial]:
    """Fewer addresses in the answer; at least one is kept."""
    for answer in without_parts(trial.answer):
        if answer:
            yield replace(trial, answer=answer)


def fewer_lines(trial: Trial) -> Iterator[Trial]:
    """A smaller gai.conf: none at all, fewer lines, shorter lines, plain numbers."""
    if trial.gai_conf is not None:
        yield replace(trial, gai_conf=None)
        yield from (replace(trial, gai_conf=data) for data in _simpler_file(trial.gai_conf))


def fewer_changes(trial: Trial) -> Iterator[Trial]:
    """Fewer changes of gai.conf, and each to a smaller file, a second newer."""
    for fewer in without_parts(trial.changes):
        yield replace(trial, changes=fewer)
    for number, change in enumerate(trial.changes):
        simpler = [{**change, "mtime": "newer"}] if change["mtime"] != "newer" else []
        if change["gai_conf"] is not None:
            simpler += [
                {**change, "gai_conf": data.decode()}
                for data in _simpler_file(change["gai_conf"].encode())
            ]
        for other in simpler:
            changes = *trial.changes[:number], other, *trial.changes[number + 1 :]
            yield replace(trial, changes=changes)


def _simpler_file(data: bytes) -> Iterator[bytes]:
    end = b"\n" if data.endswith(b"\n") else b""
    lines = data.removesuffix(b"\n").split(b"\n")
    for fewer in without_parts(lines):
        if fewer:
            yield b"\n".join(fewer) + end
    for number, line in enumerate(lines):
        for simpler in _simpler_line(line):
            yield b"\n".join([*lines[:number], simpler, *lines[number + 1 :]]) + end
    if not end:
        yield data + b"\n"


def _simpler_line(line: bytes) -> Iterator[bytes]:
    words = line.split()
    for simpler in (b" ".join(words), b" ".join(words[:3]), line.split(b"\0")[0],
                    re.sub(rb"(.)\1{30,}", rb"\1", line)):  # fmt: skip
        if len(simpler) < len(line):
            yield simpler
    if len(words) == 3 and b" ".join(words) == line and words[2] not in _PLAIN_VALUES:
        yield from (b" ".join((*words[:2], value)) for value in _PLAIN_VALUES)


def plainer_hints(trial: Trial) -> Iterator[Trial]:
    """Hints left out, and the name spelled as it is."""
    lookup = trial.lookup
    for fewer in fewer_parts(lookup):
        if ("name" in fewer) == ("name" in lookup):
            yield replace(trial, lookup=fewer)
    plain = {"name": lookup.get("name", "").lower().removesuffix("."), "service": "80"}
    for key, text in plain.items():
        if (trial.answer or trial.service) and lookup.get(key, text) != text:
            yield replace(trial, lookup={**lookup, key: text})


def smaller_host(trial: Trial) -> Iterator[Trial]:
    """The host without parts of it: sections, interfaces, addresses, routes, single settings."""
    for host in fewer_parts(trial.host):
        yield replace(trial, host=host)


def smaller_service(trial: Trial) -> Iterator[Trial]:
    """The name service without parts of it: services, actions, servers, names, options."""
    if trial.service is not None:
        for tree in fewer_parts(_in_words(trial.service)):
            yield replace(trial, service=_as_text(tree))


def _in_words(service: dict[str, Any]) -> dict[str, Any]:
    """A name service with its lines as lists: a service with its actions, an address with names."""
    tree = dict(service)
    if "hosts" in tree:
        tree["hosts"] = [[kind, *words.split()] for kind, words in _SERVICE.findall(tree["hosts"])]
    if "files" in tree:
        tree["files"] = [line.split() for line in tree["files"]]
    return tree


def _as_text(tree: dict[str, Any]) -> dict[str, Any]:
    service = dict(tree)
    if "hosts" in tree:
        services = filter(None, tree["hosts"])
        shown = (f"{one} [{' '.join(words)}]" if words else one for one, *words in services)
        service["hosts"] = " ".join(shown)
    if "files" in tree:
        service["files"] = [" ".join(line) for line in tree["files"] if line]
    return service


def usual_lengths(trial: Trial) -> Iterator[Trial]:
    """Prefixes of one address of the host with the length that is usual."""
    for text in dict.fromkeys(row["address"] for row in _rows(trial.host) if "peer" not in row):
        address = text.partition("/")[0]
        usual = f"{address}/{64 if ':' in address else 24}"
        if text != usual:
            yield replace(trial, host=_changed(trial.host, {text: usual}.get))


def plainer_addresses(trial: Trial) -> Iterator[Trial]:
    """Whole groups of numbers replaced by zero wherever they stand, host and answer alike."""
    service = _in_words(trial.service or {})
    texts = [*trial.answer, *(row["address"] for row in _rows(trial.host)), *_texts(service)]
    known = [split[0] for text in texts if (split := _split(text))]
    for version, width, bits in ((6, 16, 128), (4, 8, 32)):
        values = [int(address) for address in known if address.version == version]
        one = (1 << width) - 1
        # the first group says what kind of address it is
        groups = {(at, v >> at & one) for v in values for at in range(0, bits - width, width)}
        for at, group in sorted(groups):
            for plain in (0, 1) if group > 1 else ():
                change = partial(_renumbered, version, one << at, group << at, plain << at)
                answer = tuple(change(text) or text for text in trial.answer)
                host, own = _changed(trial.host, change), _as_text(_changed(service, change))
                yield replace(trial, host=host, answer=answer, service=trial.service and own)


def _renumbered(version: int, mask: int, old: int, new: int, text: str) -> str | None:
    """An address of a family with ``new`` bits for the ``old`` ones; None for another text."""
    split = _split(text)
    if split is None or split[0].version != version or int(split[0]) & mask != old:
        return None
    return address_text(type(split[0])(int(split[0]) ^ old ^ new)) + split[1]


def usual_resolver(trial: Trial) -> Iterator[Trial]:
    """A hosts file in place of our own name service."""
    if (
        not trial.service
        and trial.resolver != "files"
        and not any("%" in text for text in trial.answer)
    ):
        yield replace(trial, resolver="files", first_reply="A")


def usual_process(trial: Trial) -> Iterator[Trial]:
    """A process that may do what every one may."""
    if trial.netlink == "refused":
        yield replace(trial, netlink="allowed")


PASSES: tuple[Callable[[Trial], Iterator[Trial]], ...] = (
    fewer_addresses, fewer_changes, fewer_lines, plainer_hints, smaller_service,
    smaller_host, usual_lengths, plainer_addresses, usual_resolver,
    usual_process,
)  # fmt: skip
"""Those that leave the host as it is come first: their trials share a sandbox."""


def _rows(host: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for interface in host.get("interfaces", {}).values():
        yield from interface.get("addresses", ())


def _texts(tree: Any) -> Iterator[str]:
    """All texts in a tree but the keys."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, (dict, list)):
        for part in tree.values() if isinstance(tree, dict) else tree:
            yield from _texts(part)


def _split(text: str) -> tuple[IPAddress, str] | None:
    """The address in a text, and what stands behind it: a length, a zone."""
    parts = _ADDRESS.fullmatch(text)
    try:
        return None if parts is None else (ip_address(parts[1]), parts[2])
    except ValueError:
        return None


def _changed(tree: Any, change: Callable[[str], str | None]) -> Any:
    """The tree with the texts in it that ``change`` has something for."""
    if isinstance(tree, dict):
        return {key: _changed(part, change) for key, part in tree.items()}
    if isinstance(tree, list):
        return [_changed(part, change) for part in tree]
    return change(tree) or tree if isinstance(tree, str) else tree
