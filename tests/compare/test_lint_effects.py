"""For every code of lint: real glibc shows the effect it warns of."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn, Self

import pytest

from harness.advice.lint import CODES, lint
from harness.compare.evidence import LaneSpec
from harness.compare.open_lane import open_lane
from harness.compare.plan import lanes_for
from harness.native.lanes import Session
from harness.native.record import Answer, Crashed, Query
from harness.sandbox import Box, Pool
from harness.scenario.schema import Host
from harness.versions import Version

HOST = {
    "interfaces": {"eth0": {"addresses": ["172.18.45.2/24", "2001:db8:1::2/64"]}},
    "routes": [
        {"to": "default", "via": "172.18.45.1"},
        {"to": "default", "via": "2001:db8:1::1"},
    ],
}
FOUR, SIX = "203.0.113.9", "2001:db8:9::1"
FAR = "172.31.80.8"
ULA, LINK_LOCAL = "fd00:9::1", "169.254.9.9"
NAMES: dict[str, list[str]] = {
    "six-four": [SIX, FOUR],
    "four-six": [FOUR, SIX],
    "ula-four": [ULA, FOUR],
    "link-four": [LINK_LOCAL, FOUR],
    "four-far": [FOUR, FAR],
}
V4_FIRST = "precedence ::ffff:0:0/96 100\n"  # as the experiments' proof that a line is used
V4_TIES = "precedence ::ffff:0:0/96 40"
ALL_SEVEN = "precedence 2001:db8::/32 7\nprecedence ::ffff:203.0.113.0/120 7\n"
FIVE = {"2.31", "2.36", "2.41", "2.43", "2.44"}
SIX_FOUR, FOUR_SIX = (SIX, FOUR), (FOUR, SIX)

# code → experiments: the file that is warned of, the name looked up, what glibc gives
# (a pair: up to 2.40, from 2.41)
Wanted = tuple[str, ...] | tuple[tuple[str, ...], tuple[str, ...]]
SHOWN: dict[str, list[tuple[str, str, Wanted]]] = {
    "GAI001": [
        ("Precedence ::ffff:0:0/96 100", "six-four", SIX_FOUR),
        ("\ufeff" + V4_FIRST, "six-four", SIX_FOUR),
    ],
    "GAI002": [
        ("precedence 0.0.0.0/0 100", "six-four", SIX_FOUR),
        ("precedence ::ffff:0:0:/96 100", "six-four", SIX_FOUR),
        ("scopev4 169.254/16 14", "link-four", (FOUR, LINK_LOCAL)),
    ],
    "GAI003": [
        ("precedence ::ffff:0:0/129 100", "six-four", SIX_FOUR),
    ],
    # 0 for this prefix, and the defaults dropped, so that IPv4 has 40
    "GAI004": [("precedence 2001:db8:9::/48", "six-four", (FOUR_SIX, SIX_FOUR))],
    # ::/0 has 100 and all tie
    "GAI005": [("precedence ::ffff:0:0/ 100", "four-six", (FOUR_SIX, SIX_FOUR))],
    "GAI007": [
        ("precedence ::ffff:0:0/96 high", "six-four", SIX_FOUR),
        ("precedence ::ffff:0:0/96 -5", "six-four", SIX_FOUR),
    ],
    "GAI008": [
        ("precedence ::ffff:0:0/96 -18446744073709551516", "six-four", FOUR_SIX),
        ("precedence ::ffff:0:0/96 +100", "six-four", FOUR_SIX),
        ("precedence ::ffff:0:0/+96 100", "six-four", FOUR_SIX),
    ],
    "GAI009": [
        ("precedence ::ffff:203.0.113.77/120 100", "six-four", FOUR_SIX),
        # meant for 10/8, says ::/8
        ("precedence ::ffff:10.0.0.0/8 100", "six-four", FOUR_SIX),
    ],
    "GAI010": [
        ("precedence ::ffff:0:0/96 5\n" + V4_FIRST, "six-four", SIX_FOUR),
        (V4_FIRST + "precedence ::ffff:0:0/96 5", "six-four", FOUR_SIX),
    ],
    # IPv4 matched its source by label 4, unique local did not by 6: now all have label 1
    "GAI011": [("label 2002::/16 2", "ula-four", (ULA, FOUR))],
    # IPv4 had 10, now it has 40 as global IPv6 has
    "GAI012": [("precedence 2001:db8:5::/48 45", "four-six", FOUR_SIX)],
    "GAI013": [("scopev4 10.0.0.0/8 5", "link-four", (LINK_LOCAL, FOUR))],
    # one set of addresses, as many orders as inputs; fact-2.9-intransitive has a cycle
    "GAI014": [
        (V4_TIES, "four-six", FOUR_SIX),
        (V4_TIES, "six-four", SIX_FOUR),
        (ALL_SEVEN, "four-six", FOUR_SIX),
        (ALL_SEVEN, "six-four", SIX_FOUR),
    ],
    "GAI016": [("precedence ::ffff:0:0/96 100 5", "six-four", FOUR_SIX)],
    "GAI017": [
        ("precedence ::ffff:0:0/96 1\x0000", "six-four", SIX_FOUR),
        ("\0precedence ::ffff:0:0/96 100", "six-four", SIX_FOUR),
    ],
    "GAI018": [
        (
            "precedence ::ffff:0:0/96 100\nprecedence ::ffff:0.0.0.0/97 5\n"
            "precedence ::ffff:128.0.0.0/97 5",
            "six-four", SIX_FOUR,
        ),
    ],
    # rule 2, though rule 8 would prefer the smaller scope
    "GAI019": [
        ("scopev4 203.0.113.0/24 5", "four-far", (FAR, FOUR)),
        (V4_FIRST + "scopev4 172.16.0.0/12 5", "four-six", SIX_FOUR),
    ],
    # nothing but the default precedences is changed
    "GAI020": [
        ("precedence ::fff:0:0/96 100", "six-four", SIX_FOUR),
        ("precedence ::fff:0:0/96 100", "four-six", FOUR_SIX),
    ],
}  # fmt: skip

# the same look-ups without the fault: what the file's author will have expected
MENDED: dict[str, tuple[str, str, tuple[str, ...]]] = {
    **dict.fromkeys(
        ("GAI001", "GAI003", "GAI007", "GAI010", "GAI016", "GAI017", "GAI018", "GAI020"),
        (V4_FIRST, "six-four", FOUR_SIX),
    ),
    "GAI002": ("scopev4 169.254.0.0/16 14", "link-four", (LINK_LOCAL, FOUR)),
    "GAI004": ("precedence 2001:db8:9::/48 0", "six-four", FOUR_SIX),
    "GAI005": ("precedence ::/0 100", "four-six", FOUR_SIX),
    "GAI006": ("precedence 2001:db8:9::1/128 5", "six-four", FOUR_SIX),
    "GAI019": (
        "precedence ::ffff:203.0.113.0/120 11\nprecedence ::ffff:0:0/96 10",
        "four-far",
        (FOUR, FAR),
    ),
    "GAI009": ("precedence ::ffff:10.0.0.0/104 100", "six-four", SIX_FOUR),
}
DEFAULTS = {  # without any line, for what a partial table drops
    "ula-four": (FOUR, ULA), "link-four": (FOUR, LINK_LOCAL),
    "four-far": (FOUR, FAR), "four-six": SIX_FOUR, "six-four": SIX_FOUR,
}  # fmt: skip
NO_LENGTH = [  # the orders where the line is ignored, and where it is honoured
    ("precedence 2001:db8:9::1 5", "six-four", SIX_FOUR, FOUR_SIX),
    ("scopev4 169.254.9.9 14", "link-four", (FOUR, LINK_LOCAL), (LINK_LOCAL, FOUR)),
]
OTHER = "precedence ::ffff:0:0/96 10\n"
RELOADS = [  # first file, second file, whether a running process sees the second
    ("reload yes\n" + OTHER, "reload yes\n" + V4_FIRST, True),
    (OTHER, V4_FIRST, False),
    ("reload no\nreload yes\n" + OTHER, V4_FIRST, True),
]


Order = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Experiment:
    """The files that are in force one after the other, and the order that each should give.

    ``wanted`` is None where nothing is promised for a glibc before 2.41. ``warned`` says
    whether lint warns of the first file by the code.
    """

    code: str
    warned: bool
    confs: tuple[str, ...]
    name: str
    wanted: tuple[Order, ...]
    wanted_before_2_41: tuple[Order, ...] | None

    @classmethod
    def of(cls, code: str, warned: bool, conf: str, name: str, wanted: Wanted) -> Self:
        pair = wanted if isinstance(wanted[0], tuple) else (wanted, wanted)
        old, new = pair
        return cls(code, warned, (conf,), name, (new,), (old,))


def restored(code: str) -> str:
    """The file of a partial table with the lines that lint names."""
    bad = SHOWN[code][0][0]
    [finding] = [one for one in lint(bad) if one.code == code]
    return "\n".join([bad, *finding.message.partition("add: ")[2].split("; ")])


def reload(conf: str, after: str, is_seen: bool) -> Experiment:
    orders = (SIX_FOUR, FOUR_SIX if is_seen else SIX_FOUR)
    return Experiment("GAI015", is_seen, (conf, after), "six-four", orders, orders)


EXPERIMENTS = [
    *(Experiment.of(code, True, *row) for code, rows in SHOWN.items() for row in rows),
    *(Experiment.of(code, False, *row) for code, row in MENDED.items()),
    *(Experiment.of("", False, "", *row) for row in DEFAULTS.items()),
    *(
        Experiment.of(code, False, restored(code), (name := SHOWN[code][0][1]), DEFAULTS[name])
        for code in ("GAI011", "GAI012", "GAI013")
    ),
    *(reload(*row) for row in RELOADS),
    *(
        Experiment("GAI006", True, (conf,), name, (honoured,), None)
        for conf, name, _, honoured in NO_LENGTH
    ),
]
Seen = dict[int, list[tuple[Version, tuple[Order | str, ...]]]]
"""By the experiment's number: of each glibc and lane the order at every step, or the signal."""


