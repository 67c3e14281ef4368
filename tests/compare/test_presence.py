"""Public reports of addresses that were missing, doubled or strange: the true reason for each.

The expectations are written by hand. Then the named cause is taken away: the address comes back.
"""

import json
import re
from dataclasses import replace
from ipaddress import ip_address
from itertools import chain
from pathlib import Path

import pytest

from harness.compare.plan import make_jobs
from harness.compare.predict import request_for, services_of
from harness.compare.results import Result
from harness.compare.run import run
from harness.model.address_table import address_table
from harness.model.dialects import dialect
from harness.model.host import HostView, Link, OwnAddress, OwnNames
from harness.model.lookup import find
from harness.model.presence import Made, presence, targets
from harness.model.presence_reasons import Cause
from harness.sandbox import Pool
from harness.scenario import LoadedScenario, load
from harness.scenario.fuzz import draw_batches, weights
from harness.scenario.nameservice import NameServiceSpec, parse_hosts
from harness.scenario.schema import Scenario
from tests.compare.kit import host_lane
from tests.conftest import Call
from tests.live import kit
from tests.model.kit import row

AT_LINE = re.compile(r" \(lines? [0-9]+( and [0-9]+)? of the hosts file\)")
FOLDER = Path(__file__).with_name("presence")

NO_IPV4 = "AI_ADDRCONFIG: the host has no IPv4 address other than 127.0.0.1"
NO_IPV6 = "AI_ADDRCONFIG: the host has no IPv6 address other than ::1"
ONE_LINE = "multi is off in host.conf: the hosts file gives one line of a name alone"
FOUR, SIX = "IPv4 alone is asked for (AF_INET)", "IPv6 alone is asked for (AF_INET6)"
SIX_UNMAPPED = "IPv6 alone is asked for (AF_INET6 without AI_V4MAPPED)"
LOCAL = "in a look-up for IPv4 the ::1 of a hosts file counts as 127.0.0.1"
TWICE = "doubled 127.0.0.1: returned twice, for 127.0.0.1 and ::1"
HELD_TWICE = "doubled 192.0.2.9: returned twice, as often as the name service gives it"

# scenario -> what is said of each of its look-ups
Lines = tuple[str, ...]
AS_IPV4 = (f"changed ::1 to 127.0.0.1: {FOUR}; {LOCAL}", TWICE)
EXPECTED: dict[str, list[Lines]] = {
    "loopback-alone": [
        (),
        (f"EAI_NONAME: {NO_IPV4} (left out: 127.0.0.1)", f"left out ::1: {NO_IPV4}; {FOUR}"),
        (
            f"EAI_NONAME: {NO_IPV6} (left out: ::1)",
            f"left out 127.0.0.1: {NO_IPV6}; {SIX_UNMAPPED}",
        ),
        (),
        (f"EAI_NONAME: {NO_IPV4} (left out: 127.0.0.1)",),
        (),
    ],
    "container-without-ipv6": [
        (f"changed ::1 to 127.0.0.1: {NO_IPV6}, but has IPv4 (172.17.0.2); {LOCAL}", TWICE),
        (),
        (f"EAI_ADDRFAMILY: {NO_IPV6}, but has IPv4 (172.17.0.2) (left out: ::1)",),
    ],
    "ipv6-switched-off": [
        (),
        (
            "changed ::1 to 127.0.0.1: AI_ADDRCONFIG: the host has no IPv6 address, not even "
            "::1, as where the sysctl disable_ipv6 is set, but has IPv4 (172.17.0.2); "
            f"{LOCAL}",
            TWICE,
        ),
        (),
        (f"left out 127.0.0.1: {SIX_UNMAPPED}",),
        (),
        (),
    ],
    "second-loopback": [
        (f"changed ::1 to 127.0.0.1: {NO_IPV6}, but has IPv4 (127.0.0.2); {FOUR}; {LOCAL}", TWICE),
        (
            f"EAI_NONAME: {NO_IPV6} (left out: ::1)",
            f"left out 127.0.0.1: {NO_IPV6}; {SIX_UNMAPPED}",
        ),
        (f"changed ::1 to 127.0.0.1: {NO_IPV6}, but has IPv4 (127.0.0.2); {LOCAL}", TWICE),
    ],
    "doubles": [*[AS_IPV4] * 4, (HELD_TWICE,), (HELD_TWICE,)],
    "mapped-beside-ipv6": [
        (),
        (
            "left out 199.232.46.132: AI_V4MAPPED without AI_ALL gives IPv4 only where there "
            "is no IPv6",
        ),
    ],
    "first-wildcard": [(), (f"left out 0.0.0.0: {SIX}",)],
    "one-line-read": [
        (f"left out 1.2.3.4 (line 2 of the hosts file): {ONE_LINE}",),
        (f"left out 2020::1: {FOUR}",),
        (f"left out 2020::1 (line 4 of the hosts file): {ONE_LINE}",),
    ],
    # nothing is missing: what was asked of these is the order
    "two-lines": [()],
    "own-name-by-dns": [()],
    "own-name-by-a-module": [()],
    "underscores": [()],
    "scopev4-rotation": [(), ()],
    "mesh": [(), ()],
    "container-hosts-file": [()] * 4,
}


