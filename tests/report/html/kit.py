"""Look-ups made by hand: what a page has to show stands here, not in the program under test."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bs4 import BeautifulSoup

from harness.compare.differences import ArchitectureChange, BuildChange, Side, VersionChange
from harness.compare.results import (
    Departure,
    DestinationRow,
    LookupReport,
    Notice,
    PairReason,
    Remark,
    Result,
    Verdict,
)
from harness.sandbox import DeviceNote
from tests.report.kit import written

SUITES = {"2.31": "bullseye", "2.36": "bookworm", "2.41": "trixie", "2.44": "experimental"}
VERSIONS = tuple(SUITES)
NEAR, FAR, SIX, SIX_NEAR = "172.18.45.6", "172.31.80.8", "2001:db8:9::1", "2001:db8:1::6"
CHECKED = "since 2.41 lines with a missing number are dropped (gaiconf_numbers_checked)"
SHIFTED = "0xffffffff << 32 gives 0 (shift_by_32 on armhf)"
EVIL = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>"
MADE = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


def row(destination: str, position: int, **changes: Any) -> DestinationRow:
    """A destination reached from a host 172.18.45.2/24, 2001:db8:1::2/64."""
    source, length, label, precedence = ("172.18.45.2", 24, 4, 10)
    if ":" in destination:
        source, length, label, precedence = ("2001:db8:1::2", 64, 1, 40)
    made = DestinationRow(
        destination, position, source, length, True, None, 14, 14, label, label, precedence,
        "eth0", True, 0, (),
    )  # fmt: skip
    return replace(made, **changes)


def result(glibc: str, native: Sequence[str], **changes: Any) -> Result:
    """A result on Debian's build of ``glibc``, on which the model agrees unless told."""
    label = SUITES.get(glibc, "forky")
    made = Result(
        "nobody", "web", "default", glibc, "amd64", "worker", f"debian {label} {glibc}-1",
        Verdict.AGREE, tuple(native), tuple(native), label=label,
    )  # fmt: skip
    return replace(made, **changes)


def wrong(glibc: str, native: Sequence[str], model: Sequence[str], **changes: Any) -> Result:
    """A result on which the two disagree."""
    known: dict[str, Any] = {"model": tuple(model), "verdict": Verdict.DISAGREE}
    differs = [one != other for one, other in zip(native, model, strict=True)]
    return result(glibc, native, first_difference=differs.index(True), **known, **changes)


def on(versions: Sequence[str], native: Sequence[str], **changes: Any) -> list[Result]:
    """The same result on several versions."""
    return [result(version, native, **changes) for version in versions]


def lookup(scenario: str, results: Sequence[Result], **changes: Any) -> LookupReport:
    """A look-up whose results carry its names, "web" and "default" if nothing is told."""
    names: dict[str, Any] = {"lookup": "web", "gai_conf": "default"}
    names |= {key: changes.pop(key) for key in names if key in changes}
    named = tuple(replace(one, scenario=scenario, **names) for one in results)
    return LookupReport(scenario, results=named, **names, **changes)


def reason(rule: int, before: str, saw: str, after: str, saw_after: str) -> PairReason:
    """A decision with what the rule saw of each of the two."""
    why = f"rule {rule}: {before} {saw}, {after} {saw_after}"
    return PairReason(before, after, rule, why, seen=(saw, saw_after))


NEAR_ROW, FAR_ROW = row(NEAR, 1, common_prefix=29), row(FAR, 0)
BY_RULE_9 = reason(
    9, NEAR, "shares 29 bits with 172.18.45.2/24", FAR, "is outside the subnet of 172.18.45.2/24"
)
BY_RULE_10 = reason(10, FAR, "number 1 of the answer", NEAR, "number 2 of the answer")
NEAR_FIRST: dict[str, Any] = {"decisions": (BY_RULE_9,), "destinations": (NEAR_ROW, FAR_ROW)}
FAR_FIRST: dict[str, Any] = {"decisions": (BY_RULE_10,), "destinations": (FAR_ROW, NEAR_ROW)}
MOVED = (("2.36", (NEAR, FAR)), ("2.41", (FAR, NEAR)))
SINCE_2_41 = VersionChange("2.36", "2.41", why=(CHECKED,), sides=MOVED)
NEAR_EVERYWHERE = on(VERSIONS, (NEAR, FAR), **NEAR_FIRST)
UNEXPLAINED = result("2.36", (FAR, NEAR), undefined=("line 1",), **NEAR_FIRST)

