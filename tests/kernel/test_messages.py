"""Requests and dumps in bytes, held to what pyroute2 writes: what not every kernel can be asked.

Addresses and routes are held to real kernels by tests/sandbox and tests/live/test_snapshot.py.
"""

from ipaddress import ip_address
from typing import Any

import pytest
from pyroute2.netlink import nlmsg  # type: ignore[import-untyped]
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg  # type: ignore[import-untyped]

from harness.kernel import messages, rows
from harness.kernel.messages import HEADER, Message, number, packed, text
from harness.kernel.rows import KernelLink


def written(form: type[nlmsg], attributes: dict[str, Any], **fields: int) -> bytes:
    """What pyroute2 writes behind the header."""
    made = form()
    for name, value in fields.items():
        made[name] = value
    made["attrs"] = [*attributes.items()]
    made.encode()
    return bytes(made.data)[HEADER.size :]


def device(kind: str, *data: messages.Attribute) -> bytes:
    inner = (rows.IFLA_INFO_DATA, packed(*data))
    info = packed((rows.IFLA_INFO_KIND, text(kind)), inner)
    name = rows.IFLA_IFNAME, text("eth0")
    return messages.link(7, name, (rows.IFLA_LINKINFO, info)).body


def their_device(kind: str, *data: tuple[str, object]) -> bytes:
    info = {"attrs": [("IFLA_INFO_KIND", kind), ("IFLA_INFO_DATA", {"attrs": [*data]})]}
    return written(ifinfmsg, {"IFLA_IFNAME": "eth0", "IFLA_LINKINFO": info}, index=7)


def plain(body: bytes) -> bytes:
    """The body without the bit that says of an attribute that it holds others."""
    return body.replace(b"\x12\x80", b"\x12\0").replace(b"\x02\x80", b"\x02\0")


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (
            device("vrf", (rows.IFLA_VRF_TABLE, number(100))),
            their_device("vrf", ("IFLA_VRF_TABLE", 100)),
        ),
        *(
            (
                device(kind, (rows.IFLA_IPTUN_REMOTE, ip_address(remote).packed)),
                their_device(kind, (name, remote)),
            )
            for kind, name, remote in (
                ("sit", "IFLA_SIT_REMOTE", "192.0.2.7"),
                ("ipip", "IFLA_IPIP_REMOTE", "192.0.2.7"),
                ("ip6tnl", "IFLA_IP6TNL_REMOTE", "2001:db8::7"),
            )
        ),
        (
            messages.link(7, (rows.IFLA_MASTER, number(9)), flags=1, change=0x1081).body,
            written(ifinfmsg, {"IFLA_MASTER": 9}, index=7, flags=1, change=0x1081),
        ),
    ],
    ids=["vrf", "sit", "ipip", "ip6tnl", "flags"],
)  # fmt: skip
def test_a_request_is_what_pyroute2_writes(ours: bytes, theirs: bytes) -> None:
    assert plain(ours) == plain(theirs)


def test_a_dump_is_read_as_pyroute2_writes_it() -> None:
    info = {
        "attrs": [("IFLA_INFO_KIND", "vrf"), ("IFLA_INFO_DATA", {"attrs": [("IFLA_VRF_TABLE", 9)]})]
    }
    body = written(
        ifinfmsg, {"IFLA_IFNAME": "red", "IFLA_MASTER": 5, "IFLA_LINKINFO": info},
        index=4, ifi_type=1, flags=0x1043,
    )  # fmt: skip
    assert rows.link(Message(messages.LINK, body).request(0, 0)) == KernelLink(
        4, "red", 1, "vrf", 0x1043, 5, 9
    )
