"""A live host's name service in every form: explained, taken away again, carried by a snapshot."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pytest

from harness.compare.live import explain_live
from harness.compare.plan import lanes_for, make_jobs
from harness.compare.presence import AccountRow
from harness.compare.results import Result, Verdict
from harness.compare.run import run, set_names
from harness.glibcs import host
from harness.kernel.netlink import Netlink
from harness.kubelet.replay import contradictions
from harness.live import name_service, names
from harness.live.dns_replies import DnsTables
from harness.live.host import Snapshot, snapshot
from harness.model.addresses import parse_target
from harness.model.dialects import dialect
from harness.model.dns import Resolver
from harness.model.presence_reasons import Cause
from harness.native.cffi_lane import CffiLane
from harness.native.record import Answer, Query
from harness.sandbox import Box, Pool
from harness.scenario import Scenario
from harness.scenario.nameservice import NameServiceSpec
from harness.scenario.schema import Host, Lookup
from harness.text.errors import InputError
from harness.text.validation import validated
from tests.live.kit import looked_up
from tests.sandbox.kit import host as host_of

HOSTS = (
    "192.0.2.7 both.example both # two lines\n2001:db8:7::7 both\n"
    "192.0.2.5 only-files\n::1 localhost\n127.0.0.1 localhost\n"
)
DNS = {"both": ["192.0.2.8", "2001:db8:8::8"], "only-dns": ["2001:db8:8::9", "192.0.2.9"],
       "far.example": ["192.0.2.10", "2001:db8:8::10"], "near": ["192.0.2.12"],
       "near.example": ["192.0.2.13"], "half": ["192.0.2.11", "2001:db8:8::11"]}  # fmt: skip
SAYS = {"names": DNS, "aliases": {"www": "only-dns"}, "replies": {"half": {"AAAA": "servfail"}}}
NAMES = ("both", "only-files", "only-dns", "nobody", "far")


@dataclass(frozen=True)
class Etc:
    """What a host has in /etc; None for no such file."""

    nsswitch: str | None = "files dns"
    host_conf: str | None = "multi on"
    resolv_conf: str = ""
    hosts: str | None = HOSTS

    def write(self, box: Box) -> None:
        line = None if self.nsswitch is None else f"passwd: files\n{self.nsswitch and 'hosts: '}"
        texts = {
            "nsswitch.conf": None if line is None else f"{line}{self.nsswitch}\n",
            "host.conf": self.host_conf,
            "resolv.conf": f"nameserver 127.0.0.1\n{self.resolv_conf}\n",
            "hosts": self.hosts,
        }
        for name, text in texts.items():
            path = box.etc / name
            path.unlink(missing_ok=True)
            if text is not None:
                path.write_text(text)


LINES: tuple[str | None, ...] = (
    None, "", "files", "dns", "files dns", "dns files", "dns [!UNAVAIL=return] files",
    "files [NOTFOUND=return] dns", "files [SUCCESS=return NOTFOUND=continue] dns",
    "files [SUCCESS=continue] dns", "files [SUCCESS=merge] dns", "dns [NOTFOUND=return] files",
    "files nothing-like-it [NOTFOUND=return] dns", "nothing-like-it files dns",
    "files mdns4_minimal [NOTFOUND=return] dns", "FILES dns", "files [success=CONTINUE]",
    "files [!NOTFOUND=return] dns",
)  # fmt: skip
EVERY = (
    *(Etc(line) for line in LINES),
    *(Etc(host_conf=text) for text in (None, "", "multi off", "MULTI ON\n", "multi on\nmulti off")),
    *(Etc("dns files", "multi off"), Etc("files dns", None, "options no-aaaa")),
    *(
        Etc("dns files", resolv_conf=text)
        for text in (
            "search example other.example", "domain example", "options ndots:3\nsearch example",
            "options no-aaaa", "options single-request edns0 trust-ad", "options rotate timeout:1",
            "sortlist 192.0.2.0 192.0.2.8&255.255.255.255",
        )
    ),
    *(Etc(line, hosts=None) for line in
      ("files", "files dns", "files [NOTFOUND=return] dns", "files [UNAVAIL=return] dns")),
)  # fmt: skip
ASKED = (("both", 0), ("both", 2), ("both", 10), *((name, 0) for name in (*NAMES[1:], "near")))
FAMILIES = {0: "unspec", 2: "inet", 10: "inet6"}


@dataclass(frozen=True)
class Tried:
    """What was said of a host, and which of the addresses named a real glibc then gives."""

    etc: Etc
    results: list[Result] = field(default_factory=list)
    without: list[tuple[str, AccountRow, bool]] = field(default_factory=list)


def _host(box: Box) -> None:
    box.build(Host.model_validate(host_of(
        {"eth0": "192.0.2.2/24 2001:db8:1::2/64 fe80::2/64"},
        ["0.0.0.0/0 via 192.0.2.1", "::/0 via 2001:db8:1::1"],
    )))  # fmt: skip
    lookups = [{"name": "half"}]
    service = {"hosts": "dns", "dns": SAYS}
    raw = {"name": "says", "host": {}, "name_service": service, "lookups": lookups}
    set_names(box, Scenario.model_validate(raw))


def _native(name: str, family: int = 0) -> set[str]:
    with CffiLane() as lane, lane.open() as session:
        answer = session.lookup(Query(name=name, family=family, socktype=1))
    assert isinstance(answer, Answer)
    return {str(info.target) for info in answer.addrinfos}


def _without(box: Box, etc: Etc, name: str, family: int, causes: Sequence[Cause]) -> set[str]:
    """All that a real glibc gives for a name once the causes are taken away."""
    lines = [etc.nsswitch]
    if Cause.ACTION in causes:
        lines = [re.sub(r"\[SUCCESS=(continue|merge)\]", "", etc.nsswitch or "")]
    if Cause.EARLIER_SERVICE in causes:
        lines = ["files", "dns"]
    conf = "multi on" if Cause.MULTI_OFF in causes else etc.host_conf
    resolv = etc.resolv_conf
    if Cause.NO_AAAA in causes:
        resolv = resolv.replace("no-aaaa", "")
    if Cause.SEARCH in causes:
        resolv = ""
    found: set[str] = set()
    for line in lines:
        Etc(line, conf, resolv, etc.hosts).write(box)
        found |= _native(name, 0 if Cause.FAMILY in causes else family)
    return found


def explained(box: Box, spec: Sequence[Etc]) -> Iterator[Tried]:
    """Explain every name on every host, and take each cause that is named away."""
    _host(box)
    for etc in spec:
        etc.write(box)
        tried = Tried(etc)
        for name, number in ASKED:
            etc.write(box)
            asked = Lookup.model_validate({"name": name, "family": FAMILIES[number]})
            result = explain_live(asked).result
            tried.results.append(result)
            for one in result.presence.addresses if result.presence else ():
                if one.causes:
                    back = _without(box, etc, name, number, one.causes)
                    tried.without.append((f"{name} {number}", one, one.address in back))
        yield tried


def test_what_is_said_of_a_live_host_is_so_on_real_glibc(pool: Pool) -> None:
    found = list(pool.run(explained, EVERY))
    assert len(found) == len(EVERY)
    for tried in found:
        assert [one for one in tried.results if one.verdict is not Verdict.AGREE] == [], tried.etc
        assert [one for one in tried.without if not one[2]] == [], tried.etc
    causes = {cause for tried in found for _, one, _ in tried.without for cause in one.causes}
    known = {
        Cause.EARLIER_SERVICE, Cause.ACTION, Cause.MULTI_OFF, Cause.FAMILY, Cause.SEARCH,
    }  # fmt: skip
    build = host()
    knows = dialect(build.version, build.arch).no_aaaa_known
    assert causes == known | ({Cause.NO_AAAA} if knows else set())


@pytest.mark.parametrize("words", ["[" * 1025, "files " * 200, "files [SUCCESS=return] " * 50])
def test_a_hosts_line_too_long_is_refused(words: str) -> None:
    """A process in whose network one looks may have it, and each would keep its reader busy."""
    assert names.hosts_words(f"hosts: {words[:1024]}") is not None
    for ask in (names.hosts_line, names.malformed, names.hosts_services):
        with pytest.raises(InputError, match="hosts: expected at most 1024 characters"):
            ask(f"hosts: {words}")


ENDS = "nsswitch.conf's hosts line ends with"
BY_FILES = f"{ENDS} files, by [NOTFOUND=return]: no service behind it is asked"
ODD = (
    "nsswitch.conf's hosts line is malformed at {}, where [STATUS=action] was expected: glibc "
    "2.36 and later then ask no service at all, 2.31 those before it alone, or its own default"
)
ONE_LINE = "multi is off in host.conf: the hosts file gives one line of a name alone"
SIX = "IPv6 alone is asked for (AF_INET6 without "
FAR = ("found 192.0.2.10, 2001:db8:8::10 as far.example",)
UNKNOWN = ("EAI_NONAME: the name service does not know far",)
GONE = ("EAI_SYSTEM: gone has no function getaddrinfo could call, and nsswitch.conf's hosts line "
        "ends the look-up there",)  # fmt: skip
AT_2 = " (line 2 of the hosts file)"
SAID: list[tuple[Etc, str, int, tuple[str, ...]]] = [
    (Etc("files", "multi off"), "both", 0, (f"left out 2001:db8:7::7{AT_2}: {ONE_LINE}",)),
    (Etc("files", "multi off"), "both", 10, (f"left out 192.0.2.7: {SIX}AI_V4MAPPED)",)),
    (Etc("files"), "both", 0, ()),
    (
        Etc("dns files"), "both", 0,
        (f"left out 192.0.2.7, 2001:db8:7::7: {ENDS} dns, which has an answer",),
    ),
    (
        Etc("files [NOTFOUND=return] dns"), "only-dns", 0,
        (f"EAI_NONAME: {BY_FILES} (left out: 192.0.2.9, 2001:db8:8::9)",),
    ),
    (Etc("files [NOTFOUND=foo] dns"), "both", 0, (f"EAI_NONAME: {ODD.format('[NOTFOUND=foo]')}",)),
    (Etc("files dns", resolv_conf="search other.example example"), "far", 0, FAR),
    (Etc("dns files", resolv_conf="options ndots:3\nsearch example"), "far", 0, FAR),
    (
        Etc("dns files", resolv_conf="options ndots:3\nsearch example"), "near", 0,
        (
            "left out 192.0.2.12: resolv.conf's search domains and ndots: another name with an "
            "answer comes first",
            "found 192.0.2.13 as near.example",
        ),
    ),
    (Etc("dns"), "www", 0, ("found 192.0.2.9, 2001:db8:8::9 as only-dns",)),
    # nobody hears of the IPv6 address that the server has
    (Etc("dns"), "half", 0, ()),
    (
        Etc("dns"), "half", 10,
        ("EAI_AGAIN: a DNS server says SERVFAIL", f"left out 192.0.2.11: {SIX}AI_V4MAPPED)"),
    ),
    # EAI_SYSTEM since 2.27, glibc's ad816a5e00; without the action the addresses are there
    (Etc("gone [UNAVAIL=return] files"), "both", 0, GONE),
    (Etc("gone files"), "both", 0, ()),
    (Etc("files gone"), "nobody", 0, GONE),
    # what completed it is taken away
    (Etc("dns files", resolv_conf="search other.example"), "far", 0, UNKNOWN),
    (Etc("dns files"), "far", 0, UNKNOWN),
]  # fmt: skip


def told(box: Box, spec: object) -> Iterator[tuple[str, ...]]:
    _host(box)
    for etc, name, family, _ in SAID:
        etc.write(box)
        asked = Lookup.model_validate({"name": name, "family": FAMILIES[family]})
        result = explain_live(asked).result
        assert result.verdict is Verdict.AGREE
        assert result.presence is not None
        assert not [one for one in result.remarks if one.kind == "order"]  # no tie is in these
        yield tuple(result.presence.lines(result.error))


def test_every_address_of_a_live_host_is_accounted_for(pool: Pool) -> None:
    assert list(pool.run(told, None)) == [lines for *_, lines in SAID]


def heard(box: Box, spec: object) -> Iterator[tuple[Snapshot, list[str], list[str]]]:
    """Inside a sandbox: a copy of names of DNS, what it contradicts, and remarks on one of them."""
    _host(box)
    Etc("dns").write(box)
    with closing(Netlink()) as sock:
        copy = snapshot(["half", "www"], sock)
    remarks = explain_live(Lookup(name="half")).result.remarks
    yield copy, [*map(str, contradictions(copy))], [one.text for one in remarks]


def test_a_copy_has_the_replies_that_fail_and_the_aliases(pool: Pool) -> None:
    ((copy, other, remarks),) = pool.run(heard, None)
    assert other == []
    assert copy.scenario.name_service is not None
    (server,) = copy.scenario.name_service.dns
    assert server.names == {"half": ("192.0.2.11",), "only-dns": ("192.0.2.9", "2001:db8:8::9")}
    assert server.aliases == {"www": "only-dns"}
    assert server.replies["half"].aaaa == "servfail"
    said = "DNS, half AAAA: SERVFAIL, so that nobody knows of such addresses"
    assert said in map(str, copy.left_out)
    assert remarks == [said]


def test_an_alias_leads_to_one_name_however_it_is_spelled() -> None:
    """And to none where the server has given it other addresses a moment before."""
    first, second = (parse_target(text, {}) for text in ("192.0.2.9", "2001:db8::9"))
    table = DnsTables(Resolver(), ())
    table.answer("web.example", [first, second], "web.example")
    table.answer("www.example", [first, second], "WEB.example.")
    table.answer("turned.example", [second, first], "WEB.example")
    raw = {"dns": table.data(), "hosts": "dns"}
    (server,) = validated(NameServiceSpec, raw, "name_service").dns
    assert dict(server.aliases) == {"www.example": "web.example"}
    assert list(server.names) == ["web.example", "turned.example"]


def surrounded(box: Box, spec: object) -> Iterator[tuple[Result, tuple[str, ...]]]:
    """Inside a sandbox: a name explained, and what is left out of a copy, with LOCALDOMAIN set."""
    _host(box)
    Etc("dns files", resolv_conf="search other.example").write(box)
    os.environ["LOCALDOMAIN"] = "example"
    result = explain_live(Lookup(name="far")).result
    with closing(Netlink()) as sock:
        yield result, tuple(map(str, snapshot(["far"], sock).left_out))


def test_a_variable_of_the_resolver_is_set_aside_and_named(pool: Pool) -> None:
    """With it far is found as far.example, which services are asked for without it as glibc is."""
    ((result, left_out),) = pool.run(surrounded, None)
    said = "LOCALDOMAIN in the environment: a program that is started with it goes by it, as "
    said += "nothing that is asked here does"
    assert result.verdict is Verdict.AGREE
    assert result.presence_lines == UNKNOWN
    assert [one.text for one in result.remarks] == [said]
    assert said in left_out


def taken(box: Box, spec: Sequence[Etc]) -> Iterator[Any]:
    """The snapshot of every host, its native answers, and, of some, what the copy contradicts."""
    _host(box)
    for number, etc in enumerate(spec):
        etc.write(box)
        with closing(Netlink()) as sock:
            copy = snapshot(NAMES, sock)
        with CffiLane() as lane, lane.open() as session:
            answers = [session.lookup(Query(name=name, socktype=1)) for name in NAMES]
        listed = [
            [str(one.address) for one in answer.addrinfos]
            for answer in answers
            if isinstance(answer, Answer)
        ]
        yield etc, copy, listed, contradictions(copy) if number % 6 == 0 else []


def test_a_snapshot_answers_as_its_host_does(pool: Pool) -> None:
    """For glibc here, and by its own comparison for Go's resolver and a kubelet too."""
    lanes = lanes_for("host", "auto")
    for etc, copy, wanted, other in pool.run(taken, EVERY):
        assert other == [], etc
        for word in ("continue] drops its addresses", "merge] ends the look-up without an address"):
            if f"[SUCCESS={word.partition(']')[0]}]" in (etc.nsswitch or ""):
                assert f"[SUCCESS={word}" in "".join(map(str, copy.left_out)), etc
        (job,) = make_jobs([copy], lanes)
        (seen,) = pool.run(looked_up, (job, False))
        got = [list(order) for order in seen.orders.values()]
        assert [order for order in got if not order[0].startswith("Answer")] == [
            order for order in wanted if order
        ], etc


