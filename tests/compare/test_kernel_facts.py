"""What the kernel does that decides which rules can ever speak."""

from collections.abc import Iterator

from harness.model.host import IFA_F_HOMEADDRESS, IFA_F_OPTIMISTIC
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
