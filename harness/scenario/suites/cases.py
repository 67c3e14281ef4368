"""The host under construction: names and look-ups are added to it, then it is validated.

Most look-ups of a suite are lists of *places*: addresses by a word that says where they lie.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any, Self

from ..load import LoadedScenario
from ..schema import Scenario

Expect = Callable[[Sequence[str]], Sequence[Mapping[str, Any]]] | Sequence[Mapping[str, Any]]
"""What must come of addresses as they are given: expectations as in a scenario file.

None at all where native and model have to agree on whatever comes out.
"""
Places = Mapping[str, str]

# one flipped bit, whichever it is, gives a public unicast address again
SOURCE4 = "138.18.45.130"
DEFAULT4 = {"to": "0.0.0.0/0", "dev": "eth0"}
DEFAULT6 = {"to": "::/0", "dev": "eth0"}
BOTH_DEFAULTS = (DEFAULT4, DEFAULT6)

# glibc's own precedences in full, but for the families, which tie
TIED = """\
precedence ::1/128 50
precedence ::/0 40
precedence 2002::/16 30
precedence ::/96 20
precedence ::ffff:0:0/96 40
"""


def dns(first_reply: str) -> dict[str, Any]:
    """The settings of a scenario with a DNS server."""
    return {"resolver": "dns", "dns": {"first_reply": first_reply}}


def rotations(items: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Every rotation of ``items`` with the number of places it is turned."""
    for turn in range(len(items)):
        yield turn, [*items[turn:], *items[:turn]]


class Cases:
    """One host and the look-ups made on it, each under a name that says what it tests.

    Each method that adds look-ups gives the host again.
    """

    def __init__(
        self,
        name: str,
        description: str,
        interfaces: Mapping[str, Sequence[Any]],
        routes: Sequence[Mapping[str, Any]] = (),
        **settings: Any,
    ) -> None:
        """``interfaces`` gives each one's addresses, ``settings`` further keys of the scenario."""
        self._names: dict[str, list[str]] = {}
        self._lookups: list[dict[str, Any]] = []
        links = {link: {"addresses": list(addresses)} for link, addresses in interfaces.items()}
        self._document: dict[str, Any] = {
            "name": name,
            "description": description,
            "host": {"interfaces": links, "routes": list(routes)},
            **settings,
        }

    def add(self, name: str, addresses: Sequence[str], expect: Expect = (), **hints: str) -> Self:
        """Look ``name`` up, which has ``addresses`` in this order; ``hints`` such as socktype."""
        self._names[name] = list(addresses)
        expected = expect(addresses) if callable(expect) else expect
        self._lookups.append({"name": name, "expect": list(expected), **hints})
        return self

    def lists(self, places: Places, groups: Iterable[Sequence[str]], expect: Expect = ()) -> Self:
        """Look up a list of ``places`` for each group of words."""
        for words in groups:
            self.add("-then-".join(words), [places[word] for word in words], expect)
        return self

    def pairs(self, places: Places, expect: Expect = ()) -> Self:
        """Look up every two of ``places`` in both orders."""
        return self.lists(places, permutations(places, 2), expect)

    def rotated(
        self, prefix: str, items: Sequence[str], sizes: Iterable[int], expect: Expect
    ) -> Self:
        """Look up every rotation of the first items, for each size."""
        for size in sizes:
            for turn, order in rotations(items[:size]):
                self.add(f"{prefix}{size}-turned-{turn}", order, expect)
        return self

    def everything(self, addresses: Sequence[str], expect: Expect) -> Self:
        """Look up all addresses, forward and backwards."""
        self.add("everything", addresses, expect)
        return self.add("everything-backwards", addresses[::-1], expect)

    def loaded(self, suite: str) -> LoadedScenario:
        """The finished scenario of a suite, validated as a file would be."""
        document = self._document | {"names": self._names, "lookups": self._lookups}
        return LoadedScenario.inline(Scenario.model_validate(document), Path(f"suite:{suite}"))
