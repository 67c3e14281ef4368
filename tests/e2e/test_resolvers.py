"""The same question to every resolver: glibc's, musl's, c-ares' and Go's own."""

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.cli.parser import FINDING, OK, WRONG_USE
from tests.conftest import Call

pytestmark = [pytest.mark.network, pytest.mark.xdist_group("resolvers")]

OTHERS = ("musl", "c-ares", "go")
HOST = """
name: two-near-two-far
host:
  interfaces:
    eth0: {addresses: [172.18.45.2/24, "2001:db8:1::2/64"]}
  routes: [{to: default, via: 172.18.45.1}, {to: "::/0", via: "2001:db8:1::1"}]
names:
  four: [172.31.80.8, 172.18.45.6]
  both: [172.31.80.9, 172.18.45.7, "2001:db8:9::1"]   # c-ares joins names that share an address
lookups: [{name: four}, {name: both}]
"""

CONTAINER = """
name: container
host:
  interfaces:
    eth0: {addresses: [172.17.0.2/16]}
  routes: [{to: default, via: 172.17.0.1}]
names:
  web: [203.0.113.9, "2001:db8:9::1"]
lookups: [{name: web, flags: [AI_ADDRCONFIG]}]
"""


@pytest.fixture
def host(tmp_path: Path) -> str:
    path = tmp_path / "host.yaml"
    path.write_text(HOST)
    return str(path)


@pytest.fixture(scope="module", autouse=True)
def there(fetch_glibcs: Callable[..., str]) -> None:
    fetch_glibcs("musl", "c-ares", "go")


def results(call: Call, *words: str) -> list[dict[str, Any]]:
    done = call("run", *words, "--format", "json")
    assert done.status == OK, done.err
    found: list[dict[str, Any]] = json.loads(done.out)["results"]
    return found


@pytest.mark.slow  # the newest of each: tests/compare/test_other_resolvers.py
@pytest.mark.parametrize("resolver", ["musl", "c-ares"])
def test_every_version_agrees_with_its_model(call: Call, resolver: str) -> None:
    # who waits out what a server does not answer costs no processor: many hosts at a time
    asked = results(call, "--resolver", resolver, "--jobs", "16")
    # c-ares up to 1.21 dies of a service without a name, and the model says so
    assert {one["verdict"] for one in asked if not one["predicted"]} == {"agree"}
    assert {one["resolver"] for one in asked} == {resolver}
    versions = Counter(one["resolver_version"] for one in asked)
    assert len(versions) >= 3
    assert min(versions.values()) >= 500


def test_who_follows_rule_9_for_ipv4(call: Call, host: str) -> None:
    asked = results(call, host, "--resolver", "all")
    orders = {(one["resolver"], one["lookup"]): one["native"] for one in asked}
    far, near, six = "172.31.80.8", "172.18.45.6", "2001:db8:9::1"
    # glibc counts bits inside the source's subnet; c-ares and Go of IPv6 alone
    assert orders["glibc", "four"] == [near, far]
    assert orders["c-ares", "four"] == orders["go", "four"] == [far, near]
    # musl sorts where an IPv6 address is in the answer, and counts all bits then:
    # 172.18.45.7 shares 29 with 172.18.45.2, 172.31.80.9 shares 12
    assert orders["musl", "four"] == [far, near]
    far, near = "172.31.80.9", "172.18.45.7"
    assert orders["musl", "both"] == [six, near, far]
    assert orders["c-ares", "both"] == orders["go", "both"] == [six, far, near]


def test_glibc_alone_reads_gai_conf(call: Call, host: str) -> None:
    words = [host, "--resolver", "all", "--gai-conf"]
    firsts = [
        {
            one["resolver"]: one["native"][0]
            for one in results(call, *words, conf)
            if one["lookup"] == "both"
        }
        for conf in ("none", "prefer-ipv4.conf")
    ]
    assert firsts[0] == dict.fromkeys(("glibc", *OTHERS), "2001:db8:9::1")
    assert firsts[1].pop("glibc") == "172.18.45.7"
    assert firsts[1] == dict.fromkeys(OTHERS, "2001:db8:9::1")


def test_explain_puts_them_side_by_side(call: Call, host: str) -> None:
    words = ("explain", host, "--lookup", "both", "--resolver", "glibc,musl,go")
    done = call(*words)
    assert done.status == OK
    (table,) = [text for text in done.out.split("\n\n") if text.startswith("  address")]
    heading, *rows = table.splitlines()
    assert heading.split()[:2] == ["address", "glibc"]
    # the place of each in glibc's order, musl's (rule 9 as glibc) and Go's (as found)
    places = {row.split()[0]: [cell for cell in row.split()[1:] if cell.isdigit()] for row in rows}
    assert places["2001:db8:9::1"][:1] == ["1"]
    assert (places["172.18.45.7"][0], places["172.31.80.9"][0]) == ("2", "3")
    (contrast,) = [
        one
        for one in json.loads(call(*words, "--json").out)["explanations"][0]["contrasts"]
        if one["other"].startswith("go ")
    ]
    assert (contrast["one_first"], contrast["other_first"]) == ("172.18.45.7", "172.31.80.9")
    assert contrast["one_why"].startswith("rule 9: ")
    assert contrast["other_why"].startswith("rule 10: ")


