"""For every code of lint: real glibc shows the effect it warns of."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import pytest

from harness.advice.lint import CODES, lint
from harness.compare.plan import lanes_for
from harness.compare.run import open_lane
from harness.native.record import Answer, Crashed, Query
from harness.sandbox import Pool
from harness.scenario.schema import Host
from harness.versions import Version

if TYPE_CHECKING:
    from harness.compare.evidence import LaneSpec
    from harness.native.lanes import Session
    from harness.sandbox import Box

HOST = {
    "interfaces": {"eth0": {"addresses": ["172.18.45.2/24", "2001:db8:1::2/64"]}},
    "routes": [
        {"to": "default", "via": "172.18.45.1"},
        {"to": "default", "via": "2001:db8:1::1"},
    ],
}
FOUR, SIX = "203.0.113.9", "2001:db8:9::1"
NEAR, FAR = "172.18.45.6", "172.31.80.8"
ULA, LINK_LOCAL = "fd00:9::1", "169.254.9.9"
NAMES: dict[str, list[str]] = {
    "six-four": [SIX, FOUR],
    "four-six": [FOUR, SIX],
    "ula-four": [ULA, FOUR],
    "link-four": [LINK_LOCAL, FOUR],
    "far-six-near": [FAR, SIX, NEAR],
    "six-near-far": [SIX, NEAR, FAR],
    "near-far-six": [NEAR, FAR, SIX],
}
V4_FIRST = "precedence ::ffff:0:0/96 100\n"  # as the experiments' proof that a line is used
FIVE = {"2.31", "2.36", "2.41", "2.43", "2.44"}
SIX_FOUR, FOUR_SIX = (SIX, FOUR), (FOUR, SIX)

# code → experiments: the file that is warned of, the name looked up, what glibc gives
# (a pair: up to 2.40, from 2.41)
Wanted = tuple[str, ...] | tuple[tuple[str, ...], tuple[str, ...]]
SHOWN: dict[str, list[tuple[str, str, Wanted]]] = {
    "GAI001": [
        ("Precedence ::ffff:0:0/96 100", "six-four", SIX_FOUR),
        ("precedences ::ffff:0:0/96 100", "six-four", SIX_FOUR),
        ("\ufeff" + V4_FIRST, "six-four", SIX_FOUR),
    ],
    "GAI002": [
        ("precedence 0.0.0.0/0 100", "six-four", SIX_FOUR),
        ("precedence ::ffff:0:0:/96 100", "six-four", SIX_FOUR),
        ("scopev4 169.254/16 14", "link-four", (FOUR, LINK_LOCAL)),
    ],
    "GAI003": [
        ("precedence ::ffff:0:0/129 100", "six-four", SIX_FOUR),
        ("precedence ::ffff:0:0/x 100", "six-four", SIX_FOUR),
        ("scopev4 169.254.0.0/33 14", "link-four", (FOUR, LINK_LOCAL)),
    ],
    # 0 for this prefix, and the defaults dropped, so that IPv4 has 40
    "GAI004": [("precedence 2001:db8:9::/48", "six-four", (FOUR_SIX, SIX_FOUR))],
    # ::/0 has 100 and all tie
    "GAI005": [("precedence ::ffff:0:0/ 100", "four-six", (FOUR_SIX, SIX_FOUR))],
    "GAI007": [
        ("precedence ::ffff:0:0/96 high", "six-four", SIX_FOUR),
        ("precedence ::ffff:0:0/96 2147483648", "six-four", SIX_FOUR),
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
    # one set of addresses, as many orders as inputs
    "GAI014": [
        ("precedence ::ffff:0:0/96 40", "four-six", FOUR_SIX),
        ("precedence ::ffff:0:0/96 40", "six-four", SIX_FOUR),
        ("precedence ::ffff:0:0/96 40", "far-six-near", (FAR, SIX, NEAR)),
        ("precedence ::ffff:0:0/96 40", "six-near-far", (SIX, NEAR, FAR)),
        ("precedence ::ffff:0:0/96 40", "near-far-six", (NEAR, FAR, SIX)),
        ("precedence 2001:db8::/32 7\nprecedence ::ffff:203.0.113.0/120 7\n", "four-six", FOUR_SIX),
        ("precedence 2001:db8::/32 7\nprecedence ::ffff:203.0.113.0/120 7\n", "six-four", SIX_FOUR),
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
}  # fmt: skip

# the same look-ups without the fault: what the file's author will have expected
MENDED: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "GAI001": (V4_FIRST, "six-four", FOUR_SIX),
    "GAI002": ("scopev4 169.254.0.0/16 14", "link-four", (LINK_LOCAL, FOUR)),
    "GAI003": (V4_FIRST, "six-four", FOUR_SIX),
    "GAI004": ("precedence 2001:db8:9::/48 0", "six-four", FOUR_SIX),
    "GAI005": ("precedence ::/0 100", "four-six", FOUR_SIX),
    "GAI006": ("precedence 2001:db8:9::1/128 5", "six-four", FOUR_SIX),
    "GAI007": (V4_FIRST, "six-four", FOUR_SIX),
    "GAI009": ("precedence ::ffff:10.0.0.0/104 100", "six-four", SIX_FOUR),
    "GAI010": (V4_FIRST, "six-four", FOUR_SIX),
    "GAI016": ("precedence ::ffff:0:0/96 100", "six-four", FOUR_SIX),
    "GAI017": ("precedence ::ffff:0:0/96 100", "six-four", FOUR_SIX),
    "GAI018": (V4_FIRST, "six-four", FOUR_SIX),
}
DEFAULTS = {  # without any line, for what a partial table drops
    "ula-four": (FOUR, ULA), "link-four": (FOUR, LINK_LOCAL),
    "four-six": SIX_FOUR, "six-four": SIX_FOUR, "far-six-near": (SIX, NEAR, FAR),
}  # fmt: skip
NO_LENGTH = {
    "precedence": ("precedence 2001:db8:9::1 5", "six-four", SIX_FOUR, FOUR_SIX),
    "scopev4": ("scopev4 169.254.9.9 14", "link-four", (FOUR, LINK_LOCAL), (LINK_LOCAL, FOUR)),
}
OTHER = "precedence ::ffff:0:0/96 10\n"
RELOADS = {  # first file, second file, whether a running process sees the second
    "yes": ("reload yes\n" + OTHER, "reload yes\n" + V4_FIRST, True),
    "absent": (OTHER, V4_FIRST, False),
    "no": ("reload no\n" + OTHER, "reload no\n" + V4_FIRST, False),
    "maybe": ("reload maybe\n" + OTHER, V4_FIRST, False),
    "yes-then-no": ("reload yes\nreload no\n" + OTHER, V4_FIRST, False),
    "no-then-yes": ("reload no\nreload yes\n" + OTHER, V4_FIRST, True),
}
RESTORED = ("GAI011", "GAI012", "GAI013")


Step = tuple[str, str]
"""A gai.conf and the name that is then looked up."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What one glibc gave at every step: addresses in order, or the signal it died of."""

    experiment: str
    glibc: str
    lane: str
    seen: tuple[tuple[str, ...] | str, ...]


