"""What only musl does, against what was reasoned by hand: its hosts file, and long answers."""

from collections.abc import Sequence
from typing import Any

import pytest

from harness.compare.evidence import LaneSpec, NamedGaiConf
from harness.compare.plan import lanes_for
from harness.compare.results import Verdict
from harness.compare.run import HostJob, run
from harness.glibcs import Build
from harness.scenario.schema import Scenario
from harness.versions import Version

TCP_SINCE = Version.parse("1.2.4")  # and EAI_NODATA


@pytest.fixture(scope="module")
def lanes(musls: list[Build]) -> tuple[LaneSpec, ...]:
    del musls
    return lanes_for("host", "auto", resolver="musl")


def answers(scenario: dict[str, Any], lanes: Sequence[LaneSpec]) -> dict[str, list[str]]:
    """What each version says to a scenario's look-ups, an error or addresses; the model agrees."""
    made = Scenario.model_validate({"name": "musl", "host": HOST} | scenario)
    job = HostJob(made, (NamedGaiConf("none", None),), tuple(lanes))
    (outcome,) = run([job])
    assert outcome.error is None
    said: dict[str, list[str]] = {}
    for report in outcome.reports:
        for result in report.results:
            shown = (result.version, report.lookup, result.native, result.model, result.differences)
            assert result.verdict is Verdict.AGREE, shown
            found = result.error or " ".join(dict.fromkeys(result.native))
            said.setdefault(result.resolver_version, []).append(found)
    return said


HOST = {
    "interfaces": {"eth0": {"addresses": ["172.18.45.2/24", "2001:db8:1::2/64", "fe80::2/64"]}},
    "routes": [
        {"to": "default", "via": "172.18.45.1"}, {"to": "::/0", "via": "2001:db8:1::1"},
        {"to": "2001:db8:bad::/48", "type": "unreachable"},
    ],
}  # fmt: skip


def lookup(name: str | None, *flags: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "flags": [f"AI_{one}" for one in flags], **more}


LONG = " ".join(f"n{number:04}" for number in range(200))
HOSTS = [
    "192.0.2.1 four web", "2001:db8::1 six_name web", "fe80::7 web", "192.0.2.2 www web",
    f"192.0.2.3 {LONG}", *(f"203.0.113.{number} many" for number in range(1, 61)),
]  # fmt: skip


def test_the_hosts_file(lanes: tuple[LaneSpec, ...]) -> None:
    """Every line counts, in its case; 48 addresses; what a piece of a long line begins with."""
    asked = [
        lookup("web", "CANONNAME"), lookup("web", "CANONNAME", family="inet6"),
        lookup("www", family="inet6"), lookup("many"), lookup("n0082"), lookup("n0084"),
    ]  # fmt: skip
    service = {"hosts": "dns", "files": HOSTS, "dns": {"names": {"WEB": ["192.0.2.9"]}}}
    asked.append(lookup("WEB"))
    said = answers({"name_service": service, "lookups": asked}, lanes)
    for version, found in said.items():
        no_data = "EAI_NODATA" if Version.parse(version) >= TCP_SINCE else "EAI_NONAME"
        assert found == [
            "2001:db8::1 192.0.2.1 192.0.2.2 fe80::7",  # without a zone nothing leads to the last
            "2001:db8::1 fe80::7", no_data, " ".join(MANY[:48]), "192.0.2.3", "0.0.0.83",
            "192.0.2.9",
        ]  # fmt: skip


MANY = [f"203.0.113.{number}" for number in range(1, 61)]
DNS = {
    "names": {
        "web.a.example": ["192.0.2.1", "2001:db8::1"], "web": ["192.0.2.2"],
        "many": MANY, "most": [*MANY, "203.0.113.61", "203.0.113.62", "203.0.113.63"],
        "both": [*MANY[:25], *(f"2001:db8::{number:x}" for number in range(1, 31))],
    },
    "aliases": {"www": "web"},
    "replies": {"none.b.example": {"A": "nodata", "AAAA": "nodata"}},
}  # fmt: skip


def test_dns(lanes: tuple[LaneSpec, ...]) -> None:
    """The search, TCP, long answers, the order in which the families come."""
    asked = [
        lookup("web"), lookup("web."), lookup("none"), lookup("web.x"), lookup("many"),
        lookup("most", family="inet"), lookup("both"), lookup("www", "CANONNAME"),
    ]  # fmt: skip
    conf = {"search": ["x.example", "b.example", "a.example"]}
    service = {"hosts": "dns", "dns": DNS, "resolv_conf": conf}
    for version, found in answers({"name_service": service, "lookups": asked}, lanes).items():
        by_tcp, whole = (Version.parse(version) >= Version.parse(one) for one in ("1.2.4", "1.2.5"))
        web, dotted, none, dots, many, most, both, alias = found
        assert (web, dotted, alias) == ("2001:db8::1 192.0.2.1", "192.0.2.2", "192.0.2.2")
        assert none == ("EAI_NODATA" if by_tcp else "EAI_NONAME")
        assert dots == "EAI_NONAME"
        # 1.2.4 reads 768 bytes, and no answer of more than 63 records
        wanted = [*MANY[: 48 if whole else 46]] if by_tcp else ["EAI_NONAME"]
        assert many.split() == wanted
        assert most.split() == (wanted if whole or not by_tcp else ["EAI_NODATA"])
        # 30 IPv6 addresses are more than 512 bytes; there is room for 48 in all
        assert both.split().count("2001:db8::1") == by_tcp
        assert len(both.split()) == (48 if by_tcp else 25)
