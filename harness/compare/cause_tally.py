"""What explains the disagreements of a build, all together."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from harness.compare.answers import differing_fields
from harness.compare.causes import ROW
from harness.compare.results import Notice, Result, Verdict

_OTHERS = 3  # of changes that explain as much as the plainest
_TRIED = 12  # that explain most, beside those that explain all there is to explain


class CauseTally:
    """What explains the disagreements of each build, over all results that are added."""

    def __init__(self) -> None:
        self._seen: dict[str, Counter[tuple[str, ...]]] = {}  # how often which causes were given
        # the fields that alone differ where so, "" for the addresses
        self._fields: dict[tuple[str, tuple[str, ...]], dict[str, None]] = {}
        self._spoilt: Counter[tuple[str, str]] = Counter()

    def add(self, result: Result) -> None:
        """Take a result; one without a disagreement does not count."""
        if result.verdict is Verdict.DISAGREE and not result.untrusted:
            self._seen.setdefault(result.where, Counter())[result.causes] += 1
            fields = self._fields.setdefault((result.where, result.causes), {})
            fields.update(dict.fromkeys(_fields_alone(result) or [""]))

    def add_control(self, result: Result, tried: Iterable[str]) -> None:
        """Take a result of a run with the `candidates` as controls; see `HostJob`."""
        if result.verdict is Verdict.AGREE and not result.untrusted:
            self._spoilt.update((result.where, one) for one in {*tried} - {*result.causes})

    def candidates(self) -> dict[str, tuple[str, ...]]:
        """For each build the changes of which controls are to say whether they spoil agreements."""
        return {where: found for where, seen in self._seen.items() if (found := _candidates(seen))}

    def notices(self) -> Iterator[Notice]:
        """For each build the causes that together explain most and spoil nothing that is agreed.

        Of 48 faults planted in a real glibc, a change that explains a part had the right cause in
        five, and a wrong one in six: only rows, which releases really differ in, may add up.
        """
        for where, seen in self._seen.items():
            total, tried = seen.total(), _candidates(seen)
            sound = [one for one in tried if not self._spoilt[where, one]]
            found = list(_cover(seen, sound))
            add_up = all(best and best[0].startswith(ROW) for best, *_ in found)
            for best, count, left in found:
                if best:
                    sure = count == total or add_up
                    text = "explained by" if sure else "perhaps, in part"
                    text += f": {best[0]}; {count} of {total} differences"
                    text += f"; or by: {'; '.join(best[1:][:_OTHERS])}" if best[1:] else ""
                else:
                    which = f"its {count}" if count == total else f"the other {count}"
                    text = f"no change of the model that was tried explains {which} differences"
                    fields = {one: None for each in left for one in self._fields[where, each]}
                    text += "" if "" in fields else f": all are in {', '.join(fields)}"
                    for words, near in _ranked(left, tried)[:1]:
                        spoilt = self._spoilt[where, words]
                        text += f"; nearest: {words}, which explains {near} and spoils {spoilt}"
                yield Notice("cause", "", text, build=where)


def _fields_alone(result: Result) -> list[str]:
    """The fields that differ where the addresses are the same; none where those differ."""
    sides = (result.native, result.error), (result.model, result.model_error)
    if sides[0] == sides[1]:
        return differing_fields(result.differences)
    bare = [[one.partition("%")[0] for one in order] for order, _ in sides]
    return ["scope id"] if bare[0] == bare[1] and result.error == result.model_error else []


_Seen = Counter[tuple[str, ...]]


def _ranked(seen: _Seen, among: Collection[str] | None = None) -> list[tuple[str, int]]:
    """The changes with how many differences each explains, the most first, then the plainest."""
    counts = Counter[str]()
    for causes_, count in seen.items():
        counts.update(dict.fromkeys(causes_, count))
    return [(one, count) for one, count in counts.most_common() if among is None or one in among]


def _cover(
    seen: _Seen, among: Collection[str] | None = None
) -> Iterator[tuple[tuple[str, ...], int, _Seen]]:
    """One after another the changes that explain most of what is left, and how much.

    Changes that explain as much stand together. The last has none, where something is left.
    """
    while seen:
        ranked = _ranked(seen, among)
        best = tuple(one for one, count in ranked if count == ranked[0][1])
        yield best, ranked[0][1] if best else seen.total(), seen
        seen = Counter({one: count for one, count in seen.items() if best and best[0] not in one})


def _candidates(seen: _Seen) -> tuple[str, ...]:
    first = (one for one, _ in _ranked(seen)[:_TRIED])
    return tuple(dict.fromkeys((*(one for best, *_ in _cover(seen) for one in best), *first)))
