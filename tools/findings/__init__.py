"""docs/findings.md: its text with the checks that hold it to a run, its tables, its page."""
