"""Redaction: whatever is put in, every rule decides as before, and the bits stay in shape."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.live.address_map import Permutation, Pin, PinError, address_map
from harness.live.redact import redact
from harness.live.said import Name, Said, SaidAddress, SaidLink
from harness.model import Candidate, Policy, order
from harness.model.host import IPAddress
from harness.scenario import Scenario
from tests.sandbox.kit import host as host_of

DIALECTS = (("2.7", "amd64"), ("2.16", "amd64"), ("2.36", "amd64"), ("2.36", "armhf"),
            ("2.40", "i386"), ("2.44", "arm64"))  # fmt: skip
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
V4_PLACES = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8",
             "192.0.2.0/24", "198.18.0.0/15", "100.64.0.0/10", "8.8.0.0/16", "93.184.0.0/15",
             "1.0.0.0/8", "223.0.0.0/8", "0.0.0.0/0")  # fmt: skip
V6_PLACES = ("2001:db8::/32", "2001::/32", "2002::/16", "fd00::/8", "fc00::/8", "fe80::/64",
             "fec0::/10", "2a02:8070::/32", "2a00:1450::/32", "2600::/12", "3fff::/20",
             "64:ff9b::/96", "::/96", "ff0e::/16", "ff02::/16", "2000::/3",
             "2001:470::/32")  # fmt: skip


@st.composite
def addresses(draw: st.DrawFn, version: int) -> IPAddress:
    network = ip_network(draw(st.sampled_from(V4_PLACES if version == 4 else V6_PLACES)))
    free = network.max_prefixlen - network.prefixlen
    # many share their leading bits with others
    low = draw(st.integers(0, 7)) << draw(st.integers(0, max(free - 3, 0)))
    low ^= draw(st.one_of(st.just(0), st.integers(0, 2**free - 1)))
    value = int(network.network_address) | low % (2**free)
    return IPv4Address(value) if version == 4 else IPv6Address(value)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[IPAddress, IPAddress | None, int]:
    version = draw(st.sampled_from((4, 6)))
    source = draw(st.one_of(st.none(), addresses(version)))
    length = draw(st.integers(0, 32 if version == 4 else 128))
    return draw(addresses(version)), source, length


PREFIXES = ("::/0", "::1/128", "2002::/16", "2001::/32", "::ffff:0:0/96", "fc00::/7", "::/96",
            "2001:db8::/32", "2a02:8070::/32", "2a00::/12", "fd00::/8", "::ffff:10.0.0.0/104",
            "::ffff:8.8.0.0/112", "2000::/3")  # fmt: skip
ROWS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(("label", "precedence")), st.sampled_from(PREFIXES),
                  st.integers(0, 99)),
        st.tuples(st.just("scopev4"),
                  st.sampled_from(("10.0.0.0/8", "8.8.0.0/16", "::ffff:192.168.0.0/112",
                                   "::ffff:0:0/96", "93.184.216.0/24")),
                  st.sampled_from((2, 5, 14))),
    ),
    max_size=4,
)  # fmt: skip


def scenario_of(targets: list[IPAddress], sources: list[IPAddress], conf: str) -> Scenario:
    """A host that has the sources, as far as one may, and looks the targets up."""
    none = "is_multicast", "is_unspecified", "is_loopback"
    usable = [str(one) for one in dict.fromkeys(sources) if not any(getattr(one, n) for n in none)]
    return Scenario.model_validate({
        "name": "x", "host": {"interfaces": {"eth0": {"addresses": usable}}}, "gai_conf": conf,
        "names": {"secret": [str(each) for each in targets]}, "lookups": [{"name": "secret"}],
    })  # fmt: skip


@QUICK
@given(st.lists(pairs(), min_size=2, max_size=8), ROWS, st.binary(min_size=1, max_size=8))
def test_the_order_and_every_decision_stay(
    found: list[tuple[IPAddress, IPAddress | None, int]], rows: Any, key: bytes
) -> None:
    conf = "".join(f"{word} {prefix} {value}\n" for word, prefix, value in rows)
    targets = [target for target, _, _ in found]
    sources = [source for _, source, _ in found if source is not None]
    redacted = redact(scenario_of([*targets, *sources], sources, conf), key)
    new = redacted.map.address
    after = [(new(one), None if two is None else new(two), length) for one, two, length in found]
    assert isinstance(redacted.scenario.gai_conf, str)
    for glibc, arch in DIALECTS:
        results = []
        for text, items in ((conf, found), (redacted.scenario.gai_conf, after)):
            policy = Policy.from_gai_conf(text, glibc, arch)
            made = order(
                [Candidate(target, source, prefixlen=length, index=2)
                 for target, source, length in items],
                policy, glibc, arch,
            )  # fmt: skip
            facts = [(f.position, f.scope, f.source_scope, f.label, f.source_label,
                      f.precedence, f.common_prefix) for f in made.ranked]  # fmt: skip
            results.append((facts, [decision.rule for decision in made.decisions]))
        assert results[0] == results[1], (glibc, arch)


@QUICK
@given(
    st.lists(st.one_of(addresses(4), addresses(6)), min_size=2, max_size=10, unique=True),
    st.binary(max_size=60),
)
def test_two_addresses_share_as_many_bits_as_before(found: list[IPAddress], key: bytes) -> None:
    made = address_map(found, key=key)
    images = [made.address(each) for each in found]
    assert len(set(images)) == len(found)
    for one, image in zip(found, images, strict=True):
        for other, other_image in zip(found, images, strict=True):
            if one.version == other.version:
                before, after = int(one) ^ int(other), int(image) ^ int(other_image)
                assert before.bit_length() == after.bit_length()
        for name in ("is_multicast", "is_loopback", "is_link_local", "is_unspecified"):
            assert getattr(one, name) == getattr(image, name), (one, image, name)
        if one.version == 4:
            for private in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"):
                assert (one in ip_network(private)) == (image in ip_network(private))


def test_public_addresses_of_one_network_go_to_a_range_for_documentation() -> None:
    found = [ip_address(text) for text in ("2a02:8070:1::2", "2a02:8070:1::3", "93.184.216.34")]
    made = address_map(found, [ip_network("2a02:8070::/32"), ip_network("93.184.216.0/24")])
    assert made.address(found[0]) in IPv6Network("2001:db8::/32")
    assert made.network(ip_network("2a02:8070::/32")) == ip_network("2001:db8::/32")
    assert made.network(ip_network("93.184.216.0/24")) == ip_network("203.0.113.0/24")
    assert all("for documentation" in note and "made up" not in note for note in made.notes)


def test_addresses_that_fit_no_such_range_are_said_to_be_made_up() -> None:
    made = address_map([ip_address("2a02:8070:1::2"), ip_address("2600::1"), ip_address("8.8.8.8"),
                        ip_address("93.184.216.34")])  # fmt: skip
    assert ["made up" in note for note in made.notes] == [True, True]


def test_the_first_and_last_address_of_an_own_network_keep_their_meaning() -> None:
    network = ip_network("10.3.16.0/20")
    for key in (b"a", b"b", b"c"):
        made = address_map([ip_address("10.3.17.9")], own=[network], key=key)
        image = made.network(network)
        assert made.address(network[0]) == image[0]
        assert made.address(network[-1]) == image[-1]


def test_another_key_gives_other_addresses() -> None:
    found = [ip_address("2a02:8070:1::2:3:4")]
    assert len({address_map(found, key=bytes([n])).address(found[0]) for n in range(8)}) == 8


def test_pins_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(PinError):
        Permutation(32, b"", [Pin(0x0A000000, 0x0A000000, 8), Pin(0x0A000000, 0x8A000000, 8)])
    with pytest.raises(PinError):
        Permutation(32, b"", [Pin(0x0A000000, 0x0A800000, 16)], [(0x0A000000, 8)])


def test_names_words_and_comments_do_not_get_through() -> None:
    secret = Scenario.model_validate(
        {
            "name": "db1.corp.example",
            "description": "the database of 8.8.8.8",
            "host": host_of(
                {"corp-uplink": {"addresses": [
                    {"address": "8.8.4.4/24", "label": "corp-uplink:vip"}]},
                 "eth0": "", "blue": "bridge"},
                ["0.0.0.0/0 via 8.8.4.1 dev corp-uplink"],
                sysctls={"net.ipv6.conf.corp-uplink.use_tempaddr": "2"},
            ),
            "names": {"db1.corp.example": ["8.8.8.8", "2a02:8070::7"]},
            "gai_conf": "# of corp\nlabel 2a02:8070::/32 7 corp\ncorp x\nlabel corp 1\n\n"
            "precedence 2002::/16 30\nscopev4 8.8.4.0/ 5 # corp\nreload corp\n",
            "lookups": [{"name": "db1.corp.example"}, {"name": "8.8.8.8"}],
            "left_out": ["corp-uplink: the way to 8.8.8.0/24"],
        }
    )  # fmt: skip
    said = Said(
        "{}: the way to {} and {}, {}, {} {}", SaidLink("corp-uplink"), SaidAddress("8.8.8.0/24"),
        SaidAddress("2a02:8070::7"), Name("db1.corp.example"), "corp words", SaidLink("corp9"),
    )  # fmt: skip
    redacted = redact(secret, b"key", [said]).scenario
    text = redacted.model_dump_json()
    for word in ("corp", "8.8.", "2a02", "8070", "vip", "blue"):
        assert word not in text
    assert list(redacted.host.interfaces) == ["eth1", "eth0", "bridge0"]
    assert redacted.left_out[0].startswith("eth1: the way to ")
    assert "/24" in redacted.left_out[0]
    assert redacted.left_out[0].endswith(", host1, … …")
    assert redact(secret, b"key").scenario.left_out == (), "nobody knows what is in its words"
    assert isinstance(redacted.gai_conf, str)
    lines = redacted.gai_conf.splitlines()
    assert [line.split()[0] for line in lines] == [
        "label", "label", "precedence", "scopev4", "reload"
    ]  # fmt: skip
    assert lines[1:3] == ["label x 1", "precedence 2002::/16 30"]
    assert lines[4] == "reload no"


def test_addresses_sort_as_before_where_one_is_there_twice() -> None:
    found = [ip_address(text) for text in ("2001:db8:1::7", "2001:db8:9::1", "2001:db8:f::3",
                                           "fd00:1::1", "10.3.0.9", "10.200.0.1")]  # fmt: skip
    for number in range(8):
        made = address_map(found, key=bytes([number]), ascending=found)
        images = [made.address(each) for each in found]
        for version in (4, 6):
            some = [int(each) for each in images if each.version == version]
            assert some == sorted(some)


def test_a_name_that_a_search_domain_completes_stays_one() -> None:
    """And an alias stays one of the name it leads to, with what the server says of it."""
    dns = {"names": {"web.corp.example": ["203.0.113.9"], "web": ["203.0.113.10"]},
           "aliases": {"www": "web.corp.example"},
           "replies": {"WEB": {"AAAA": "servfail"}}}  # fmt: skip
    service = {"hosts": "dns", "dns": dns, "resolv_conf": {"search": ["corp.example"]}}
    lookups = [{"name": "web"}, {"name": "www"}]
    raw = {"name": "n", "host": {}, "name_service": service, "lookups": lookups}
    copy = redact(Scenario.model_validate(raw), b"k" * 32).scenario
    assert copy.name_service is not None
    (server,) = copy.name_service.dns
    web, www = (one.name for one in copy.lookups)
    (domain,) = copy.name_service.resolv_conf.search
    assert set(server.names) == {f"{web}.{domain}", web}
    assert dict(server.aliases) == {www: f"{web}.{domain}"}
    assert set(server.replies) == {web}


def test_other_spellings_of_a_name_find_what_it_has() -> None:
    """With a final dot, in upper case, or with the search domain: as on the host, it is one name.

    For myhostname upper case is another name than the host's.
    """
    dns = {"names": {"web.corp.example": ["203.0.113.9"], "x.example": ["203.0.113.10"]}}
    service = {"hosts": "files dns myhostname", "files": ["203.0.113.11 mail", "203.0.113.11 me."],
               "dns": dns, "resolv_conf": {"search": ["corp.example"]}}  # fmt: skip
    named = ("web.corp.example.", "web", "WEB", "x.example.", "MAIL", "mail", "me.", "Box", "box")
    raw = {"name": "n", "host": {"hostname": "box"}, "name_service": service,
           "lookups": [{"name": name} for name in named]}  # fmt: skip
    copy = redact(Scenario.model_validate(raw), b"k" * 32).scenario
    assert copy.name_service is not None
    fqdn, web, upper, other, shouted, mail, dotted, wrong, box = (one.name for one in copy.lookups)
    assert fqdn == f"{web}.domain1."
    assert (upper, shouted, wrong) == (str(web).upper(), str(mail).upper(), str(box).upper())
    assert set(copy.name_service.dns[0].names) == {f"{web}.domain1", str(other)[:-1]}
    assert [line.split()[1] for line in copy.name_service.files] == [mail, dotted]
    assert str(other).endswith(".")
    assert str(dotted).endswith(".")
    assert copy.host.hostname == box


def test_a_sortlist_goes_by_the_same_networks_or_is_left_out() -> None:
    entries = ["203.0.113.0", "203.0.113.128/255.255.255.128", "203.0.113.9/255.255.255.0",
               "203.0.113.0/255.255.0.255"]  # fmt: skip
    addresses = ["203.0.113.9", "203.0.113.200"]
    service = {"hosts": "dns", "dns": {"names": {"web": addresses}},
               "resolv_conf": {"sortlist": entries}}  # fmt: skip
    raw = {"name": "n", "host": {}, "name_service": service, "lookups": [{"name": "web"}]}
    copy = redact(Scenario.model_validate(raw), b"k" * 32).scenario
    assert copy.name_service is not None
    networks = [ip_network(one) for one in copy.name_service.resolv_conf.sortlist]
    (listed,) = copy.name_service.dns[0].names.values()
    assert [one.prefixlen for one in networks] == [24, 25]  # in no other is an address
    assert [[ip_address(one) in net for one in listed] for net in networks] == [
        [True, True], [False, True],
    ]  # fmt: skip
