"""The search for gai.conf changes."""

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.advice.lint import lint
from harness.advice.pitfalls import find_pitfalls
from harness.advice.suggest import (
    Impossible,
    LookupCase,
    OwnNetworks,
    Suggestion,
    answered_order,
    suggest,
)
from harness.advice.suggest import lines as gai_lines
from harness.advice.suggest.goal import known_facts
from harness.advice.suggest.kinds import reaches, turned
from harness.advice.suggest.lines import NewLine, as_prefix, with_new_lines, with_rows
from harness.model.addresses import as_ipv6_int
from harness.model.dialects import dialect
from harness.model.gaiconf import parse_gai_conf
from harness.model.host import AddressRow, HostView, Target
from harness.model.order import Candidate
from harness.model.policy import DEFAULT_PRECEDENCE, Policy
from tests.advice.suggest_kit import some_gai_conf_does_it
from tests.model.kit import candidate

NEAR = Candidate("172.18.45.6", "172.18.45.2", prefixlen=24, index=2)
FAR = Candidate("172.31.80.8", "172.18.45.2", prefixlen=24, index=2)
SIX = Candidate("2001:db8:9::1", "2001:db8:1::2", prefixlen=64, index=2)
OTHER_SIX = Candidate("2001:db8:7::1", "2001:db8:1::2", prefixlen=64, index=2)
ULA_FROM = Candidate("2001:db8:9::1", "fd00:1::2", prefixlen=64, index=2)
FOUR = Candidate("203.0.113.9", "192.0.2.2", prefixlen=24, index=2)
DEAD = Candidate("2001:db8:bad::1", None)


def targets(*texts: str) -> tuple[Target, ...]:
    return tuple(Target(ip_address(text)) for text in texts)


def case(*found: Candidate, glibc: str = "2.36", name: str = "web") -> LookupCase:
    return LookupCase(name, dialect(glibc), found)


def wish(
    *found: Candidate, want: Sequence[str], conf: bytes | None = None, glibc: str = "2.36"
) -> Suggestion | Impossible:
    return suggest([case(*found, glibc=glibc)], conf, targets(*want))


def own(found: Suggestion | Impossible) -> list[str]:
    assert isinstance(found, Suggestion)
    return [line.text for line in found.lines if not line.restored]


def restored(found: Suggestion | Impossible) -> set[str]:
    assert isinstance(found, Suggestion)
    return {line.text for line in found.lines if line.restored}


@pytest.mark.parametrize("conf", [b"reload yes\n", None])
def test_nothing_to_change(conf: bytes | None) -> None:
    found = wish(FAR, NEAR, want=["172.18.45.6", "172.31.80.8"], conf=conf)
    assert isinstance(found, Suggestion)
    assert (found.needed, found.lines, found.gai_conf) == (False, (), conf)


META = Candidate("169.254.77.7", "172.18.45.2", prefixlen=24, index=2)
OLD_SIX = replace(SIX, deprecated=True)
DEAD_FOUR = replace(DEAD, destination="198.51.100.7")


@pytest.mark.parametrize(
    ("found", "first", "line", "defaults", "shorter"),
    [
        # rule 9 is overruled by one precedence, and the defaults are kept
        ((FAR, NEAR), FAR, "precedence ::ffff:172.31.0.0/112 15", 4, ""),
        # IPv4's own line is a default itself, so one less is to be kept; but it is for all of IPv4
        ((SIX, FOUR), FOUR, "precedence ::ffff:203.0.0.0/112 45", 4, "precedence ::ffff:0:0/96 45"),
        # rule 5 is turned by a label, rule 2 by a scope, and so is rule 3 with IPv4
        ((FOUR, ULA_FROM), ULA_FROM, "label 2001:db8:9::/48 6", 7, "label fc00::/7 1"),
        ((META, FOUR), META, "scopev4 ::ffff:169.254.77.0/120 14", 2,
         "scopev4 ::ffff:169.254.0.0/112 14"),
        # the network of the source, as its prefix length says
        ((FOUR, OLD_SIX), OLD_SIX, "scopev4 ::ffff:192.0.2.0/120 5", 2, ""),
        # unreachable ones are ordered among themselves
        ((DEAD, DEAD_FOUR), DEAD_FOUR, "precedence ::ffff:198.51.0.0/112 45", 4,
         "precedence ::ffff:0:0/96 45"),
    ],
)  # fmt: skip
def test_the_line_that_brings_the_first_to_the_front(
    found: tuple[Candidate, ...], first: Candidate, line: str, defaults: int, shorter: str
) -> None:
    done = wish(*found, want=[str(first.destination)])
    assert isinstance(done, Suggestion)
    assert own(done) == [line]
    assert len(restored(done)) == defaults
    assert (done.shorter is not None) == bool(shorter)
    if done.shorter:
        assert own(done.shorter) == [shorter]
        assert len(restored(done.shorter)) == defaults - 1
        assert done.shorter.smallest


