"""gai-harness: in what order glibc's ``getaddrinfo`` returns addresses, and why."""

__version__ = "1.1.0.dev0"

pristine = False
"""True in a process that calls getaddrinfo in its children alone: the command says so of itself."""