def effects(box: Box, lanes: tuple[LaneSpec, ...]) -> Iterator[tuple[int, str, tuple[Any, ...]]]:
    """Inside a sandbox: run every experiment on every lane, each in a fresh process."""
    box.build(Host.model_validate(HOST))
    box.set_names(NAMES, "files")
    for spec in lanes:
        with open_lane(box, spec) as lane:
            for number, one in enumerate(EXPERIMENTS):
                with lane.open() as session:
                    steps = tuple(step(box, session, conf, one.name) for conf in one.confs)
                yield number, spec.glibc, steps


def step(box: Box, session: Session, conf: str, name: str) -> Order | str:
    box.set_gai_conf(conf.encode())
    outcome = session.lookup(Query(name, socktype=1))
    if isinstance(outcome, Answer):
        assert outcome.error is None, outcome.error
        return tuple(one.address for one in outcome.addrinfos)
    assert isinstance(outcome, Crashed), outcome
    return signal.Signals(outcome.signal).name


@pytest.fixture(scope="module")
def seen(unreachable: Callable[[str], NoReturn]) -> Seen:
    """Every experiment on every glibc of this host, through both lanes of the host's."""
    lanes = lanes_for("all", "both")
    if not {lane.glibc for lane in lanes} >= FIVE and os.environ.get("CI"):
        unreachable("only some of the five glibcs are in the cache: gai-harness glibc fetch --all")
    found: Seen = {}
    with Pool() as pool:
        for number, glibc, steps in pool.run(effects, lanes):
            found.setdefault(number, []).append((Version.parse(glibc), steps))
    return found


