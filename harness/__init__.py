"""gai-harness: in what order glibc's ``getaddrinfo`` returns addresses, and why."""

__version__ = "1.1.0.dev0"
