"""The kernel's numbers for routes and rules, by the names a scenario has for them.

Source: linux/rtnetlink.h, linux/fib_rules.h.
"""

from __future__ import annotations

ROUTE_TYPES = {
    "unicast": 1, "local": 2, "broadcast": 3, "anycast": 4, "multicast": 5,
    "blackhole": 6, "unreachable": 7, "prohibit": 8, "throw": 9,
}  # fmt: skip
SCOPES = {"global": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}
PREFERENCES = {"low": 3, "medium": 0, "high": 1}
RULE_TYPES = {"unicast": 1, "nop": 3, "blackhole": 6, "unreachable": 7, "prohibit": 8}
FR_ACT_GOTO = 2
FIB_RULE_INVERT = 2
KERNEL_RULES = {4: ((0, 255), (32766, 254), (32767, 253)), 6: ((0, 255), (32766, 254))}
"""Priority and table of the rules every network namespace begins with, by IP version."""
