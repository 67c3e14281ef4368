"""What a JUnit file says of an item beside its outcome, and how its answer differs from others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness.pytest_plugin.failing import model, native

if TYPE_CHECKING:
    from harness.compare.results import Result
    from harness.pytest_plugin.examining import Examined

_UNEXPLAINED = "no single change of glibc explains it"


def properties_of(found: Examined) -> list[tuple[str, object]]:
    """Names and values, in the order shown."""
    result = found.result
    said: list[tuple[str, object]] = [
        ("glibc", result.glibc),
        ("arch", result.arch),
        ("build", result.build),
        ("gai_conf", result.gai_conf),
        ("native", native(result)),
        ("model", model(result)),
    ]
    if result.emulator:
        said.append(("emulator", result.emulator))
    if result.decisions:
        said.append(("rule", result.decisions[0].rule))
    difference = "; ".join(_differences(found))
    if difference:
        said.append(("gai_difference", difference))
    return said


def _differences(found: Examined) -> Iterator[str]:
    """How this build's answer differs from that of the next older one, or of another processor."""
    result = found.result
    for change in found.report.changes:
        if not _is(result, change.newer, change.newer_label):
            continue
        if change.archs and result.arch not in change.archs:
            continue
        for older in found.report.results:
            if older.arch == result.arch and _is(older, change.older, change.older_label):
                why = "; ".join(change.why) or _UNEXPLAINED
                yield f"{change.between}: {native(older)} → {native(result)} ({why})"
                break
    for contrast in found.report.architectures:
        if result.glibc not in contrast.glibc or result.arch not in contrast.other:
            continue
        for one in found.report.results:
            if one.glibc == result.glibc and one.arch in contrast.one:
                why = "; ".join(contrast.why) or _UNEXPLAINED
                yield f"{contrast.between}: {native(one)} ≠ {native(result)} ({why})"
                break


def _is(result: Result, glibc: str, label: str) -> bool:
    return result.glibc == glibc and label in ("", result.label)