HOME = OwnNetworks(tuple(map(ip_address, ("192.0.2.4", "2001:db8:1::4"))))
LOCALHOST = case(Candidate("::1", "::1", 128, index=1), Candidate("127.0.0.1", "127.0.0.1", 8))


def test_all_that_the_host_may_ask_from_counts_not_only_what_a_look_up_shows() -> None:
    """A host with both families: IPv4's 60 would put 203.0.113.9 before 2001:db8:9::1, 40."""
    found = suggest([LOCALHOST], None, targets("127.0.0.1"), host=HOME)
    assert own(found) == ["precedence ::ffff:127.0.0.0/104 60"]
    assert isinstance(found, Suggestion)
    assert found.shorter
    assert own(found.shorter) == ["precedence ::1/128 0"]
    before = Policy.default("2.36")
    after = Policy.build(b"precedence ::ffff:0:0/96 60\nprecedence ::1/128 50\n", dialect("2.36"))
    _, _, words = turned(before, after, HOME.addresses)
    assert "public IPv4 before global IPv6" in words
    # nothing asks ::1 from another address than itself, nor others from it
    _, _, words = turned(before, Policy.build(found.shorter.gai_conf, dialect("2.36")), ())
    assert "global IPv6 before ::1" in words


def test_a_scope_that_parts_others_from_their_source_says_so() -> None:
    """The two are asked from 10.0.0.5, of scope 14 like all IPv4 but what is link-local."""
    conf = b"scopev4 ::ffff:74.6.143.0/120 1\nscopev4 ::ffff:74.6.231.0/120 2\n"
    far = [Candidate(text, "10.0.0.5", 24) for text in ("74.6.231.20", "8.8.8.8", "74.6.143.26")]
    found = wish(*far, want=["74.6.143.26"], conf=conf)
    assert isinstance(found, Suggestion)
    assert found.shorter
    assert own(found.shorter) == ["scopev4 ::ffff:10.0.0.0/120 1"]
    assert (
        "parts 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, public IPv4 from their source 10.0.0.5"
        " in scope: rule 2 puts what matches first"
    ) in [one.replace(" 169.254.0.0/16,", "") for one in found.shorter.elsewhere.reaches]


def test_the_network_that_the_host_knows_is_rather_offered_than_a_usual_length() -> None:
    route = OwnNetworks(networks=(gai_lines.network_of(ip_address("203.0.112.0"), 23),))
    (found,) = own(suggest([case(SIX, FOUR)], None, targets("203.0.113.9"), host=route))
    assert found == "precedence ::ffff:203.0.112.0/119 45"


@pytest.mark.parametrize("conf", [
    b"precedence ::ffff:0:0/96 10\n",
    b"precedence ::1/128 50\nprecedence ::/0 40\nprecedence ::ffff:0:0/96 10",
])  # fmt: skip
def test_new_lines_stand_in_front_and_a_file_with_precedences_needs_no_defaults(
    conf: bytes,
) -> None:
    # the first of equal prefixes counts
    found = wish(SIX, FOUR, want=["203.0.113.9"], conf=conf)
    assert isinstance(found, Suggestion)
    assert restored(found) == set()
    assert found.gai_conf == own(found)[0].encode() + b"\n" + conf


