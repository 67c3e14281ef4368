"""Requests and dumps in bytes, held to what pyroute2 writes and reads."""

from ipaddress import ip_address
from typing import Any

import pytest
from pyroute2.netlink import nlmsg  # type: ignore[import-untyped]
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg  # type: ignore[import-untyped]
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg  # type: ignore[import-untyped]
from pyroute2.netlink.rtnl.rtmsg import rtmsg  # type: ignore[import-untyped]

from harness.kernel import messages, rows
from harness.kernel.messages import HEADER, Message, number, packed, route_request, text
from harness.kernel.rows import KernelAddress, KernelLink

FAR6 = ip_address("2001:db8::9")


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
        (
            messages.address(
                FAR6, FAR6, 64, 3, 253, (rows.IFA_FLAGS, number(0x82)), (rows.IFA_LABEL, text("a"))
            ).body,
            written(
                ifaddrmsg,
                {
                    "IFA_LOCAL": str(FAR6), "IFA_ADDRESS": str(FAR6), "IFA_FLAGS": 0x82,
                    "IFA_LABEL": "a",
                },
                family=10, prefixlen=64, index=3, scope=253,
            ),
        ),
        (
            route_request(FAR6, 4)[HEADER.size :],
            written(
                rtmsg, {"RTA_DST": str(FAR6), "RTA_OIF": 4}, family=10, dst_len=128
            ),
        ),
    ],
    ids=["vrf", "sit", "ipip", "ip6tnl", "flags", "address", "route"],
)  # fmt: skip
def test_a_request_is_what_pyroute2_writes(ours: bytes, theirs: bytes) -> None:
    assert plain(ours) == plain(theirs)


def dumped(form: type[nlmsg], attributes: dict[str, Any], **fields: int) -> bytes:
    body = written(form, attributes, **fields)
    return Message(messages.LINK, body).request(0, 0)


def test_a_dump_is_read_as_pyroute2_writes_it() -> None:
    info = {
        "attrs": [("IFLA_INFO_KIND", "vrf"), ("IFLA_INFO_DATA", {"attrs": [("IFLA_VRF_TABLE", 9)]})]
    }
    data = dumped(
        ifinfmsg, {"IFLA_IFNAME": "red", "IFLA_MASTER": 5, "IFLA_LINKINFO": info},
        index=4, ifi_type=1, flags=0x1043,
    )  # fmt: skip
    assert rows.link(data) == KernelLink(4, "red", 1, "vrf", 0x1043, 5, 9)
    ends = {"IFA_ADDRESS": "10.9.0.2", "IFA_LOCAL": "10.9.0.1", "IFA_BROADCAST": "10.9.0.3"}
    more = {"IFA_LABEL": "eth0:1", "IFA_FLAGS": 0x280, "IFA_RT_PRIORITY": 7}
    head = {"family": 2, "prefixlen": 30, "index": 3, "scope": 253, "flags": 0x80}
    far, own, broadcast = map(ip_address, ends.values())
    assert rows.address(dumped(ifaddrmsg, {**ends, **more}, **head)) == KernelAddress(
        3, far, own, 30, 0x280, 253, "eth0:1", 7, broadcast
    )
    bare = rows.address(dumped(ifaddrmsg, {"IFA_ADDRESS": "10.9.0.2"}, **head))
    assert bare == KernelAddress(3, far, None, 30, 0x80, 253, None, None)