def test_every_report_is_expected_something() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == EXPECTED.keys()


def _held(service: NameServiceSpec, name: str) -> set[str]:
    """The addresses that the drawn services of the hosts line hold for a name, zones left out."""
    kinds, held = {kind for kind, _ in parse_hosts(service.hosts)}, list[str]()
    if "files" in kinds:
        held += [line.split()[0] for line in service.files if name in line.lower().split()[1:]]
    if kinds & {"nss", "nss_by_family"}:
        held += service.nss.get(name, ())
    asked = [name, *(f"{name}.{domain}" for domain in service.resolv_conf.search)]
    for server in service.dns if "dns" in kinds else ():
        held += [one for spelled in asked for one in server.names.get(spelled, ())]
    return {text.partition("%")[0] for text in held}


def test_every_address_of_a_drawn_name_service_has_a_reason() -> None:
    """Whatever the line, its actions, the servers and the replies: returned as held, or why not."""
    numbers = range(weights.SERVICES_AT, 40, weights.SERVICES_EVERY)
    links = tuple(Link(number, f"eth{number - 2}", 1) for number in range(1, 12))
    own_addresses = [OwnAddress(ip_address(text), 2) for text in ("192.0.2.2", "fe80::2")]
    hosts = [[row("127.0.0.1/8", 1), row("192.0.2.2/24")], [row("2001:db8::2/64")]]
    spoken = [dialect(glibc) for glibc in ("2.31", "2.36", "2.44")]
    for batch in chain.from_iterable(draw_batches(9, number, True) for number in numbers):
        assert batch.service is not None
        known = OwnNames(batch.host.hostname, tuple(own_addresses))
        view = HostView((), (replace(links[0], name="lo"), *links[1:]), own=known)
        names = services_of(batch.service, view)
        for number, lookup in enumerate(batch.lookups[::5]):
            rows, own = hosts[number % 2], spoken[number % 3]
            said = presence(request_for(lookup), names, rows, own)
            plain = (lookup.name or "").lower()
            listed = {str(one.held.address) for one in said.accounts}
            table = address_table(rows)
            found = find(request_for(lookup), names, table.seen_ipv4, table.seen_ipv6, own)
            assert said.returned == targets(found)
            if found.undefined:
                continue
            assert (said.error, bool(said.causes)) == (found.error, found.error is not None)
            assert {str(ip_address(text)) for text in _held(batch.service, plain)} <= listed
            of_the_call = {*said.causes} & {Cause.SOCKTYPE, Cause.SERVICE, Cause.NUMERICSERV}
            for one in said.accounts if not of_the_call else ():
                as_held = one.returned == one.held and one.made is not Made.ADDED
                assert bool(one.causes) is not as_held, (batch.title, lookup, own, one)


@pytest.mark.parametrize("name", EXPECTED)
def test_the_reasons_are_the_true_ones(name: str, call: Call) -> None:
    path, every = FOLDER / f"{name}.yaml", [line for lines in EXPECTED[name] for line in lines]
    for command in ("run", "explain"):
        out = call(command, path).out
        said = [line.strip() for line in out.splitlines()]
        assert command == "explain" or "0 disagree, 0 error" in out
        told = [line for line in said if line.startswith(("left out", "changed", "doubled", "EAI"))]
        # `explain` shows equal look-ups as one
        assert told == every if command == "run" else {*told} == {*every}
    page = call("run", path, "--format", "html").out
    assert all(line.replace("&", "&amp;") in page for line in every)


LINES = """
name: lines
host: {}
name_service:
  hosts: files dns
  multi: false
  files: ["192.0.2.8 other", "::1 six.example web", "127.0.0.1 four.example web"]
  dns: {names: {other: [192.0.2.8]}}
lookups:
  - {name: web, family: inet, flags: [CANONNAME], expect: {order: [127.0.0.1]}}
  - {name: other}
"""


