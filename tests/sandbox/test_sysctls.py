"""Every sysctl that a scenario may set is the sandbox's own: the machine's stays as it was."""

from pathlib import Path

import pytest

from harness.sandbox import Pool, SandboxError, sysctls
from harness.scenario.schema import Host
from harness.scenario.sysctls import WHOLE, parts
from tests.sandbox import jobs

ROOT = Path("/proc/sys/net")
# what the kernel shows in every network namespace and is the machine's, or may be
ELSEWHERE = (
    "net.netfilter.nf_hooks_lwtunnel", "net.netfilter.nf_conntrack_max", "net.core.somaxconn",
    "net.core.bpf_jit_enable", "net.ipv4.neigh.default.gc_thresh1", "net.ipv4.tcp_mem",
    "net.ipv4.tcp_allowed_congestion_control", "net.unix.max_dgram_qlen", "net.ipv4.route.flush",
    "net.ipv6.icmp.ratelimit", "net.bridge.bridge-nf-call-iptables", "net.mptcp.enabled",
)  # fmt: skip
TRICKS = (
    "", "net", "net.", "net..x", "kernel.core_pattern", "/etc/passwd", "net/../kernel/core_pattern",
    "net.ipv4.conf.../..", "net.ipv4.conf....x",
    "net.ipv4.conf.../../../kernel.core_pattern", "net.//.//.kernel.hostname",
    "net.ipv4.conf.lo/../../../../kernel.core_pattern", "net.ipv4.conf.lo\0.forwarding",
    "net.ipv6.bindv6only\n", "net.ipv4.conf.lo.forwarding\n", "net.ipv4.conf.l\no.forwarding",
    f"net.ipv4.conf.{'a' * 200}.forwarding",
)  # fmt: skip


def readings() -> dict[str, str]:
    """The machine's values of all settings, but for those that count or cannot be read."""
    found = {}
    for path in sorted(ROOT.rglob("*")):
        if path.is_file() and "stable_secret" not in path.name:
            try:
                found[str(path.relative_to(ROOT))] = path.read_text()
            except OSError:
                continue
    return {name: value for name, value in found.items() if "conntrack_count" not in name}


def test_each_is_written_in_a_sandbox_and_the_machine_keeps_its_own(pool: Pool) -> None:
    before = readings()
    host = Host.model_validate({"interfaces": {"eth0": {}}})
    (changed,) = pool.run(jobs.sysctls_changed, host)
    assert readings() == before
    here = {key for key in WHOLE if ROOT.parent.joinpath(*parts(key) or ()).exists()}
    missing = {key for key in here if key not in changed}
    assert not missing, "no other value could be written"
    assert sum(".conf." in key for key in changed) > 100
    assert any(".neigh.eth0." in key for key in changed)


@pytest.mark.parametrize("key", [*ELSEWHERE, *TRICKS])
def test_any_other_is_refused(key: str) -> None:
    assert parts(key) is None
    with pytest.raises(SandboxError, match="no sysctl of a network namespace"):
        sysctls.write(key, "1")
