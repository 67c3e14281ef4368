"""Netlink, read and written once for all rooms: addresses, links, routes, one `HostView`.

What is read here describes the network namespace of the caller; nothing outside a sandbox is
ever changed.
"""
