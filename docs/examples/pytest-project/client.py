"""The code under test: it connects to the first address of a name that answers."""

from __future__ import annotations

import socket


def connect(name: str, port: int) -> str:
    """Connect to ``name`` and return the address that answered."""
    with socket.create_connection((name, port), timeout=5) as connection:
        return str(connection.getpeername()[0])
