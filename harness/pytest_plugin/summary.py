"""What pytest says before and after the tests: the builds used, and where they differ."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from harness.pytest_plugin.lab import lab_of
from harness.text.shown import one_line

if TYPE_CHECKING:
    import pytest

_MOST = 20


def header(config: pytest.Config) -> list[str]:
    """Which builds of glibc, where they are from, and which gai.conf files."""
    settings = lab_of(config).settings
    builds = ", ".join(f"{one.glibc} {one.arch} ({one.build})" for one in settings.lanes)
    lines = [one_line(f"gai-harness: glibc {builds}")]
    if settings.gai_confs:
        names = ", ".join(one.name for one in settings.gai_confs)
        lines.append(one_line(f"gai-harness: gai.conf {names}"))
    return lines


def write_differences(
    terminalreporter: pytest.TerminalReporter, reports: Iterable[pytest.TestReport]
) -> None:
    """A section with every look-up that versions or processors answer differently."""
    found = [
        (report.nodeid, difference)
        for report in reports
        if (difference := dict(report.user_properties).get("gai_difference"))
    ]
    terminalreporter.section("builds of glibc that answer differently", sep="-")
    for nodeid, difference in sorted(found)[:_MOST]:
        terminalreporter.line(one_line(f"{nodeid}: {difference}"))
    if len(found) > _MOST:
        terminalreporter.line(f"… and {len(found) - _MOST} more")
