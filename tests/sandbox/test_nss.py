"""The names as the name service module gets them, and this interpreter's glibc asking it."""

from __future__ import annotations

from socket import AF_INET, AF_INET6, AF_UNSPEC

import pytest

from harness.native.record import LaneError
from harness.native.worker_lane import bundled_module
from harness.sandbox import Pool, SandboxError
from harness.scenario.schema import Host
from tests.sandbox import jobs
from tests.sandbox.kit import host

HOST = Host.model_validate(
    host({"eth0": "10.0.0.1/24 2001:db8::1/64 fe80::1/64", "eth1": "fe80::2/64"})
)
NAMES = {"web": ["192.0.2.1", "fe80::5%eth1", "fe80::5%eth0", "fe80::5%77", "192.0.2.1"]}


def test_zones_become_numbers_and_the_file_goes_away_again(pool: Pool) -> None:
    steps = [(NAMES, "nss"), ({"web": ["192.0.2.1"]}, "files"), (NAMES, "nss")]
    links, first, second, third = pool.run(jobs.module_files, (HOST, steps))
    assert first["gaiharness.names"] == (
        f"192.0.2.1 web\nfe80::5%{links['eth1']} web\nfe80::5%{links['eth0']} web\n"
        "fe80::5%77 web\n192.0.2.1 web\n"
    )
    assert first["hosts"] == ""
    assert first["nsswitch.conf"].startswith("hosts: gaiharness\n")
    assert second["gaiharness.names"] is None
    assert second["hosts"] == "192.0.2.1 web\n"
    assert third == first


def test_an_unknown_interface_is_one_clear_error(pool: Pool) -> None:
    steps = [({"web": ["fe80::5%eth9"]}, "nss")]
    with pytest.raises(SandboxError, match=r"names: fe80::5%eth9: no interface eth9"):
        list(pool.run(jobs.module_files, (HOST, steps)))


def test_glibc_gets_what_is_listed_and_reads_the_file_each_time(pool: Pool) -> None:
    try:
        bundled_module()
    except LaneError as problem:
        pytest.skip(str(problem))
    other = {"web": ["fe80::6%eth0"]}
    questions = [("web", AF_UNSPEC), ("WEB", AF_INET6), ("web", AF_INET), ("x", AF_UNSPEC)]
    *found, descriptors = pool.run(jobs.module_asked, (HOST, [NAMES, other], questions))
    links = found[0][0]
    answers = [answer for _, answer in found]
    # unreachable without a scope id or in zone 77, hence last; IPv4 has no route
    assert sorted(answers[0]) == sorted(
        [("192.0.2.1", 0), ("fe80::5", links["eth1"]), ("fe80::5", links["eth0"]),
         ("fe80::5", 77), ("192.0.2.1", 0)]
    )  # fmt: skip
    assert answers[1] == [("fe80::5", 0)] * 3
    assert answers[2] == [("192.0.2.1", 0)] * 2
    assert answers[3] == "EAI_NONAME"
    named, unnamed = [("fe80::6", links["eth0"])], [("fe80::6", 0)]
    assert answers[4:] == [named, unnamed, "EAI_NODATA", "EAI_NONAME"]
    assert descriptors == ["0", "1", "2"]