@pytest.mark.parametrize(
    ("rule", "worse", "better", "remedy"),
    [
        (1, DEAD, FOUR, "AF_INET6"),
        (2, replace(SIX, destination="fec0:0:0:9::1"), SIX, "--node-ip=fec0:0:0:9::1"),
        (3, replace(OTHER_SIX, deprecated=True), SIX, "is not deprecated"),
        (4, OTHER_SIX, replace(SIX, home=True), "the home flag"),
    ],
)
def test_the_rule_is_named(rule: int, worse: Candidate, better: Candidate, remedy: str) -> None:
    found = wish(worse, better, want=[str(worse.destination)])
    assert isinstance(found, Impossible)
    assert found.proved
    (obstacle,) = found.obstacles
    assert obstacle.rule == rule
    assert obstacle.steps[-1].startswith(f"rule {rule}:")
    assert len(obstacle.steps) == rule
    assert remedy in " ".join(obstacle.remedies)


def test_one_address_in_two_zones_cannot_be_turned() -> None:
    twins = [Candidate("fe80::5", "fe80::2", 64, index=n, scope_id=n) for n in (2, 3)]
    first, second = (Target(ip_address("fe80::5"), n) for n in (2, 3))
    assert isinstance(suggest([case(*twins)], None, (first, second)), Suggestion)
    found = suggest([case(*twins)], None, (second, first))
    assert isinstance(found, Impossible)
    assert found.proved
    assert found.obstacles[0].rule == 10
    # from two sources a label tells them apart
    twins[1] = replace(twins[1], source="fe80::3")
    assert own(suggest([case(*twins)], None, (second, first)))


def test_every_dialect_must_agree() -> None:
    """Up to 2.7 rule 9 compares plain prefixes; the suggestion must hold there too."""
    near = Candidate("10.9.0.1", "10.0.0.2", prefixlen=24, index=2)
    far = Candidate("203.0.113.9", "10.0.0.2", prefixlen=24, index=2)
    both = [case(far, near, glibc="2.7"), case(far, near, glibc="2.36")]
    assert answered_order(both[0], Policy.default("2.7"))[0] == targets("10.9.0.1")[0]
    assert answered_order(both[1], Policy.default("2.36"))[0] == targets("203.0.113.9")[0]
    found = suggest(both, None, targets("10.9.0.1"))
    assert isinstance(found, Suggestion)
    for one in both:
        policy = Policy.build(found.gai_conf, one.dialect)
        assert answered_order(one, policy)[0] == targets("10.9.0.1")[0]


def test_other_lookups_are_left_alone_where_that_costs_no_line() -> None:
    """Raising the one or lowering the other yields the wish; only one leaves the rest be."""
    nearer = replace(SIX, destination="2001:db8:3::1")
    other = case(SIX, nearer, name="other")
    alone = suggest([case(SIX, OTHER_SIX)], None, targets("2001:db8:9::1"))
    beside = suggest([case(SIX, OTHER_SIX)], None, targets("2001:db8:9::1"), [other])
    assert own(alone) == ["precedence 2001:db8:9::/48 45"]
    assert own(beside) == ["precedence 2001:db8:7::/48 35"]
    assert isinstance(beside, Suggestion)
    assert beside.elsewhere.pairs == 0


HOST = HostView((AddressRow(2, ip_address("fe80::2"), None, 64),), ())
LINK_LOCAL = Candidate("fe80::9", "fe80::2", prefixlen=64, index=2, scope_id=2)


def test_not_one_machine_but_the_network_that_it_is_in() -> None:
    assert own(wish(LINK_LOCAL, SIX, FOUR, want=["2001:db8:9::1", "203.0.113.9"])) == [
        "precedence fe80::/10 0"
    ]


def test_a_missing_scope_id_is_what_is_said_to_be_missing() -> None:
    found = wish(replace(LINK_LOCAL, source=None, scope_id=0), FOUR, want=["fe80::9"])
    assert isinstance(found, Impossible)
    assert "fe80::9 cannot be reached (a scope id is missing)" in found.obstacles[0].steps[0]
    assert found.obstacles[0].remedies[0].startswith("a scope id, as in fe80::9%eth0")
    # so it is of multicast to a link (ff02) and to the host (ff01), and of no wider one
    for text, begin in ("ff02::1", "a scope"), ("ff11::1", "a scope"), ("ff05::1", "a route to"):
        other = wish(replace(DEAD, destination=text), FOUR, want=[text])
        assert isinstance(other, Impossible)
        assert other.obstacles[0].remedies[0].startswith(begin), text
        facts = known_facts(case(replace(DEAD, destination=text), FOUR), Policy.default("2.36"))
        traps = find_pitfalls([*facts.values()], HOST, None, dialect("2.36"))
        assert ("no-scope-id" in [one.name for one in traps]) == (begin == "a scope"), text
    # of a global address it is a route
    other = wish(DEAD, FOUR, want=["2001:db8:bad::1"])
    assert isinstance(other, Impossible)
    assert other.obstacles[0].remedies[0].startswith("a route to")


