"""Makes docs/resolvers.md."""