AGREEING = lookup(
    "near-and-far", NEAR_EVERYWHERE,
    description="A host 172.18.45.2/24 and a name with one address nearby.",
)  # fmt: skip
# 2.41 answers otherwise, and one row of the dialect table says why
CHANGED = lookup(
    "missing-value", [*NEAR_EVERYWHERE[:2], *on(VERSIONS[2:], (FAR, NEAR), **FAR_FIRST)],
    gai_conf="inline", changes=(SINCE_2_41,),
)  # fmt: skip
# 2.31 dies of an undefined line, as predicted; 2.36 does not
_UNDEFINED = ("line 1: no prefix length: undefined behaviour up to glibc 2.40",)
CRASHING = lookup(
    "no-length",
    [
        result(
            "2.31", (), model=(NEAR, FAR), verdict=Verdict.CRASHED, error="SIGSEGV",
            predicted=True, undefined=_UNDEFINED, **NEAR_FIRST,
        ),
        result("2.36", (NEAR, FAR), undefined=_UNDEFINED, **NEAR_FIRST),
        *on(VERSIONS[2:], (FAR, NEAR), **FAR_FIRST),
    ],
    gai_conf="inline",
    changes=(
        VersionChange(
            "2.31", "2.36", why=("the file's effect is undefined",),
            sides=(("2.31", ("SIGSEGV",)), ("2.36", (NEAR, FAR))),
        ),
        SINCE_2_41,
    ),
)  # fmt: skip
# native and model differ at the second of three addresses, on 2.44 only
_THREE = (SIX, NEAR, FAR)
_FACTS: dict[str, Any] = {
    "decisions": (reason(6, SIX, "precedence 40", NEAR, "precedence 10"), BY_RULE_9),
    "destinations": (row(SIX, 2), NEAR_ROW, FAR_ROW),
}
DISAGREEING = lookup(
    "planted-mistake",
    [*on(VERSIONS[:3], _THREE, **_FACTS), wrong("2.44", (SIX, FAR, NEAR), _THREE, **_FACTS)],
    description="A glibc with a patch of its own.",
)
# both fail alike, and an expectation of the file is not met on 2.36
_NO_NAME: dict[str, Any] = {"error": "EAI_NONAME", "model_error": "EAI_NONAME"}
_UNMET = ("native: expected an answer, got EAI_NONAME",)
FAILING = lookup(
    "no-such-name",
    [
        result(version, (), unmet=_UNMET if version == "2.36" else (), **_NO_NAME)
        for version in VERSIONS
    ],
    lookup="nobody.example inet6 AI_V4MAPPED",
)
# IPv6 by rule 9, three times each address, with remarks and departures
SIX_BY_9 = reason(
    9, SIX_NEAR, "shares 125 bits with 2001:db8:1::2/64",
    SIX, "shares 44 bits with 2001:db8:1::2/64",
)  # fmt: skip
TELLING = lookup(
    "six-and-remarks",
    on(
        VERSIONS, (SIX_NEAR,) * 3 + (SIX,) * 3, sockets=3, decisions=(SIX_BY_9,),
        destinations=(
            row(SIX_NEAR, 3, common_prefix=125),
            row(SIX, 0, common_prefix=44, flags=("deprecated",)),
        ),
        remarks=(
            Remark("trap", "gai.conf has 1 label line."),
            Remark("cycle", "these three addresses form a cycle"),
            Remark("reply", "the order depends on which DNS reply comes first"),
        ),
        departures=tuple(
            Departure(standard, (SIX, SIX_NEAR), "rule 3: one is deprecated")
            for standard in ("RFC 3484", "RFC 6724")
        ),
    ),
    lookup="web any", gai_conf="rfc3484.conf", devices=(DeviceNote("six0", "sit made as tun"),),
)  # fmt: skip
# an IPv4-only host: the same version answers otherwise on another processor
_BLIND: dict[str, Any] = {"prefixlen": 0, "interface": None, "native": False}
_NUMBERED = (row(FAR, 0, **_BLIND), row(NEAR, 1, **_BLIND))
_SHARED = (
    row(NEAR, 1, **_BLIND, common_prefix=29), row(FAR, 0, **_BLIND, common_prefix=12),
)  # fmt: skip
_BLIND_9 = reason(
    9, NEAR, "shares 29 bits with 172.18.45.2 (prefix length unknown)",
    FAR, "shares 12 bits with 172.18.45.2 (prefix length unknown)",
)  # fmt: skip
_BOTH = ("2.36", "2.41")
ARCHITECTURES = lookup(
    "ipv4-only",
    [
        *on(_BOTH, (FAR, NEAR), decisions=(BY_RULE_10,), destinations=_NUMBERED),
        *on(_BOTH, (NEAR, FAR), arch="armhf", decisions=(_BLIND_9,), destinations=_SHARED),
    ],
    architectures=(
        ArchitectureChange(
            _BOTH, ("amd64",), ("armhf",), why=(SHIFTED,),
            sides=(("amd64", (FAR, NEAR)), ("armhf", (NEAR, FAR))),
        ),
    ),
)  # fmt: skip
# a disagreement that a baseline knows, on the build that is held against another
_GOOD = result("2.41", (NEAR, FAR), **NEAR_FIRST)
_KNOWN = wrong(
    "2.44", (FAR, NEAR), (NEAR, FAR), accepted=True, reason="our patch to rule 9", **NEAR_FIRST
)
ACCEPTED = lookup(
    "patched", [_GOOD, _KNOWN], reference=_GOOD.where,
    against=(
        BuildChange(
            Side(_GOOD.where, (NEAR, FAR), None, 9, BY_RULE_9.why),
            Side(_KNOWN.where, (FAR, NEAR), None, None, "", agreed=False),
        ),
    ),
)  # fmt: skip
# a foreign build whose emulator failed its self-test: another answer, but not counted
_FOREIGN = wrong(
    "2.41", (FAR, NEAR), (NEAR, FAR), arch="riscv64", emulator="qemu-riscv64",
    untrusted="it does not see every address", **NEAR_FIRST,
)  # fmt: skip
UNTRUSTED = lookup("through-qemu", [_GOOD, _FOREIGN])
# names that would be markup, script or the end of one
HOSTILE = lookup(
    f'"><b id=owned>{EVIL}', NEAR_EVERYWHERE,
    lookup=f"{EVIL}&amp;'",
    gai_conf="]]>--><style>*{display:none}</style>",
    description=f"{{{{ 7*7 }}}} {EVIL} \u202e\x00 ${{7*7}}",
    devices=(DeviceNote("eth0", EVIL),),
    changes=(VersionChange("2.31", "2.36", why=(EVIL,), sides=((EVIL, (NEAR,)),) * 2),),
)  # fmt: skip
RUN = [AGREEING, CHANGED, CRASHING, DISAGREEING, FAILING, TELLING]


def many(count: int) -> list[LookupReport]:
    """Look-ups on which all agree."""
    return [lookup(f"host-{n // 10}", NEAR_EVERYWHERE, lookup=f"name-{n}") for n in range(count)]


def page(
    reports: Sequence[LookupReport], title: str = "A run", notices: Sequence[Notice] = ()
) -> str:
    """The page of a run."""
    return written("html", reports, *notices, title=title, made=MADE)


def attributes(page: BeautifulSoup, name: str) -> list[str]:
    """The attributes of this name of all elements."""
    return [str(element[name]) for element in page.select(f"[{name}]")]