def test_an_undefined_line_is_written_out_first() -> None:
    done = wish(SIX, FOUR, want=["203.0.113.9"], conf=b"precedence 2001:db8:9::1 5 # low\n")
    assert isinstance(done, Suggestion)
    assert [one.new for one in done.mended] == ["precedence 2001:db8:9::1/128 5 # low"]
    assert done.lines == ()
    assert not [one for one in lint(done.gai_conf or b"") if one.code == "GAI006"]
    # scopes have lengths of IPv4; a network was meant where lint says so
    text, found = gai_lines.mended(
        b"\nscopev4 10.0.0.1 5\nscopev4 ::ffff:10.0.0.2 5\nscopev4 10.0.0.0 5 # own\n",
        [dialect("2.31")],
    )
    assert text == b"\nscopev4 10.0.0.1/32 5\nscopev4 10.0.0.2/32 5\nscopev4 10.0.0.0/8 5 # own\n"
    assert [one.line for one in found] == [2, 3, 4]
    assert gai_lines.mended(b"scopev4 10.0.0.1 5\n", [dialect("2.41")])[1] == ()


def test_many_addresses_end_in_time_without_a_line_to_spare() -> None:
    many = [replace(SIX, destination=f"2001:db8:9::{n:x}") for n in range(1, 15)]
    texts = [str(one.destination) for one in many]
    want = texts[::2][::-1] + texts[1::2]
    found = wish(*many, want=want)
    assert isinstance(found, Suggestion)
    assert not found.smallest
    policy = Policy.build(found.gai_conf, dialect("2.36"))
    assert answered_order(case(*many), policy) == targets(*want)


@pytest.mark.parametrize(
    ("want", "cases"),
    [([], [case(SIX, FOUR)]), (["::1"], [case(SIX)]), (["2001:db8:9::1"] * 2, [case(SIX)]),
     (["2001:db8:9::1"], [])],
)  # fmt: skip
def test_wrong_wishes_are_refused(want: list[str], cases: list[LookupCase]) -> None:
    with pytest.raises(ValueError, match="expected"):
        suggest(cases, None, targets(*want))


@st.composite
def small_cases(draw: st.DrawFn) -> LookupCase:
    """Two or three different destinations, with anything that rules 1 to 10 may meet."""
    found = draw(
        st.lists(candidate(), min_size=2, max_size=3, unique_by=lambda one: str(one.destination))
    )
    # a real source has the family of its destination
    return LookupCase("web", dialect("2.36"), tuple(found))


SLOW = [HealthCheck.filter_too_much, HealthCheck.too_slow]


@settings(max_examples=25, deadline=None, suppress_health_check=SLOW)
@given(small_cases(), st.data())
def test_it_finds_what_trying_everything_does(one: LookupCase, data: st.DataObject) -> None:
    every = [Target(ip_address(str(c.destination))) for c in one.candidates]
    order = data.draw(st.permutations(every))
    wanted = tuple(order[: data.draw(st.integers(1, len(order)))])
    conf = data.draw(st.sampled_from([None, b"label ::/0 1\n", b"scopev4 10.0.0.0/8 5\n"]))
    found = suggest([one], conf, wanted)
    if isinstance(found, Impossible):
        assert not some_gai_conf_does_it(one, conf, wanted)
        return
    policy = Policy.build(found.gai_conf, one.dialect)
    assert answered_order(one, policy)[: len(wanted)] == wanted
    # every line is read, and a table that gains a line keeps its defaults
    codes = {finding.code for finding in lint(found.gai_conf or b"")}
    assert not codes & {"GAI001", "GAI002", "GAI007", "GAI010"}
    if conf is None:
        assert not codes & {"GAI011", "GAI012", "GAI013"}


