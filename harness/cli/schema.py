"""``gai-harness schema``: print the JSON Schema of scenario files, or of what is written."""

import json

from harness.cli.parser import Options
from harness.report import documents
from harness.scenario import json_schema


def main(options: Options) -> int:
    """Print the schema; returns the exit status, 0."""
    schema = json_schema() if options.of == "scenario" else documents.json_schema(options.of)
    print(json.dumps(schema, indent=2))
    return 0
