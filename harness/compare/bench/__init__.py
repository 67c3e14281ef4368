"""Measuring native against modelled sorting, and the harness against both."""