def effects(box: Box, job: tuple[tuple[LaneSpec, ...], dict[str, list[Step]]]) -> Iterator[Effect]:
    """Inside a sandbox: run every experiment on every lane, each in a fresh process."""
    lanes, experiments = job
    box.build(Host.model_validate(HOST))
    box.set_names(NAMES, "files")
    for spec in lanes:
        with open_lane(box, spec) as lane:
            for name, steps in experiments.items():
                with lane.open() as session:
                    seen = tuple(step(box, session, *each) for each in steps)
                yield Effect(name, spec.glibc, spec.lane, seen)


def step(box: Box, session: Session, conf: str, name: str) -> tuple[str, ...] | str:
    box.set_gai_conf(conf.encode())
    outcome = session.lookup(Query(name, socktype=1))
    if isinstance(outcome, Answer):
        assert outcome.error is None, outcome.error
        return tuple(one.address for one in outcome.addrinfos)
    assert isinstance(outcome, Crashed), outcome
    return signal.Signals(outcome.signal).name


def restored(code: str) -> str:
    """The file of a partial table with the lines that lint names."""
    bad = SHOWN[code][0][0]
    [finding] = [one for one in lint(bad) if one.code == code]
    return "\n".join([bad, *finding.message.partition("add: ")[2].split("; ")])


def experiments() -> dict[str, list[Step]]:
    made: dict[str, list[Step]] = {
        f"{code}-{number}": [(text, name)]
        for code, cases in SHOWN.items()
        for number, (text, name, _) in enumerate(cases)
    }
    made |= {f"{code}-mended": [(text, name)] for code, (text, name, _) in MENDED.items()}
    made |= {f"default-{name}": [("", name)] for name in DEFAULTS}
    made |= {f"{code}-restored": [(restored(code), SHOWN[code][0][1])] for code in RESTORED}
    made |= {f"GAI006-{key}": [(text, name)] for key, (text, name, _, _) in NO_LENGTH.items()}
    made |= {
        f"GAI015-{key}": [(first, "six-four"), (second, "six-four")]
        for key, (first, second, _) in RELOADS.items()
    }
    return made


