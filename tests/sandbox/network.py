"""Changing a network by hand, as people do with iproute2's ip, which a bare Debian lacks."""

import socket

from pyroute2 import IPRoute  # type: ignore[import-untyped]


def add_address(device: str, address: str) -> None:
    with IPRoute() as route:
        (index,) = route.link_lookup(ifname=device)
        host, _, length = address.partition("/")
        route.addr("add", index=index, address=host, prefixlen=int(length))


def flush_ipv6(device: str) -> None:
    """Take the IPv6 addresses of an interface away."""
    with IPRoute() as route:
        (index,) = route.link_lookup(ifname=device)
        route.flush_addr(index=index, family=socket.AF_INET6)


def ipv4_addresses() -> list[str]:
    """The network's IPv4 addresses with their prefix lengths."""
    with IPRoute() as route:
        return [
            f"{found.get_attr('IFA_LOCAL')}/{found['prefixlen']}"
            for found in route.get_addr(family=socket.AF_INET)
        ]


def main() -> None:
    """Bring lo up with a default route: a network in which nothing answers."""
    with IPRoute() as route:
        (index,) = route.link_lookup(ifname="lo")
        route.link("set", index=index, state="up")
        route.route("add", dst="0.0.0.0/0", oif=index, scope="link")


if __name__ == "__main__":
    main()
