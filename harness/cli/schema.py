"""``gai-harness schema``: print the JSON Schema of scenario files, for editors."""

from __future__ import annotations

import argparse
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command; it has no arguments.

    Parameters: ``parser`` of this command. Raises nothing.
    """
    parser.epilog = (
        "The schema is draft 2020-12; editors with a YAML language server check and "
        "complete scenario files with it."
    )


def main(arguments: argparse.Namespace) -> int:
    """Print the schema on standard output.

    Parameters: ``arguments`` nothing is read from them. Returns the exit status, 0.
    """
    import json

    from harness.scenario import json_schema

    print(json.dumps(json_schema(), indent=2))
    return 0


def register(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the command to a command line made of subparsers.

    Parameters: ``subparsers`` what `argparse.ArgumentParser.add_subparsers` returned.
    Raises nothing.
    """
    parser = subparsers.add_parser("schema", help="print the JSON Schema of scenario files")
    add_arguments(parser)
    parser.set_defaults(handler=main)