@pytest.fixture(scope="module")
def seen(unreachable: Callable[[str], NoReturn]) -> dict[str, list[Effect]]:
    """Every experiment on every glibc of this machine, through both lanes of the host's."""
    lanes = lanes_for("all", "both")
    if not {lane.glibc for lane in lanes} >= FIVE and os.environ.get("CI"):
        unreachable("only some of the five glibcs are in the cache: gai-harness glibc fetch --all")
    found: dict[str, list[Effect]] = {}
    with Pool() as pool:
        for effect in pool.run(effects, (lanes, experiments())):
            found.setdefault(effect.experiment, []).append(effect)
    return found


def is_old(effect: Effect) -> bool:
    return Version.parse(effect.glibc).release < (2, 41)


def test_every_code_is_shown() -> None:
    assert set(SHOWN) | {"GAI006", "GAI015"} == set(CODES)


@pytest.mark.parametrize("code", SHOWN)
def test_the_effect(code: str, seen: dict[str, list[Effect]]) -> None:
    for number, (text, name, wanted) in enumerate(SHOWN[code]):
        assert code in {finding.code for finding in lint(text)}, text
        for effect in seen[f"{code}-{number}"]:
            expected = wanted
            if isinstance(wanted[0], tuple):
                expected = wanted[0] if is_old(effect) else wanted[1]
            assert effect.seen == (expected,), (text, name, effect)


@pytest.mark.parametrize("code", MENDED)
def test_without_the_fault(code: str, seen: dict[str, list[Effect]]) -> None:
    text, _, wanted = MENDED[code]
    assert code not in {finding.code for finding in lint(text)}
    for effect in seen[f"{code}-mended"]:
        assert effect.seen == (wanted,), (text, effect)


@pytest.mark.parametrize("name", DEFAULTS)
def test_without_a_line(name: str, seen: dict[str, list[Effect]]) -> None:
    for effect in seen[f"default-{name}"]:
        assert effect.seen == (DEFAULTS[name],), effect


@pytest.mark.parametrize("code", RESTORED)
def test_the_lines_that_lint_names_restore_the_defaults(
    code: str, seen: dict[str, list[Effect]]
) -> None:
    name, changed = SHOWN[code][0][1:]
    assert changed != DEFAULTS[name]
    assert code not in {finding.code for finding in lint(restored(code))}
    for effect in seen[f"{code}-restored"]:
        assert effect.seen == (DEFAULTS[name],), effect


@pytest.mark.parametrize("keyword", NO_LENGTH)
def test_no_length_is_undefined_before_2_41(keyword: str, seen: dict[str, list[Effect]]) -> None:
    text, _, ignored, honoured = NO_LENGTH[keyword]
    [finding] = [one for one in lint(text) if one.code == "GAI006"]
    assert finding.glibc == "<2.41"
    for effect in seen[f"GAI006-{keyword}"]:
        if is_old(effect):
            assert effect.seen[0] in (ignored, honoured, "SIGSEGV"), effect
        else:
            assert effect.seen == (honoured,), effect


def test_no_length_kills_or_is_lost_on_some_version(seen: dict[str, list[Effect]]) -> None:
    shown = [
        (effect, honoured)
        for keyword, (_, _, _, honoured) in NO_LENGTH.items()
        for effect in seen[f"GAI006-{keyword}"]
        if is_old(effect)
    ]
    if not shown:
        pytest.skip("no glibc before 2.41 on this machine")
    assert [effect for effect, honoured in shown if effect.seen != (honoured,)]
    if "2.31" in {effect.glibc for effect, _ in shown}:
        assert [effect for effect, _ in shown if effect.seen == ("SIGSEGV",)]


@pytest.mark.parametrize("key", RELOADS)
def test_reload(key: str, seen: dict[str, list[Effect]]) -> None:
    first, _, is_seen = RELOADS[key]
    assert ("GAI015" in {finding.code for finding in lint(first)}) == is_seen
    for effect in seen[f"GAI015-{key}"]:
        assert effect.seen == (SIX_FOUR, FOUR_SIX if is_seen else SIX_FOUR), effect
