"""``--scheduler``: the work of ``run`` and ``fuzz`` spread over a Dask cluster."""

from typing import TYPE_CHECKING

from harness.cli.options import TLS
from harness.cli.parser import Options, UsageError
from harness.cli.streams import complain
from harness.cli.values import LOCAL

if TYPE_CHECKING:
    from harness.compare.cluster import Cluster


def cluster(options: Options, words: str, lane: str) -> "Cluster | None":
    """The cluster for work on lanes that ``words`` and ``lane`` name; None for this host.

    Raises ClusterError, and UsageError for --tls-… without a use.
    """
    files = {name: getattr(options, f"tls_{name}") for name in TLS}
    if options.scheduler in (None, LOCAL):
        for name in (one for one in TLS if files[one] is not None):
            raise UsageError(f"--tls-{name}: --scheduler with an address was expected")
        return None
    from harness.compare.cluster import Cluster, Glibcs  # who spreads nothing pays nothing

    opened = Cluster(options.scheduler, Glibcs(words, lane, options.resolver), **files)
    if not opened.encrypted:
        complain(
            f"--scheduler {options.scheduler}: without TLS, whoever reaches the scheduler can run"
            " programs on its workers and here; see --tls-ca, --tls-cert and --tls-key"
        )
    return opened
