"""What the script ``gai-harness`` and ``python -P -m harness`` start.

Without -P, Python itself imports from the current folder first.
"""

import signal
import sys

# an interrupt before the command can say so in words ends the process quietly, as a shell expects
_OWN = signal.getsignal(signal.SIGINT) is signal.default_int_handler
if _OWN:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import harness  # noqa: E402
from harness.cli import main as command  # noqa: E402


def main() -> int:
    """Run the command and return its exit status."""
    if _OWN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    harness.pristine = True
    return command.main()


if __name__ == "__main__":
    sys.exit(main())
