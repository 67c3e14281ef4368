"""What the kernel does that decides which rules can ever speak."""

import socket
from collections.abc import Iterator

from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg  # type: ignore[import-untyped]

from harness.kernel.netlink import NLM_F_CREATE, RTM_NEWADDR
from harness.model.host import IFA_F_HOMEADDRESS, IFA_F_OPTIMISTIC
from harness.sandbox import Box, Pool
from harness.scenario.schema import Host

PERMANENT = 0x80


def flags_kept(box: Box, asked: tuple[str, int]) -> Iterator[int]:
    """Inside a sandbox: add an address with flags; the flags it has afterwards."""
    address, flags = asked
    box.build(Host.model_validate({"interfaces": {"eth0": {}}}))
    netlink = box._netlink
    six = ":" in address
    message = ifaddrmsg()
    message["family"] = socket.AF_INET6 if six else socket.AF_INET
    message["prefixlen"] = 64 if six else 24
    message["index"] = next(link.index for link in netlink.links() if link.name == "eth0")
    message["attrs"] = [("IFA_ADDRESS", address), ("IFA_LOCAL", address), ("IFA_FLAGS", flags)]
    netlink.change(message, RTM_NEWADDR, NLM_F_CREATE)
    yield from (row.flags for row in netlink.addresses() if str(row.address) == address)


def test_the_kernel_drops_ipv6_flags_of_ipv4_addresses() -> None:
    wanted = IFA_F_HOMEADDRESS | IFA_F_OPTIMISTIC
    with Pool() as pool:
        (four,) = pool.run(flags_kept, ("192.0.2.2", wanted))
        (six,) = pool.run(flags_kept, ("2001:db8::2", IFA_F_HOMEADDRESS))
    assert four & wanted == 0
    assert four & PERMANENT  # the request itself was honoured
    assert six & IFA_F_HOMEADDRESS
