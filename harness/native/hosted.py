"""``python -m harness.native.hosted``: the cffi extension as a worker.

Started by another glibc's loader, this interpreter and its extension run on that glibc; the
protocol is the worker's, so `WorkerLane` serves both.
"""

from __future__ import annotations

import sys


def main() -> int:
    """Serve on standard input and output; the exit status of the worker's loop."""
    from harness.native._core import lib

    return int(lib.gai_worker_main())


if __name__ == "__main__":
    sys.exit(main())