def test_what_is_not_asked_is_named(call: Call) -> None:
    done = call("run", "--resolver", "glibc,musl", "nss-link-local", "-q")
    assert done.status == OK
    assert re.search(
        r"musl was not asked (\d+) of \1 look-ups: a module of nsswitch.conf is glibc's", done.err
    )
    nothing = call("explain", "presort-canonname", "--resolver", "go")
    assert (nothing.status, nothing.out) == (FINDING, "")
    assert "go was not asked" in nothing.err
    beside = call("whatif", "presort-canonname", "--resolver", "all", "--set", "reload no")
    assert "go was not asked" in beside.err


def test_an_answer_that_musl_does_not_sort_says_so(call: Call, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    name = "seed-rule9-ipv4-only"
    done = call("run", name, "--resolver", "musl", "--report", f"html={page}")
    why = "as found: musl does not sort an answer that has IPv4 addresses alone"
    assert why in done.out
    assert why in page.read_text()
    assert "gai.conf is undefined" not in page.read_text()
    explained = call("explain", name, "--resolver", "musl")
    assert f"172.31.80.8, 172.18.45.6 ({why})" in explained.out
    assert "one address" not in explained.out


def test_where_one_returns_less_the_address_is_named(call: Call, tmp_path: Path) -> None:
    place = tmp_path / "container.gai.yaml"
    place.write_text(CONTAINER)
    text = call("explain", place, "--resolver", "glibc,musl").out
    assert "(host): 2001:db8:9::1 is not returned\n" in text
    assert "has 2001:db8:9::1 too: 2001:db8:9::1 is returned by this one alone\n" in text
    assert "first:" not in text


def test_where_the_kinds_of_socket_differ_the_entries_are_counted(call: Call) -> None:
    done = call("explain", "127.0.0.1", "--socktype", "any", "--resolver", "glibc,c-ares")
    assert "(host): entries: 3, addresses: 1\n" in done.out
    assert ": entries: 1, addresses: 1\n" in done.out


def test_numbers_as_inet_aton_reads_them_are_looked_up_on_a_copy(call: Call) -> None:
    done = call("explain", "10.1", "0x7f.1", "--resolver", "glibc,musl", "--json")
    found = [one["native"] for one in json.loads(done.out)["explanations"]]
    assert {*map(tuple, found)} == {("10.0.0.1",), ("127.0.0.1",)}


def test_whom_nobody_knows_ends_with_a_finding_on_any_resolver(call: Call) -> None:
    done = call("explain", "nobody.invalid", "--resolver", "musl")
    assert done.status == FINDING
    assert "musl has no address" in done.err


def test_where_nothing_changes_no_resolver_reacts_differently(call: Call) -> None:
    words = "whatif", "seed-rule9-dual-stack", "--resolver", "glibc,musl", "--set"
    line = "precedence ::ffff:0:0/96 11"
    still = call(*words, "label 2001:db8:dead::/48 7", "--set", line).out
    assert "unchanged" in still
    assert "react differently" not in still


WRONG = {
    "run --resolver muls": "did you mean musl?",
    "run --resolver musl=9.9.9": "musl=9.9.9 is not on this host",
    "run --resolver musl --glibc 2.31": "--glibc 2.31: --resolver musl asks no glibc",
    "run --resolver go --lane cffi": "--lane cffi: --resolver go asks no glibc",
    "run --resolver musl=./nope": "musl=./nope: a folder that exists was expected",
    "run --resolver c-ares=./nope": "c-ares=./nope: a version, a suite or an image was expected",
    "run --resolver glibc=2.31": "builds of glibc are named by --glibc 2.31",
    "run --resolver musl --against 2.31": "no --against beside it was expected",
    "fuzz --resolver c-ars": "did you mean c-ares?",
    "explain web --resolver ,": "or NAME=VERSION, was expected",
}


@pytest.mark.parametrize("words", WRONG)
def test_wrong_words_are_one_line(call: Call, words: str) -> None:
    done = call(*words.split())
    assert done.status in (WRONG_USE, 3)
    assert done.status == WRONG_USE or "not on this host" in done.err
    assert done.err.count("\n") == 1
    assert WRONG[words] in done.err
