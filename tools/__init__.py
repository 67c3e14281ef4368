"""What makes pages of docs/; no part of the package."""
