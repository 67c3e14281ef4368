"""Netlink, read and written once for all rooms; nothing outside a sandbox is ever changed."""
