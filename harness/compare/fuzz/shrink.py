"""Shrinking a disagreement to the smallest scenario that still shows it.

Delta debugging on the scenario as data: each pass offers simpler trials, every one of them is
really run again, and the first that still disagrees in the same way is kept, until no pass helps.
Every offer is strictly simpler by some measure that no other pass raises, so this comes to an end.
Trials on the same host share one sandbox.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from ipaddress import ip_address
from itertools import groupby, islice
from typing import Any, TypeAlias, TypeVar

from pydantic import ValidationError

from harness import sandbox
from harness.compare.evidence import LaneSpec
from harness.compare.fuzz.engine import Engine
from harness.compare.fuzz.found import Disagreement
from harness.model.host import IPAddress, address_text
from harness.model.lookup import looks_numeric
from harness.sandbox import Pool
from harness.scenario.fuzz import Batch, Round, scenario_of
from harness.scenario.nameservice import NameServiceSpec
from harness.scenario.schema import After, Host, Lookup

T = TypeVar("T")
Trial: TypeAlias = dict[str, Any]
"""One look-up on one host, as a tree of plain data in the words of a scenario file.

``answer`` are the addresses of the one name that is looked up, unless a whole ``name_service``
knows names. With ``changes`` of gai.conf it is looked up once before the first, and once after
each. A gai.conf has its ``lines``, and is ``unended`` where the last one has no end; of a name
service the lines are lists of words. What is left out is as usual.
"""

_PLAIN: Any = {"mode": "json", "by_alias": True, "exclude_defaults": True}
_NAMES = ("name_service", "dns", "resolver", "netlink")
"""What of a trial says how names are looked up; trials on one host may differ in it."""
_AT_ONCE = 64
_PLAIN_VALUES = ("0", "1", "9")
_SERVICE = re.compile(r"(\w+)(?: *\[([^\]]*)\])?")
# not "default", which a route may go to
_ADDRESS = re.compile(r"([0-9a-f:.]*[:.][0-9a-f:.]*)((?:[/%].*)?)", re.IGNORECASE)


def trial_of(found: Disagreement) -> Trial:
    """The disagreement as data that can be made smaller."""
    scenario, lookup = found.evidence.scenario, found.evidence.lookup
    plain = (lookup.name or "").lower()
    asked = *(one for one, _ in found.evidence.before), lookup
    changes = (one.after.model_dump(**_PLAIN) for one in asked if one.after is not None)
    trial = scenario.model_dump(include={"host", "gai_conf", *_NAMES}, **_PLAIN)
    if "name_service" in trial:
        trial["name_service"] = _in_words(trial["name_service"])
    return {
        "answer": [*scenario.names.get(plain, scenario.names.get(plain.removesuffix("."), ()))],
        "changes": [*map(_in_lines, changes)],
        "lookup": lookup.model_dump(exclude={"after"}, **_PLAIN),
        **_in_lines(trial),
    }


def _in_lines(tree: dict[str, Any]) -> dict[str, Any]:
    """A tree with its gai.conf, if there is one, as lines."""
    text = tree.get("gai_conf")
    if not isinstance(text, str):
        return {key: part for key, part in tree.items() if key != "gai_conf"}
    file: dict[str, Any] = {"lines": text.removesuffix("\n").split("\n")}
    return {**tree, "gai_conf": file if text.endswith("\n") else {**file, "unended": True}}


def _gai_conf(tree: dict[str, Any]) -> str | None:
    """The gai.conf of a tree with lines as a text; None for no file."""
    file = tree.get("gai_conf")
    if file is None:
        return None
    return "\n".join(file.get("lines", ())) + ("" if "unended" in file else "\n")


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


def shrink(
    pool: Pool, found: Disagreement, is_alike: Callable[[Disagreement], bool] = lambda _: True
) -> Disagreement:
    """The smallest disagreement of the same kind that ``found`` leads to.

    ``is_alike`` tells one of the same cause. That is ``found`` itself when it does not show again.
    Raises SandboxUnavailable.
    """
    kind = _kind(found)

    def first(trials: Iterable[Trial]) -> tuple[int, Trial, Disagreement] | None:
        """The first that still disagrees in the same way, and how many came before."""
        specs = [
            (members[start : start + _AT_ONCE], found.evidence.lane)
            for _, alike in groupby(trials, lambda one: one.get("host"))
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

    trial = trial_of(found)
    hit = first([trial])
    changed = hit is not None
    while changed:
        changed = False
        for offers in PASSES:
            # go on where the last one was found; what came before is tried in the next turn
            at = 0
            while more := first(islice(filter(_is_valid, offers(trial)), at, None)):
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
    box.build(Host.model_validate(trials[0].get("host", {})))
    shown: list[Disagreement | None] = []
    for _, alike in groupby(trials, lambda one: [one.get(key) for key in _NAMES]):
        batch = _batch(tuple(alike))
        with Engine(box, batch, (lane,), tallied=False) as engine:
            shown += (next(iter(engine.round(each).disagreements), None) for each in batch.rounds)
    yield tuple(shown)


def _is_valid(trial: Trial) -> bool:
    """Whether a scenario file may say this."""
    try:
        batch = _batch((trial,))
        scenario_of(batch, batch.rounds[0].gai_conf, batch.asked(batch.rounds[0]))
    except ValidationError:
        return False
    return True


def _batch(trials: Sequence[Trial]) -> Batch:
    """The trials as a batch: a name, a look-up and a round for each. Raises ValidationError."""
    names: dict[str, tuple[str, ...]] = {}
    lookups: list[Lookup] = []
    rounds: list[Round] = []
    for number, trial in enumerate(trials):
        lookup = dict(trial.get("lookup", {}))
        if trial.get("answer") and "name" in lookup:
            # one name each; its spelling is kept
            asked = lookup["name"]
            own = f"256.1.1.{number}" if looks_numeric(asked) else f"n{number}"
            names[own] = tuple(trial["answer"])
            dot = "." if asked.endswith(".") else ""
            lookup["name"] = (own.upper() if asked.isupper() else own) + dot
        lookups.append(Lookup.model_validate(lookup))
        after = [
            After.model_validate({**each, "gai_conf": _gai_conf(each)})
            for each in trial.get("changes", ())
        ]
        text = _gai_conf(trial)
        positions = (number,) * (1 + len(after))
        conf = None if text is None else text.encode()
        rounds.append(Round(conf, positions, (None, *after) if after else ()))
    first = trials[0]
    host, service = Host.model_validate(first.get("host", {})), first.get("name_service")
    return Batch(
        "shrunk", host, names, tuple(lookups), tuple(rounds), first.get("resolver", "files"),
        first.get("dns", {}).get("first_reply", "A"), first.get("netlink", "allowed"),
        None if service is None else NameServiceSpec.model_validate(_as_text(service)),
    )  # fmt: skip


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
    for answer in without_parts(trial["answer"]):
        if answer:
            yield {**trial, "answer": [*answer]}


def smaller(key: str, trial: Trial) -> Iterator[Trial]:
    """The trial without a part of it, or with parts of that left out."""
    if key in trial:
        yield {other: part for other, part in trial.items() if other != key}
        yield from ({**trial, key: fewer} for fewer in fewer_parts(trial[key]))


def plainer_hints(trial: Trial) -> Iterator[Trial]:
    """The name spelled as it is, and a number for the service."""
    lookup = trial["lookup"]
    plain = {"name": lookup.get("name", "").lower().removesuffix("."), "service": "80"}
    for key, text in plain.items():
        if lookup.get(key, text) != text:
            yield {**trial, "lookup": {**lookup, key: text}}


def plainer_texts(trial: Trial) -> Iterator[Trial]:
    """Plainer lines of gai.conf, and prefixes of one address with the length that is usual."""
    for text in dict.fromkeys(_texts(trial)):
        for plain in _plainer(text):
            yield _changed(trial, {text: plain}.get)


def _plainer(text: str) -> Iterator[str]:
    split = _split(text)
    if split is not None and split[1].startswith("/"):
        usual = f"{text.partition('/')[0]}/{64 if split[0].version == 6 else 24}"
        yield from [usual] if text != usual else []
    words = text.split()
    for shorter in (" ".join(words), " ".join(words[:3]), text.split("\0")[0],
                    re.sub(r"(.)\1{30,}", r"\1", text)):  # fmt: skip
        if len(shorter) < len(text):
            yield shorter
    if len(words) == 3 and " ".join(words) == text and words[2] not in _PLAIN_VALUES:
        yield from (" ".join((*words[:2], value)) for value in _PLAIN_VALUES)


def plainer_addresses(trial: Trial) -> Iterator[Trial]:
    """Whole groups of numbers replaced by zero or one, wherever they stand."""
    known = [split[0] for text in _texts(trial) if (split := _split(text))]
    for version, width, bits in ((6, 16, 128), (4, 8, 32)):
        values = [int(address) for address in known if address.version == version]
        one = (1 << width) - 1
        # the first group says what kind of address it is
        groups = {(at, v >> at & one) for v in values for at in range(0, bits - width, width)}
        for at, group in sorted(groups):
            for plain in (0, 1) if group > 1 else ():
                change = partial(_renumbered, version, one << at, group << at, plain << at)
                yield _changed(trial, change)


def _renumbered(version: int, mask: int, old: int, new: int, text: str) -> str | None:
    """An address of a family with ``new`` bits for the ``old`` ones; None for another text."""
    split = _split(text)
    if split is None or split[0].version != version or int(split[0]) & mask != old:
        return None
    return address_text(type(split[0])(int(split[0]) ^ old ^ new)) + split[1]


_KEYS = ("changes", "gai_conf", "lookup", *_NAMES, "host")
PASSES: tuple[Callable[[Trial], Iterator[Trial]], ...] = (
    fewer_addresses, *(partial(smaller, key) for key in _KEYS),
    plainer_hints, plainer_texts, plainer_addresses,
)  # fmt: skip
"""Those that leave the host as it is come first: their trials share a sandbox."""


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
    changed = change(tree) if isinstance(tree, str) else None
    return tree if changed is None else changed
