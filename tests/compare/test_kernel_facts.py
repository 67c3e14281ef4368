"""What the kernel does that decides which rules can ever speak."""

import socket
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from harness.model.host import IFA_F_HOMEADDRESS, IFA_F_OPTIMISTIC, Target
from harness.sandbox import Box, Pool
from harness.scenario.schema import Host

PERMANENT = 0x80


def flags_kept(box: Box, flags: dict[str, tuple[str, ...]]) -> Iterator[dict[str, int]]:
    """Inside a sandbox: add addresses with flags; the flags each has afterwards."""
    host = Host.model_validate({"interfaces": {"eth0": {"addresses": [*flags]}}})
    eth0 = host.interfaces["eth0"]
    # a scenario file with such flags is refused, for the reason that is shown here
    given = [one.model_copy(update={"flags": flags[one.address]}) for one in eth0.addresses]
    made = {"eth0": eth0.model_copy(update={"addresses": tuple(given)})}
    box.build(host.model_copy(update={"interfaces": made}))
    yield {str(row.address): row.flags for row in box.observe(()).addresses}


def test_the_kernel_drops_ipv6_flags_of_ipv4_addresses() -> None:
    asked = {"192.0.2.2/24": ("home", "optimistic"), "2001:db8::2/64": ("home",)}
    with Pool() as pool:
        (kept,) = pool.run(flags_kept, asked)
    assert kept["192.0.2.2"] & (IFA_F_HOMEADDRESS | IFA_F_OPTIMISTIC) == 0
    assert kept["192.0.2.2"] & PERMANENT  # the request itself was honoured
    assert kept["2001:db8::2"] & IFA_F_HOMEADDRESS


def ways(box: Box, policy: str) -> Iterator[tuple[object, object]]:
    """Inside a sandbox with two next hops: what is observed of each way, and what a socket has."""
    box.build(Host.model_validate({
        "interfaces": {"eth0": {"addresses": ["192.0.2.2/24"]},
                       "eth1": {"addresses": ["198.51.100.2/24"]}},
        "routes": [{"to": "0.0.0.0/0",
                    "nexthops": [{"via": "192.0.2.1"}, {"via": "198.51.100.1"}]}],
        "sysctls": {"net.ipv4.fib_multipath_hash_policy": policy},
    }))  # fmt: skip
    targets = [Target(ip_address(f"203.0.113.{number}")) for number in range(1, 65)]
    for target, route in box.observe(targets).routes.items():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((str(target), 0))
            yield str(route.source), sock.getsockname()[0]


@pytest.mark.parametrize("policy", ["0", "2", "3"])
def test_of_several_next_hops_the_one_is_observed_that_a_socket_takes(policy: str) -> None:
    """With a policy of 1 no two sockets of a process need to take the same."""
    with Pool() as pool:
        found = list(pool.run(ways, policy))
    assert len({seen for seen, _ in found}) == 2
    assert [seen for seen, _ in found] == [taken for _, taken in found]