def test_a_service_that_is_not_there_is_not_there_in_a_copy(pool: Pool) -> None:
    ends = Etc("files [NOTFOUND=continue] gone [UNAVAIL=return] dns")
    for etc, copy, listed, _ in pool.run(taken, [ends, Etc("gone files")]):
        service = copy.scenario.name_service
        assert service is not None
        assert service.hosts == (etc.nsswitch or "").replace("gone", "missing")
        errors = [one.error for lookup in copy.scenario.lookups for one in lookup.expect]
        assert set(errors) == {"EAI_SYSTEM" if etc == ends else "EAI_NONAME"}
        (outcome,) = run(make_jobs([copy], lanes_for("host", "auto")), 1)
        verdicts = [result.verdict for report in outcome.reports for result in report.results]
        assert verdicts == [Verdict.AGREE] * len(NAMES)
        assert len([one for one in listed if one]) == len(NAMES) - len(errors)


def test_what_a_copy_cannot_have_is_named(pool: Pool) -> None:
    odd = Etc("files [SUCCES=return] dns", "multi on\nreorder on\ntrim .example",
              "sortlist near\noptions no-tld-query")  # fmt: skip
    ((_, copy, _, _),) = pool.run(taken, [odd])
    said = "\n".join(copy.left_out)
    for words in ("malformed at [SUCCES=return]", "reorder on", "trim", "sortlist", "no-tld-query"):
        assert words in said