def test_every_code_is_shown() -> None:
    assert {one.code for one in EXPERIMENTS if one.warned} == set(CODES)


@pytest.mark.parametrize("code", ["", *CODES])
def test_the_effect(code: str, seen: Seen) -> None:
    for number, one in enumerate(EXPERIMENTS):
        if one.code == code:
            assert (code in {finding.code for finding in lint(one.confs[0])}) == one.warned, one
            for glibc, steps in seen[number]:
                wanted = one.wanted if glibc.release >= (2, 41) else one.wanted_before_2_41
                assert wanted in (steps, None), (one, glibc, steps)


def test_no_length_kills_or_is_lost_before_2_41(seen: Seen) -> None:
    shown = []
    for number, one in enumerate(EXPERIMENTS):
        if one.wanted_before_2_41 is None:
            [ignored] = [row[2] for row in NO_LENGTH if row[0] == one.confs[0]]
            [finding] = [found for found in lint(one.confs[0]) if found.code == "GAI006"]
            assert finding.glibc == "<2.41"
            for glibc, (order,) in seen[number]:
                if glibc.release < (2, 41):
                    assert order in (ignored, *one.wanted, "SIGSEGV"), (one, glibc)
                    shown.append((glibc.release, order, (order,) == one.wanted))
    if not shown:
        pytest.skip("no glibc before 2.41 on this host")
    assert not all(honoured for _, _, honoured in shown)
    if (2, 31) in {glibc for glibc, _, _ in shown}:
        assert "SIGSEGV" in {order for _, order, _ in shown}
