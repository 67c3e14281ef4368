"""Text on its way out: what came from outside is shown, and never takes effect."""
