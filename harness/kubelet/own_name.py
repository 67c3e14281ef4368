"""Whether a look-up of this host's own name says what a kubelet is answered here."""

import socket

from harness.kubelet.resolver import choose_resolver
from harness.kubelet.run import surroundings
from harness.text.errors import show


def not_from_glibc(name: str) -> str:
    """That Go programs ask another than glibc for this host's own name, in a line.

    Args:
        name: A name looked up on this host.

    Returns:
        "" for another machine's name, and where Go calls getaddrinfo too.
    """
    if not _own(name):
        return ""
    chosen = choose_resolver(name, surroundings())
    if chosen.resolver == "cgo":
        return ""
    return (
        f"{show(name)} is this host's own name, and this is what glibc makes of it; a kubelet"
        f" or another Go program asks Go's own resolver ({chosen.why}), whose answer"
        " gai-harness kubelet has"
    )


def _own(name: str) -> bool:
    """Whether a name is the machine's, with its domain or without."""
    asked, own = (text.rstrip(".").lower() for text in (name, socket.gethostname()))
    return asked == own or (
        ("." in asked) is not ("." in own) and asked.partition(".")[0] == own.partition(".")[0]
    )
