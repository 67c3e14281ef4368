"""``gai-harness schema``: print the JSON Schema of scenario files, for editors."""

from __future__ import annotations

import argparse
from typing import Any


def register(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the command to the command line.

    Parameters: ``subparsers`` what `argparse.ArgumentParser.add_subparsers` returned.
    Raises nothing.
    """
    parser = subparsers.add_parser(
        "schema",
        help="print the JSON Schema of scenario files",
        description="Print the JSON Schema (draft 2020-12) of scenario files. Editors with a "
        "YAML language server check and complete scenarios with it.",
    )
    parser.set_defaults(handler=_print_schema)


def _print_schema(_arguments: argparse.Namespace) -> int:
    import json

    from harness.scenario import json_schema

    print(json.dumps(json_schema(), indent=2))
    return 0
