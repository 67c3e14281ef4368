"""``python -m harness.cli``: the command, for an interpreter whose scripts are not on PATH."""

import sys

from harness.cli import main

sys.exit(main())