@settings(max_examples=60, deadline=None)
@given(small_cases(), st.data())
def test_one_line_never_does_what_takes_two(one: LookupCase, data: st.DataObject) -> None:
    wanted = tuple(
        Target(ip_address(str(c.destination))) for c in data.draw(st.permutations(one.candidates))
    )
    found = suggest([one], None, wanted)
    if isinstance(found, Impossible):
        return
    found = found.shorter or found
    if not found.smallest or len(own(found)) < 2:
        return
    if any(line.keyword != "precedence" for line in found.lines):
        return
    keys = {as_ipv6_int(target.address) for target in wanted}
    for prefix in {*gai_lines.tree(keys), *map(as_prefix, DEFAULT_PRECEDENCE)}:
        for value in (0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55):
            line = NewLine("precedence", prefix, value)
            kept = gai_lines.restored((line,), parse_gai_conf(b"", one.dialect), one.dialect)
            policy = Policy.build(with_new_lines(b"", (line, *kept)), one.dialect)
            assert answered_order(one, policy) != wanted


def test_a_shorter_prefix_that_would_end_in_a_crash_is_left() -> None:
    found = (
        Candidate("2001:db8:1::9", "2001:db8:1::2", 64, index=1, native=False),
        Candidate("10.9.1.2", "10.9.0.1"),
        Candidate("172.19.45.11", "172.19.45.2", 24, index=3),
        Candidate("2001:db8:3::12", "2001:db8:3::2", 64, index=3, native=False),
    )
    case, wanted = LookupCase("web", dialect("2.18"), found), targets("10.9.1.2", "2001:db8:1::9")
    made = suggest((case,), None, wanted)
    assert isinstance(made, Suggestion)
    order = answered_order(case, Policy.build(made.gai_conf, case.dialect))
    assert [one for one in order if one in wanted] == [*wanted]


def test_a_build_that_would_crash_is_a_case_of_its_own() -> None:
    # rule 7 up to 2.18: 10.9.0.2 is noted not native first, native then, and an assertion fails
    found = (
        Candidate("10.1.0.9", "10.1.0.2", 24, index=3), Candidate("10.9.0.2", "10.9.0.1"),
        Candidate("172.18.45.9", "172.18.45.2", 24, index=2),
    )  # fmt: skip
    old, new = (LookupCase("web", dialect(glibc), found) for glibc in ("2.18", "2.19"))
    assert answered_order(old, Policy.default("2.18")) == ()
    assert len(answered_order(new, Policy.default("2.19"))) == 3
    # the first place is right on the new one, and must be made right on the old one
    for cases in ((old, new), (new, old)):
        made = suggest(cases, None, targets("10.1.0.9"))
        assert isinstance(made, Suggestion)
        policy = Policy.build(made.gai_conf, old.dialect)
        assert answered_order(old, policy)[:1] == targets("10.1.0.9")


@pytest.mark.parametrize(("line", "expected"), [
    # IPv4 has 10, ::/96 20, 2002::/16 30 and other IPv6 40
    (("precedence", "::ffff:172.31.0.0/112", 45),
     "puts all of 172.31.0.0/16 before ::/96, other IPv4, 2002::/16, other IPv6"),
    (("precedence", "::ffff:172.31.0.0/112", 30),
     "puts all of 172.31.0.0/16 before ::/96, other IPv4"
     "|puts all of 172.31.0.0/16 level with 2002::/16"),
    (("precedence", "2001:db8::/32", 5),
     "puts all of 2001:db8::/32 behind ::/96, other IPv4, 2002::/16, other IPv6"),
    (("precedence", "::ffff:0:0/96", 35), "puts all of IPv4 before ::/96, 2002::/16"),
    (("label", "fd00::/8", 9), "gives all of fd00::/8 the label 9"),
    (("scopev4", "10.0.0.0/8", 5), "gives all of 10.0.0.0/8 the scope 5"),
    (("precedence", "::ffff:172.31.80.8/128", 45), ""),
])  # fmt: skip
def test_what_a_wide_prefix_reaches(line: tuple[str, str, int], expected: str) -> None:
    keyword, text, value = line
    network = ip_network(text)
    prefix = gai_lines.network_of(network.network_address, network.prefixlen)
    new = NewLine(keyword, prefix, value)
    old = Policy.build(None, dialect("2.41"))
    assert "|".join(reaches([new], old, with_rows(old, [new]))) == expected