def test_lines_of_resolv_conf_that_glibc_passes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """resolv.conf(5): the keyword must start the line; one without a value is none."""
    conf = " nameserver 192.0.2.1\nsearch corp.example\nsearch\ndomain \n\tsearch other.example\n"
    files = {"nsswitch.conf": "hosts: dns", "resolv.conf": conf}
    monkeypatch.setattr(name_service, "_text", files.get)
    assert name_service.read([], {}).raw["resolv_conf"] == {"search": ["corp.example"]}
    assert name_service._name_servers() == ["127.0.0.1"]


def test_words_that_are_no_names_do_not_refuse_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A comment behind search is domains for glibc; a number may stand among a line's names."""
    files = {"nsswitch.conf": "hosts: files dns", "hosts": "192.0.2.9 web 192.0.2.8 www 7\n",
             "resolv.conf": "search corp.example # our-own Corp.example. x\n"}  # fmt: skip
    monkeypatch.setattr(name_service, "_text", files.get)
    found = name_service.read(["web"], {})
    spec = validated(NameServiceSpec, found.raw, "name_service")
    assert spec.resolv_conf.search == ("Corp.example.", "our-own", "x")
    assert spec.files == ("192.0.2.9 web www",)
    assert found.odd == ("resolv.conf: the search domain #: no name of DNS ends so",)


