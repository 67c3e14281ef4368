"""``--scheduler``: for the commands whose work can be spread over a Dask cluster."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from harness.cli.options import declare, option
from harness.cli.parser import UsageError

if TYPE_CHECKING:
    from harness.compare.cluster import Cluster
    from harness.compare.evidence import LaneSpec
    from harness.compare.fuzz.engine import FuzzReport
    from harness.compare.run import HostJob, JobOutcome

LOCAL = "local"  # processes of this machine: no Dask, and so no port that others can use
_TLS = {
    "ca": "the certificates that the scheduler's must be signed by",
    "cert": "the certificate that this command shows the scheduler",
    "key": "its key, where FILE of --tls-cert does not hold it too",
}


def add_scheduler(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    declare(
        parser,
        option("--scheduler", "spread the work over the Dask cluster of this scheduler"
               " (tls://host:8786), which needs the extra 'cluster'; or over --jobs processes of"
               " this machine", type=_scheduler, metavar="ADDRESS|local"),
        *(option(f"--tls-{name}", f"with --scheduler: {meaning}", metavar="FILE")
          for name, meaning in _TLS.items()),
    )  # fmt: skip


def _scheduler(text: str) -> str:
    if text != LOCAL and not re.fullmatch(r"(?:[a-z]+://)?[^\s/]+:[0-9]{1,5}", text):
        raise argparse.ArgumentTypeError(
            f"local or an address such as tcp://host:8786 was expected, got {text!r}"
        )
    return text


def _is_here(options: argparse.Namespace) -> bool:
    """Whether the work is done on this machine. Raises UsageError for --tls-… without a use."""
    here = options.scheduler in (None, LOCAL)
    for name in _TLS:
        if here and getattr(options, f"tls_{name}") is not None:
            raise UsageError(f"--tls-{name}: --scheduler with an address was expected")
    return here


def _cluster(options: argparse.Namespace) -> Cluster:
    from harness.cli import streams
    from harness.compare.cluster import Cluster, Tls

    cluster = Cluster(options.scheduler, Tls(options.tls_ca, options.tls_cert, options.tls_key))
    if not cluster.encrypted:
        streams.complain(
            f"--scheduler {options.scheduler}: without TLS, whoever reaches the scheduler can run"
            " programs on its workers and here; see --tls-ca, --tls-cert and --tls-key"
        )
    return cluster


def fuzz_reports(
    options: argparse.Namespace, lanes: Sequence[LaneSpec], seconds: float | None
) -> Iterator[FuzzReport]:
    """The batches of ``fuzz``, done here or on a cluster. Raises ClusterError."""
    from harness.compare.fuzz.driver import fuzz

    if _is_here(options):
        jobs = options.jobs or os.cpu_count() or 1
        yield from fuzz(lanes, options.seed, cases=options.cases, seconds=seconds, jobs=jobs)
        return
    from harness.compare.cluster import Glibcs, fuzz_on

    glibcs = Glibcs.of(lanes, options.glibc, "worker")
    with _cluster(options) as cluster:
        yield from fuzz_on(cluster, glibcs, options.seed, cases=options.cases, seconds=seconds)


def job_outcomes(options: argparse.Namespace, jobs: Sequence[HostJob]) -> Iterator[JobOutcome]:
    """The outcomes of ``run``'s hosts, from here or from a cluster. Raises ClusterError."""
    from harness.compare.run import run

    if _is_here(options) or not jobs:
        yield from run(jobs, options.jobs)
        return
    from harness.compare.cluster import Glibcs, run_on

    words = options.glibc if options.against is None else f"{options.glibc},{options.against}"
    glibcs = Glibcs.of(jobs[0].lanes, words, options.lane)
    with _cluster(options) as cluster:
        yield from run_on(cluster, glibcs, jobs)
