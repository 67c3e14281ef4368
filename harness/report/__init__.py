"""Results as text, JSON and more; every output is a rendering of `harness.compare.results`."""