def test_a_sortlist_and_a_missing_hosts_file_are_in_a_copy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """resolv.conf(5): address, perhaps with & or / and a mask, or the mask of its class."""
    conf = "sortlist 10.0.0.0&255.255.0.0 172.16.0.0/x 192.0.2.0; 10.1.0.0\nsortlist 10.2.0.0\n"
    files = {"nsswitch.conf": "hosts: files", "resolv.conf": conf}
    monkeypatch.setattr(name_service, "_text", files.get)
    spec = validated(NameServiceSpec, name_service.read(["web"], {}).raw, "name_service")
    assert not spec.hosts_file
    entries = "10.0.0.0/255.255.0.0", "172.16.0.0", "192.0.2.0", "10.2.0.0"
    assert spec.resolv_conf.sortlist == entries
    files |= {"hosts": "", "resolv.conf": f"sortlist {'10.0.0.0 ' * 11} fe80::/10"}
    found = name_service.read(["web"], {})
    spec = validated(NameServiceSpec, found.raw, "name_service")
    assert spec.hosts_file
    assert spec.resolv_conf.sortlist == ("10.0.0.0",) * 10
    assert [str(one).partition(",")[0] for one in found.odd] == [
        "resolv.conf: fe80::/10 in sortlist",
        "resolv.conf: entries of sortlist behind the first 10",
    ]


