"""The command `gai-harness`: `main`, and one module per subcommand, imported when needed."""
