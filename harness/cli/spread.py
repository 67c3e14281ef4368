"""``--scheduler``: for the commands whose work can be spread over a Dask cluster."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.compare.fuzz.driver import Step
    from harness.compare.run import HostJob, JobOutcome, LaneSpec


def add_scheduler(parser: argparse.ArgumentParser) -> None:
    """Declare the option."""
    parser.add_argument(
        "--scheduler", type=_scheduler, metavar="ADDRESS|local",
        help="spread the work over the Dask cluster of this scheduler (tcp://host:8786), or"
        " over a local one of --jobs processes; needs the extra 'cluster'",
    )  # fmt: skip


def _scheduler(text: str) -> str:
    if text != "local" and not re.fullmatch(r"(?:[a-z]+://)?[^\s/]+:[0-9]{1,5}", text):
        raise argparse.ArgumentTypeError(
            f"local or an address such as tcp://host:8786 was expected, got {text!r}"
        )
    return text


def fuzzed(
    options: argparse.Namespace, lanes: Sequence[LaneSpec], seconds: float | None
) -> Iterator[Step]:
    """The batches of ``fuzz``, done here or on a cluster. Raises ClusterError."""
    from harness.compare.fuzz.driver import fuzz

    jobs = options.jobs or os.cpu_count() or 1
    if options.scheduler is None:
        yield from fuzz(lanes, options.seed, cases=options.cases, seconds=seconds, jobs=jobs)
        return
    from harness.compare.cluster import Cluster, Glibcs, fuzz_on

    glibcs = Glibcs.of(lanes, options.glibc, "worker")
    with Cluster(options.scheduler, jobs) as cluster:
        yield from fuzz_on(cluster, glibcs, options.seed, cases=options.cases, seconds=seconds)


def examined(options: argparse.Namespace, jobs: Sequence[HostJob]) -> Iterator[JobOutcome]:
    """The hosts of ``run``, examined here or on a cluster. Raises ClusterError."""
    from harness.compare.run import run

    if options.scheduler is None or not jobs:
        yield from run(jobs, options.jobs)
        return
    from harness.compare.cluster import Cluster, Glibcs, run_on

    words = options.glibc if options.against is None else f"{options.glibc},{options.against}"
    glibcs = Glibcs.of(jobs[0].lanes, words, options.lane)
    with Cluster(options.scheduler, options.jobs or os.cpu_count() or 1) as cluster:
        yield from run_on(cluster, glibcs, jobs)