def test_what_resolved_gives_is_its_dns_too_but_for_zones(monkeypatch: pytest.MonkeyPatch) -> None:
    """A link-local address with its zone is in no record, and all of them are in the copy."""
    given = tuple(parse_target(text, {"eth0": 3}) for text in ("fe80::7%eth0", "192.0.2.9"))
    monkeypatch.setattr(name_service, "_text", {"nsswitch.conf": "hosts: resolve dns"}.get)
    monkeypatch.setattr(names, "ask_service", lambda *_: names.ServiceReply("SUCCESS", given))
    raw = name_service.read(["web"], {3: "eth0"}).raw
    spec = validated(NameServiceSpec, raw, "name_service")
    assert dict(spec.nss) == {"web": ("fe80::7%eth0", "192.0.2.9")}
    assert [dict(one.names) for one in spec.dns] == [{"web": ("192.0.2.9",)}]


def test_the_service_that_ends_a_look_up_is_called_by_its_name(
    monkeypatch: pytest.MonkeyPatch, pool: Pool
) -> None:
    line = "hosts: files mdns4_minimal [NOTFOUND=return] dns"
    monkeypatch.setattr(name_service, "_text", {"nsswitch.conf": line}.get)
    told = {"mdns4_minimal": names.ServiceReply("NOTFOUND"),
            "dns": names.ServiceReply("SUCCESS", (parse_target("192.0.2.9", {}),))}  # fmt: skip
    monkeypatch.setattr(names, "ask_service", lambda service, *_: told[service.name])
    found = name_service.read(["mail.local"], {})
    assert found.services == ("files", "mdns4_minimal", "dns")
    assert found.answers["mail.local"].stopped == ("mdns4_minimal", "NOTFOUND")
    ((_, copy, _, _),) = pool.run(taken, [Etc("files [NOTFOUND=return] dns")])
    said = "only-dns: no address comes: nsswitch.conf's hosts line ends with files, by "
    assert f"{said}[NOTFOUND=return]" in map(str, copy.left_out)


def left_out(box: Box, name: str) -> Iterator[tuple[str, ...]]:
    """Inside a sandbox: what a copy of a host leaves out whose hosts file has odd addresses."""
    box.build(Host())
    Etc("files").write(box)
    (box.etc / "hosts").write_text("127.1 short\n010.0.0.1 SHORT other\n192.0.2.7 plain\n")
    with closing(Netlink()) as sock:
        yield tuple(map(str, snapshot([name], sock).left_out))


def test_lines_that_glibc_alone_passes_over_are_told(pool: Pool) -> None:
    said = "{} for short in the hosts file: glibc takes no such address, others may"
    (found,) = pool.run(left_out, "short")
    assert [line for line in found if "hosts file" in line] == [
        said.format("127.1"), said.format("010.0.0.1"),
    ]  # fmt: skip
    assert list(pool.run(left_out, "plain")) == [()]
