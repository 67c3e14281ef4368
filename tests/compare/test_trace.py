"""The trace: glibc's own connects saw the sources that the kernel's route look-up gave."""

import struct
from dataclasses import replace
from pathlib import Path

import pytest

from harness.compare.explain import explain
from harness.compare.plan import load_scenarios, make_jobs
from harness.native.trace import Connection, connections
from harness.sandbox.capture import pcap_file
from tests.compare.kit import host_lane
from tests.conftest import Call


def test_calls_are_read() -> None:
    calls = [
        "connect(3, {sa_family=AF_INET, sin_port=htons(53),"
        ' sin_addr=inet_addr("127.0.0.1")}, 16) = 0',
        "connect(3, {sa_family=AF_INET, sin_port=htons(0),"
        ' sin_addr=inet_addr("10.0.0.9")}, 16) = 0',
        "getsockname(3, {sa_family=AF_INET, sin_port=htons(5), "
        'sin_addr=inet_addr("10.0.0.2")}, [28 => 16]) = 0',
        'connect(3, {sa_family=AF_UNSPEC, sa_data="\\0"}, 16) = 0',
        "connect(3, {sa_family=AF_INET6, sin6_port=htons(0), sin6_flowinfo=htonl(0), "
        'inet_pton(AF_INET6, "fe80::1", &sin6_addr), '
        'sin6_scope_id=if_nametoindex("eth0")}, 28) = -1 ENETUNREACH (Network is unreachable)',
    ]
    assert connections(calls) == (
        Connection("10.0.0.9", "10.0.0.2"),
        Connection("fe80::1%eth0", None, "ENETUNREACH"),
    )


@pytest.mark.needs("strace")
def test_every_source_is_the_kernels() -> None:
    """In every second of the library's rule and fact scenarios, on the host's glibc."""
    names = ("rule", "fact-1", "seed")
    chosen = [one for one in load_scenarios(()) if one.scenario.name.startswith(names)][::2]
    jobs = [replace(job, trace=True) for job in make_jobs(chosen, (host_lane(),))]
    kept = [(one.result.scenario, one.trace) for one in explain(jobs) if one.trace is not None]
    checks = [(name, check) for name, trace in kept for check in trace.checks]
    assert len(checks) > 100
    assert [(name, check) for name, check in checks if not check.same] == []
    assert any("RTM_GETADDR" in call for _, trace in kept for call in trace.calls)


def test_no_strace_is_one_line(monkeypatch: pytest.MonkeyPatch, call: Call, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = call("explain", "seed-rule9-dual-stack", "--trace")
    assert (done.status, done.err.count("\n")) == (3, 1)
    assert "apt-get install strace" in done.err


def test_pcap_is_what_wireshark_reads() -> None:
    data = pcap_file([(0, 4, b"\x14\0\0\0")])
    assert struct.unpack_from("<IHHiIII", data)[0] == 0xA1B2C3D4
    assert struct.unpack_from("<I", data, 20)[0] == 253  # LINKTYPE_NETLINK
    assert data.endswith(b"\x14\0\0\0")


def test_capture_works_or_says_why(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "netlink.pcap"
    done = call("explain", "seed-rule9-dual-stack", "--pcap", out)
    if done.status == 3:
        assert "nlmon" in done.err
        assert done.err.count("\n") == 1
    else:
        assert done.status == 0
        assert len(out.read_bytes()) > 24
