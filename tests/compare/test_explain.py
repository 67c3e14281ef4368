"""``explain``: the table, the pair asked for, traps, cycles and departures, on real evidence."""

import struct
from dataclasses import replace
from pathlib import Path

import pytest

from harness.compare.evidence import Evidence, NamedGaiConf, line_findings
from harness.compare.explain import Explanation, explain
from harness.compare.plan import load_scenarios, make_jobs
from harness.compare.results import LookupReport
from harness.compare.run import HostJob
from harness.compare.verdict import judge
from harness.model.addresses import parse_target
from harness.model.lookup import NameService
from harness.native.trace import Connection, connections
from harness.report.explanation import as_text, document
from harness.sandbox.capture import pcap_file
from harness.scenario.schema import Scenario
from tests.compare.kit import host_lane
from tests.conftest import Call
from tests.report.kit import written


def of(evidence: list[Evidence], scenario: str) -> Evidence:
    """What the scenario's first look-up gave."""
    return next(one for one in evidence if one.scenario.name == scenario)


def test_rows_show_every_fact(library_evidence: list[Evidence]) -> None:
    evidence = of(library_evidence, "seed-rule9-dual-stack")
    near, far = judge(evidence).destinations
    assert (near.destination, near.source, near.prefixlen) == ("172.18.45.6", "172.18.45.2", 24)
    assert (near.interface, near.native, near.reachable) == ("eth0", True, True)
    # 172.18.45.2 and 172.18.45.6 differ in their 30th bit
    assert (near.common_prefix, far.common_prefix) == (29, 0)
    assert (near.precedence, near.destination_label, near.destination_scope) == (10, 4, 14)
    assert (near.position, far.position) == (1, 0)


ZONES = Scenario.model_validate({
    "name": "zones",
    "host": {"interfaces": {
        "eth0": {"addresses": ["10.0.0.2/24", "fe80::2/64"]}, "eth1": {"addresses": ["fe80::7/64"]},
    }},
    "resolver": "nss",
    "names": {"web": ["10.0.0.9", "fe80::9%eth0", "fe80::9%eth1"]},
    "lookups": [{"name": "web", "socktype": "any"}],
})  # fmt: skip


@pytest.mark.parametrize(
    ("pair", "rule"),
    [
        # fe80::9 shares 124 bits with either source
        (("fe80::9%eth0", "fe80::9%eth1"), 10),
        (("fe80::9%2", "fe80::9%3"), 10),
        (("10.0.0.9", "fe80::9%3"), 6),
        (("fe80::9", "10.0.0.9"), 6),
        (("fe80::9%eth7", "10.0.0.9"), None),
    ],
)
def test_a_zone_is_an_interface_or_its_number(pair: tuple[str, str], rule: int | None) -> None:
    """And places are counted in addresses, though each has three sockets."""
    job = HostJob(ZONES, (NamedGaiConf("default", None),), (host_lane(),))
    (found,) = explain([job], pair)
    assert (found.pair.rule if found.pair else None) == rule
    assert sorted(row.place for row in found.result.destinations) == [1, 2, 3]
    assert sorted(row.position for row in found.result.destinations) == [0, 3, 6]


@pytest.mark.parametrize(
    ("scenario", "kind", "text"),
    [
        ("seed-rule9-ipv4-only", "trap", "IPv4-only host: glibc dropped the address table"),
        ("fact-1.5-peer", "trap", "point-to-point"),
        ("fact-4.2-dns-a-first", "reply", ""),
        ("fact-2.9-intransitive", "cycle", ""),
        ("seed-rule9-dual-stack", "", ""),
    ],
)
def test_remarks(library_evidence: list[Evidence], scenario: str, kind: str, text: str) -> None:
    found = judge(of(library_evidence, scenario)).remarks
    assert any(one.kind == kind and text in one.text for one in found) is bool(kind)
    assert kind or not found


def test_standards_depart_where_the_table_was_dropped(library_evidence: list[Evidence]) -> None:
    evidence = of(library_evidence, "seed-rule9-ipv4-only")
    found = {d.standard: d.order for d in judge(evidence).departures}
    # both RFCs know the prefix length, so rule 9 works for them
    assert found["RFC 3484"] == found["RFC 6724"] == ("172.18.45.6", "172.31.80.8")


def test_lines_of_its_gai_conf_are_named() -> None:
    """What glibc ignores, reads otherwise or may die of; by its version, and no whole-file trap."""
    text = b"Precedence ::1/128 50\nlabel ::/999 1\nprecedence ::1 50\nprecedence ::/0 5\n"
    conf = NamedGaiConf("own", text)
    jobs = make_jobs(load_scenarios((Path("seed-rule9-dual-stack"),)), (host_lane(),), [conf])
    first = next(explain(jobs))
    codes = {(one.line, one.code) for one in line_findings(conf, first.result.glibc)}
    assert {(1, "GAI001"), (2, "GAI003")} <= codes
    assert codes == {(one.line, one.code) for one in first.findings}
    assert {number for number, _ in codes} <= {1, 2, 3}
    for glibc, dies in (("2.36", True), ("2.41", False)):
        assert ("GAI006" in {one.code for one in line_findings(conf, glibc)}) is dies
    meant = NamedGaiConf("own", text.replace(b" 50\n", b" 50 # gai-harness: accept GAI001 x\n", 1))
    assert "GAI001" not in {one.code for one in line_findings(meant, "2.36")}
    assert "GAI003" in {one.code for one in line_findings(meant, "2.36")}
    shown = as_text([first])
    assert "  gai.conf: GAI001 line 1: 'Precedence' is no keyword" in shown
    assert as_text([replace(first, findings=first.findings * 40)]).count("GAI001") == 1
    many = tuple(replace(first.findings[0], line=number) for number in range(1, 31))
    assert "gai.conf: 20 more findings (gai-harness lint has all)" in as_text(
        [replace(first, findings=many)]
    )
    assert document([first]).explanations[0].findings == first.findings


@pytest.mark.parametrize(("known", "says"), [((), "EAI_NONAME"), (("203.0.113.9",), "203.0.113.9")])
def test_what_the_model_has_no_two_of_is_no_fault_of_a_gai_conf(
    library_evidence: list[Evidence], known: tuple[str, ...], says: str
) -> None:
    """There is none; and the model's error stands where its addresses would."""
    evidence = of(library_evidence, "seed-rule9-dual-stack")
    names = {"web": tuple(parse_target(text, {}) for text in known)} if known else {}
    wrong = judge(replace(evidence, names=NameService(names, "files")))
    assert (len(wrong.native), wrong.model_answer) == (2, says)
    shown = as_text([Explanation("web", wrong)])
    assert f"\n  returned: {', '.join(wrong.native)}\n" in shown
    assert f"\n  native: {', '.join(wrong.native)}\n  model:  {says}\n" in shown
    report = LookupReport(wrong.scenario, wrong.lookup, wrong.gai_conf, (wrong,))
    for written_as in ("text", "html"):
        assert "as found" not in written(written_as, [report])
        assert "gai.conf is undefined" not in written(written_as, [report])


# --- the trace and the capture


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
