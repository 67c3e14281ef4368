"""The fuzzer: batches on one host, the engine that runs them, and the way to a smallest case."""
