"""Text in and out: strict YAML, bounded reading, the nearest name, one line for each error."""
