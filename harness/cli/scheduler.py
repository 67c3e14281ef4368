"""``--scheduler``: the work of ``run`` and ``fuzz``, done here or spread over a Dask cluster."""

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from harness.cli.options import TLS
from harness.cli.parser import Options, UsageError
from harness.cli.streams import complain
from harness.cli.values import LOCAL
from harness.compare.evidence import LaneSpec
from harness.compare.run import HostJob, JobOutcome, run

if TYPE_CHECKING:
    from harness.compare import cluster
    from harness.compare.fuzz.found import FuzzReport


def _is_here(options: Options) -> bool:
    """Whether the work is done on this host. Raises UsageError for --tls-… without a use."""
    here = options.scheduler in (None, LOCAL)
    for name in TLS:
        if here and getattr(options, f"tls_{name}") is not None:
            raise UsageError(f"--tls-{name}: --scheduler with an address was expected")
    return here


def _cluster(options: Options) -> "cluster.Cluster":
    from harness.compare import cluster  # who spreads nothing pays nothing

    files = (getattr(options, f"tls_{name}") for name in TLS)
    opened = cluster.Cluster(options.scheduler, *files)
    if not opened.encrypted:
        complain(
            f"--scheduler {options.scheduler}: without TLS, whoever reaches the scheduler can run"
            " programs on its workers and here; see --tls-ca, --tls-cert and --tls-key"
        )
    return opened


def fuzz_reports(
    options: Options, lanes: Sequence[LaneSpec], seconds: float | None
) -> Iterator["FuzzReport"]:
    """The batches of ``fuzz``. Raises ClusterError."""
    if _is_here(options):
        from harness.compare.fuzz.batches import fuzz

        jobs = options.jobs or os.cpu_count() or 1
        yield from fuzz(
            lanes, options.seed, cases=options.cases, seconds=seconds, jobs=jobs, draw=options.draw
        )
        return
    from harness.compare import cluster

    glibcs = cluster.Glibcs.of(lanes, options.glibc, "worker")
    with _cluster(options) as opened:
        yield from cluster.fuzz_on(
            opened, glibcs, options.seed, cases=options.cases, seconds=seconds, draw=options.draw
        )


def job_outcomes(options: Options, jobs: Sequence[HostJob]) -> Iterator[JobOutcome]:
    """The outcomes of ``run``'s hosts. Raises ClusterError."""
    if _is_here(options) or not jobs:
        yield from run(jobs, options.jobs)
        return
    from harness.compare import cluster

    words = options.glibc if options.against is None else f"{options.glibc},{options.against}"
    glibcs = cluster.Glibcs.of(jobs[0].lanes, words, options.lane)
    with _cluster(options) as opened:
        yield from cluster.run_on(opened, glibcs, jobs)