def test_an_address_is_told_by_its_line_of_the_hosts_file(call: Call, tmp_path: Path) -> None:
    """glibc gives the first line that it can say in the family, as its canonical name shows; an
    address that a later service has too is not missing.
    """
    path = tmp_path / "lines.yaml"
    path.write_text(LINES)
    found = call("run", path, "--format", "json", "--glibc", "all")
    at = "(line {} of the hosts file)".format
    for number, result in enumerate(json.loads(found.out)["results"]):
        rows = result["presence"]["addresses"]
        told = [(one["address"], one["returned"], one["line"], one["times"]) for one in rows]
        if result["lookup"] == "other":
            assert told == [("192.0.2.8", "192.0.2.8", 1, 1)], number
        else:
            assert told == [("::1", "127.0.0.1", 2, 1), ("127.0.0.1", None, 3, 0)], number
            assert result["presence"]["addresses"][1]["causes"] == ["multi-off"]
    said = [line.strip() for line in call("run", path).out.splitlines()]
    assert f"changed ::1 {at(2)} to 127.0.0.1: {FOUR}; {LOCAL}" in said
    assert f"left out 127.0.0.1 {at(3)}: {ONE_LINE}" in said
    path.write_text(LINES.replace("multi: false", "multi: true"))
    said = [line.strip() for line in call("run", path).out.splitlines()]
    twice = "doubled 127.0.0.1: returned twice, for ::1 and 127.0.0.1"
    assert f"{twice} (lines 2 and 3 of the hosts file)" in said


def test_what_an_action_leaves_undefined_is_not_laid_on_gai_conf(
    call: Call, tmp_path: Path
) -> None:
    """Up to 2.35 glibc overwrites what it has found before [SUCCESS=merge]."""
    path = tmp_path / "merge.yaml"
    path.write_text(LINES.replace("files dns", "files [SUCCESS=merge] dns"))
    out = call("run", path, "--glibc", "2.31").out
    assert "this glibc overwrites what it has found" in out
    assert "gai.conf" not in out


def test_a_list_is_expected_as_it_is_returned(call: Call) -> None:
    results = json.loads(call("run", FOLDER / "doubles.yaml", "--format", "json").out)["results"]
    one = "expected {0}, got {0}, {0}"
    assert [each["expectation_failures"] for each in results] == [
        [],
        [f"{who}: {one.format('127.0.0.1')}" for who in ("native", "model")],
        [],
        [f"{who}: {one.format('127.0.0.1')}" for who in ("native", "model")],
        [f"{who}: {one.format('192.0.2.9')}" for who in ("native", "model")],
        [],
    ]
    assert results[5]["native"] == ["192.0.2.9", "192.0.2.10", "192.0.2.9"]


def taken_away(scenario: Scenario, causes: tuple[Cause, ...], *, host: bool) -> Scenario:
    """The scenario without the causes; ``host``: AI_ADDRCONFIG stays, and the host has both."""
    raw = scenario.model_dump(by_alias=True, mode="json")
    for lookup in raw["lookups"]:
        lookup["expect"] = []
        if Cause.ADDRCONFIG in causes and not host:
            lookup["flags"] = [one for one in lookup["flags"] if "ADDRCONFIG" not in one]
        if Cause.FAMILY in causes:
            lookup["family"] = "unspec"
        if Cause.V4MAPPED_WITHOUT_ALL in causes:
            lookup["flags"] = [*lookup["flags"], "AI_ALL"]
    if Cause.MULTI_OFF in causes:
        raw["name_service"]["multi"] = True
    if Cause.ADDRCONFIG in causes and host:
        raw["host"]["sysctls"] = {}
        raw["host"]["interfaces"]["more"] = {"addresses": ["192.0.2.77/32", "2001:db8:77::7/128"]}
    return Scenario.model_validate(raw)


def results_of(loaded: LoadedScenario, scenario: Scenario) -> list[Result]:
    job = make_jobs([LoadedScenario(scenario, loaded.path, None, "none")], (host_lane(),))[0]
    (outcome,) = run([job], 1)
    assert outcome.error is None
    return [result for report in outcome.reports for result in report.results]


@pytest.mark.parametrize("host", [False, True])
@pytest.mark.parametrize("name", [name for name in EXPECTED if any(EXPECTED[name])])
def test_without_the_cause_the_address_is_back(name: str, host: bool) -> None:
    """On the real glibc, the flag or family changed, or the host given what it lacks."""
    loaded = load(FOLDER / f"{name}.yaml")
    tried = 0
    for number, before in enumerate(results_of(loaded, loaded.scenario)):
        assert before.presence is not None
        for account in before.presence.addresses:
            if not account.causes:
                continue
            assert account.address not in before.native
            scenario = taken_away(loaded.scenario, account.causes, host=host)
            after = results_of(loaded, scenario)[number]
            mapped = f"::ffff:{account.address}"
            back = {account.address, mapped if account.causes[0].startswith("v4") else ""}
            assert back & {*after.native}, (account, after.native)
            tried += 1
    assert tried


@pytest.mark.parametrize("name", [name for name in EXPECTED if name != "own-name-by-a-module"])
def test_the_live_machine_is_told_the_same(name: str, pool: Pool) -> None:
    found = list(pool.run(kit.explain_all, load(FOLDER / f"{name}.yaml")))
    for one, lines in zip(found, EXPECTED[name], strict=True):
        said, wanted = (
            [AT_LINE.sub("", line) for line in each] for each in (one.result.presence_lines, lines)
        )
        assert said == wanted
