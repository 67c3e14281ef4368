"""Hosts in few words: ``host({"eth0": "10.0.0.1/24"}, ["default via 10.0.0.2"])``."""

from collections.abc import Mapping, Sequence
from typing import Any

Data = dict[str, Any]


def pairs(text: str) -> Data:
    """Words and their values: ``priority 5 not true table 100``."""
    words = text.split()
    return {
        word: int(value) if value.isdigit() else value == "true" or value
        for word, value in zip(words[::2], words[1::2], strict=True)
    }


def interface(text: str) -> Data:
    """A kind, where it is none of ethernet, and addresses: ``10.0.0.1/24+deprecated+home``.

    An address may have a peer: ``10.9.0.1/32>10.9.0.2/32``.
    """
    found: Data = {"addresses": []}
    for word in text.split():
        if "/" not in word:
            found["kind"] = word
            continue
        ends, *flags = word.split("+")
        address, _, peer = ends.partition(">")
        more: Data = ({"peer": peer} if peer else {}) | ({"flags": flags} if flags else {})
        found["addresses"].append({"address": address, **more} if more else address)
    return found


def host(
    interfaces: Mapping[str, str | Data],
    routes: Sequence[str | Data] = (),
    rules: Sequence[str | Data] = (),
    **rest: Any,
) -> Data:
    """The ``host`` of a scenario; a route begins with its destination."""
    return {
        "interfaces": {
            name: interface(each) if isinstance(each, str) else each
            for name, each in interfaces.items()
        },
        "routes": [pairs(f"to {each}") if isinstance(each, str) else each for each in routes],
        "rules": [pairs(each) if isinstance(each, str) else each for each in rules],
        **rest,
    }
