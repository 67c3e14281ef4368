"""``gai-harness schema``: print the JSON Schema of scenario files, or of what is written."""

from __future__ import annotations

import argparse

OF = (
    "scenario", "results", "explain", "whatif", "suggest", "kubelet", "bench", "fuzz", "doctor",
    "lint",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``schema``.

    Parameters: ``parser`` of this command.
    """
    parser.add_argument(
        "--of", choices=OF, default="scenario",
        help="scenario: the files that are read (default); results: what run --format json"
        " writes; the others: what these commands write as JSON",
    )  # fmt: skip
    parser.epilog = (
        "The schema is draft 2020-12; editors with a YAML language server check and "
        "complete scenario files with it."
    )


def main(options: argparse.Namespace) -> int:
    """Print the schema on standard output.

    Parameters: ``options`` with the name of the document. Returns the exit status, 0.
    """
    import json

    if options.of == "scenario":
        from harness.scenario import json_schema

        schema = json_schema()
    else:
        from harness.report import documents

        schema = documents.json_schema(options.of)
    print(json.dumps(schema, indent=2))
    return 0
