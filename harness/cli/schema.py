"""``gai-harness schema``: print the JSON Schema of scenario files, or of what is written."""

from __future__ import annotations

import argparse

from harness.cli.options import declare, option

OF = (
    "scenario", "results", "explain", "whatif", "suggest", "kubelet", "bench", "fuzz", "doctor",
    "lint",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``schema``."""
    declare(
        parser,
        option("--of", "scenario: the files that are read (default); results: what run --format"
               " json writes; the others: what these commands write as JSON",
               choices=OF, default="scenario"),
    )  # fmt: skip
    parser.epilog = (
        "The schema is draft 2020-12; editors with a YAML language server check and "
        "complete scenario files with it."
    )


def main(options: argparse.Namespace) -> int:
    """Print the schema; returns the exit status, 0."""
    import json

    if options.of == "scenario":
        from harness.scenario import json_schema

        schema = json_schema()
    else:
        from harness.report import documents

        schema = documents.json_schema(options.of)
    print(json.dumps(schema, indent=2))
    return 0
