"""What runs inside a sandbox for these tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.compare.run import HostJob, collect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.compare.evidence import Evidence
    from harness.sandbox import Box


def gather(box: Box, job: HostJob) -> Iterator[Evidence]:
    """Yield every piece of evidence of one host."""
    for evidences, _ in collect(box, job):
        yield from evidences
