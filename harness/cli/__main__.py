"""``python -P -m harness.cli``: the command, for an interpreter whose scripts are not on PATH.

Without -P, Python itself imports from the current folder first.
"""

import sys

from harness.cli import main

sys.exit(main())
