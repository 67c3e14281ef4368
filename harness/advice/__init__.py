"""Advice on a gai.conf: lint, pitfalls, suggest. Pure: it has the model and nothing else."""
