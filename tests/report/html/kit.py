"""Look-ups made by hand: what a page has to show stands here, not in the program under test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from harness.compare.results import (
    ArchitectureChange,
    BuildChange,
    Departure,
    DestinationRow,
    LookupReport,
    Notice,
    PairReason,
    Remark,
    Result,
    Side,
    Verdict,
    VersionChange,
)
from harness.sandbox import DeviceNote
from tests.report.kit import written

SUITES = {"2.31": "bullseye", "2.36": "bookworm", "2.41": "trixie", "2.44": "experimental"}
NEAR, FAR, SIX, SIX_NEAR = "172.18.45.6", "172.31.80.8", "2001:db8:9::1", "2001:db8:1::6"
CHECKED = "since 2.41 lines with a missing number are dropped (gaiconf_numbers_checked)"
SHIFTED = "0xffffffff << 32 gives 0 (shift_by_32 on armhf)"
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


def everywhere(native: Sequence[str], **changes: Any) -> list[Result]:
    """The same on all `VERSIONS`."""
    return [result(version, native, **changes) for version in VERSIONS]


def lookup(
    scenario: str,
    results: Sequence[Result],
    *,
    name: str = "web",
    gai_conf: str = "default",
    **changes: Any,
) -> LookupReport:
    """A look-up whose results carry its names."""
    named = tuple(
        replace(one, scenario=scenario, lookup=name, gai_conf=gai_conf) for one in results
    )
    return LookupReport(scenario, name, gai_conf, named, **changes)


NEAR_ROW = row(NEAR, 1, common_prefix=29)
FAR_ROW = row(FAR, 0)


def reason(rule: int, before: str, saw: str, after: str, saw_after: str) -> PairReason:
    """A decision with what the rule saw of each of the two."""
    why = f"rule {rule}: {before} {saw}, {after} {saw_after}"
    return PairReason(before, after, rule, why, seen=(saw, saw_after))


BY_RULE_9 = reason(
    9, NEAR, "shares 29 bits with 172.18.45.2/24", FAR, "is outside the subnet of 172.18.45.2/24"
)
BY_RULE_10 = reason(10, FAR, "number 1 of the answer", NEAR, "number 2 of the answer")
NEAR_FIRST: dict[str, Any] = {"decisions": (BY_RULE_9,), "destinations": (NEAR_ROW, FAR_ROW)}
FAR_FIRST: dict[str, Any] = {"decisions": (BY_RULE_10,), "destinations": (FAR_ROW, NEAR_ROW)}
SIX_BY_9 = reason(
    9, SIX_NEAR, "shares 125 bits with 2001:db8:1::2/64", SIX,
    "shares 44 bits with 2001:db8:1::2/64",
)  # fmt: skip
SIX_BEFORE_FOUR = reason(6, SIX, "precedence 40", NEAR, "precedence 10")
MOVED = (("2.36", (NEAR, FAR)), ("2.41", (FAR, NEAR)))
VERSIONS = ("2.31", "2.36", "2.41", "2.44")


def agreeing() -> LookupReport:
    """Rule 9, the same on all versions."""
    return lookup(
        "near-and-far",
        everywhere((NEAR, FAR), **NEAR_FIRST),
        description="A host 172.18.45.2/24 and a name with one address nearby.",
    )


def changed() -> LookupReport:
    """2.41 answers otherwise, and one row of the dialect table says why."""
    old = [result(version, (NEAR, FAR), **NEAR_FIRST) for version in VERSIONS[:2]]
    new = [result(version, (FAR, NEAR), **FAR_FIRST) for version in VERSIONS[2:]]
    return lookup(
        "missing-value", [*old, *new], gai_conf="inline",
        changes=(VersionChange("2.36", "2.41", why=(CHECKED,), sides=MOVED),),
    )  # fmt: skip


def crashing() -> LookupReport:
    """2.31 dies of an undefined line, as predicted; 2.36 does not."""
    undefined = ("line 1: no prefix length: undefined behaviour up to glibc 2.40",)
    died = result(
        "2.31", (), model=(NEAR, FAR), verdict=Verdict.CRASHED, error="SIGSEGV", predicted=True,
        undefined=undefined, **NEAR_FIRST,
    )  # fmt: skip
    lived = result("2.36", (NEAR, FAR), undefined=undefined, **NEAR_FIRST)
    new = [result(version, (FAR, NEAR), **FAR_FIRST) for version in VERSIONS[2:]]
    return lookup(
        "no-length", [died, lived, *new], gai_conf="inline",
        changes=(
            VersionChange(
                "2.31", "2.36", why=("the file's effect is undefined",),
                sides=(("2.31", ("SIGSEGV",)), ("2.36", (NEAR, FAR))),
            ),
            VersionChange("2.36", "2.41", why=(CHECKED,), sides=MOVED),
        ),
    )  # fmt: skip


def disagreeing() -> LookupReport:
    """Native and model differ at the second of three addresses, on 2.44 only."""
    three = (SIX, NEAR, FAR)
    facts: dict[str, Any] = {
        "decisions": (SIX_BEFORE_FOUR, BY_RULE_9),
        "destinations": (row(SIX, 2), NEAR_ROW, FAR_ROW),
    }
    good = [result(version, three, **facts) for version in VERSIONS[:3]]
    bad = result(
        "2.44", (SIX, FAR, NEAR), model=three, verdict=Verdict.DISAGREE, first_difference=1, **facts
    )
    return lookup("planted-mistake", [*good, bad], description="A glibc with a patch of its own.")


def failing() -> LookupReport:
    """Both fail alike, and an expectation of the file is not met on 2.36."""
    same: dict[str, Any] = {"error": "EAI_NONAME", "model_error": "EAI_NONAME"}
    unmet = ("native: expected an answer, got EAI_NONAME",)
    return lookup(
        "no-such-name",
        [
            result(version, (), unmet=unmet if version == "2.36" else (), **same)
            for version in VERSIONS
        ],
        name="nobody.example inet6 AI_V4MAPPED",
    )


def telling() -> LookupReport:
    """IPv6 by rule 9, three times each address, with remarks and departures."""
    rows = (
        row(SIX_NEAR, 3, common_prefix=125),
        row(SIX, 0, common_prefix=44, flags=("deprecated",)),
    )
    return lookup(
        "six-and-remarks",
        everywhere(
            (SIX_NEAR,) * 3 + (SIX,) * 3, decisions=(SIX_BY_9,), destinations=rows,
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
        name="web any", gai_conf="rfc3484.conf", devices=(DeviceNote("six0", "sit made as tun"),),
    )  # fmt: skip


def architectures() -> LookupReport:
    """An IPv4-only host: the same version answers otherwise on another processor."""
    blind: dict[str, Any] = {"prefixlen": 0, "interface": None, "native": False}
    rows = (row(FAR, 0, **blind), row(NEAR, 1, **blind))
    amd64: dict[str, Any] = {"decisions": (BY_RULE_10,), "destinations": rows}
    rows = (row(NEAR, 1, **blind, common_prefix=29), row(FAR, 0, **blind, common_prefix=12))
    armhf: dict[str, Any] = {
        "decisions": (
            reason(
                9, NEAR, "shares 29 bits with 172.18.45.2 (prefix length unknown)",
                FAR, "shares 12 bits with 172.18.45.2 (prefix length unknown)",
            ),
        ),
        "destinations": rows,
    }  # fmt: skip
    return lookup(
        "ipv4-only",
        [
            *(result(version, (FAR, NEAR), **amd64) for version in ("2.36", "2.41")),
            *(result(version, (NEAR, FAR), arch="armhf", **armhf) for version in ("2.36", "2.41")),
        ],
        architectures=(
            ArchitectureChange(
                ("2.36", "2.41"), ("amd64",), ("armhf",), why=(SHIFTED,),
                sides=(("amd64", (FAR, NEAR)), ("armhf", (NEAR, FAR))),
            ),
        ),
    )  # fmt: skip


def accepted() -> LookupReport:
    """A disagreement that a baseline knows, on the build that is held against another."""
    good = result("2.41", (NEAR, FAR), **NEAR_FIRST)
    bad = result(
        "2.44", (FAR, NEAR), model=(NEAR, FAR), verdict=Verdict.DISAGREE, first_difference=0,
        accepted=True, reason="our patch to rule 9", **NEAR_FIRST,
    )  # fmt: skip
    return lookup(
        "patched", [good, bad], reference=good.where,
        against=(
            BuildChange(
                Side(good.where, (NEAR, FAR), None, 9, BY_RULE_9.why),
                Side(bad.where, (FAR, NEAR), None, None, ""),
            ),
        ),
    )  # fmt: skip


def untrusted() -> LookupReport:
    """A foreign build whose emulator failed its self-test: another answer, but not counted."""
    native = result("2.41", (NEAR, FAR), **NEAR_FIRST)
    foreign = result(
        "2.41", (FAR, NEAR), model=(NEAR, FAR), verdict=Verdict.DISAGREE, first_difference=0,
        arch="riscv64", emulator="qemu-riscv64", untrusted="it does not see every address",
        **NEAR_FIRST,
    )  # fmt: skip
    return lookup("through-qemu", [native, foreign])


def hostile() -> LookupReport:
    """Names that would be markup, script or the end of one."""
    evil = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>"
    return lookup(
        f'"><b id=owned>{evil}',
        everywhere((NEAR, FAR), **NEAR_FIRST),
        name=f"{evil}&amp;'",
        gai_conf="]]>--><style>*{display:none}</style>",
        description=f"{{{{ 7*7 }}}} {evil} \u202e\x00 ${{7*7}}",
        devices=(DeviceNote("eth0", evil),),
        changes=(VersionChange("2.31", "2.36", why=(evil,), sides=((evil, (NEAR,)),) * 2),),
    )


RUN = [agreeing(), changed(), crashing(), disagreeing(), failing(), telling()]


def many(count: int) -> list[LookupReport]:
    """Look-ups on which all agree."""
    return [
        lookup(f"host-{number // 10}", agreeing().results, name=f"name-{number}")
        for number in range(count)
    ]


def page(
    reports: Sequence[LookupReport], title: str = "A run", notices: Sequence[Notice] = ()
) -> str:
    """The page of a run."""
    return written("html", reports, *notices, title=title, made=MADE)
