"""``gai-harness schema``: print the JSON Schema of scenario files, for editors."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command; it has no arguments.

    Parameters: ``parser`` of this command. Raises nothing.
    """
    parser.epilog = (
        "The schema is draft 2020-12; editors with a YAML language server check and "
        "complete scenario files with it."
    )


def main(_arguments: argparse.Namespace) -> int:
    """Print the schema on standard output.

    Parameters: nothing is read from the arguments. Returns the exit status, 0.
    """
    import json

    from harness.scenario import json_schema

    print(json.dumps(json_schema(), indent=2))
    return 0
