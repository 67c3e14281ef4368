"""The fixture gai_order: what it answers, of which host, and for which arguments."""

import socket
from collections.abc import Callable
from typing import Any

import pytest

from harness.pytest_plugin.hosts import HostOrder
from tests.pytest_plugin import kit
from tests.pytest_plugin.kit import FAR_FIRST, HOST, NAMES, NEAR_FIRST, GaiHost
from tests.sandbox.network import flush_ipv6

GaiOrder = Callable[..., HostOrder]

pytestmark = pytest.mark.gai_namespaces


def test_native_model_and_reasons(gai_order: GaiOrder) -> None:
    found = gai_order("seed-rule9-dual-stack", "web")
    assert found.native == found.model == NEAR_FIRST
    assert [one.rule for one in found.decisions] == [9]
    assert found.agreed
    assert (found.error, found.glibc) == (None, kit.HOST_VERSION)
    text = str(found)
    assert "seed-rule9-dual-stack: web" in text
    assert "rule 9: 172.18.45.6 shares 29 bits with 172.18.45.2/24" in text
    assert "web" in repr(found) or "172.18.45.6" in repr(found)


@pytest.mark.bare
def test_a_box_answers_as_it_is_by_then(gai_host: GaiHost, gai_order: GaiOrder) -> None:
    box = gai_host(HOST, names=NAMES)
    assert gai_order(box, "web").decisions[0].rule == 9
    box.run(flush_ipv6, "eth0")
    found = gai_order(box, "web")
    assert (found.native, found.decisions[0].rule) == (FAR_FIRST, 10)
    # a gai.conf for one question only
    found = gai_order(box, "web", gai_conf="precedence ::ffff:172.18.0.0/112 90")
    assert (found.native, found.decisions[0].rule) == (NEAR_FIRST, 6)
    assert gai_order(box, "web").native == FAR_FIRST
    assert box.command(["cat", "/etc/gai.conf"]).returncode != 0
    with pytest.raises(TypeError, match="a box has its names already"):
        gai_order(box, "web", names=NAMES)


@pytest.mark.parametrize(("words", "expected"), [
    ({"family": "inet6"}, []), ({"family": socket.AF_INET6}, []),
    ({"family": socket.AF_INET, "flags": socket.AI_ADDRCONFIG}, NEAR_FIRST),
    ({"socktype": "any"}, [one for one in NEAR_FIRST for _ in range(3)]),
    ({"socktype": 0}, [one for one in NEAR_FIRST for _ in range(3)]),
    ({"socktype": socket.SOCK_DGRAM, "service": 53}, NEAR_FIRST),
    ({"service": "https", "flags": ["AI_ADDRCONFIG", "AI_CANONNAME"]}, NEAR_FIRST),
    ({"family": "inet6", "flags": "AI_V4MAPPED"},
     [f"::ffff:{one}" for one in ("172.18.45.6", "172.31.80.8")]),
])  # fmt: skip
def test_arguments_in_words_and_numbers(
    gai_host: GaiHost, gai_order: GaiOrder, words: dict[str, Any], expected: list[str]
) -> None:
    found = gai_order(gai_host(HOST, names=NAMES), "web", **words)
    assert found.agreed, str(found)
    assert sorted(found.native) == sorted(expected)
    assert (found.error is None) == bool(expected)


@pytest.mark.parametrize(("words", "said"), [
    ({"family": "ipv6"}, "gai_order: family: expected 'unspec', 'inet' or 'inet6'"),
    ({"family": 99}, r"gai_order: family: expected .* \(got '99'\)"),
    ({"protocol": 999}, "gai_order: protocol: expected a number of at most 262"),
    ({"name": None}, "gai_order: name: expected a name, a service or both"),
    ({"glibc": "9.99"}, "gai_order: glibc 9.99 is not on this host; "),
    ({"glibc": "host,/"}, "gai_order: glibc: one build was expected, got 'host,/'"),
])  # fmt: skip
def test_arguments_of_no_lookup(gai_order: GaiOrder, words: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        gai_order(HOST, **({"name": "web"} | words))


@pytest.mark.network
def test_another_glibc(gai_order: GaiOrder, fetched: tuple[str, str]) -> None:
    for version in fetched:
        found = gai_order("seed-rule9-dual-stack", "web", glibc=version)
        assert (found.native, found.glibc, found.agreed) == (NEAR_FIRST, version, True)


class TestOwnFixtureOfThatName:
    """A fixture of the user's own that replaces or wraps the plugin's."""

    @pytest.fixture
    def gai_host(self) -> str:
        """Something else."""
        return "mine"

    def test_the_order_is_asked_all_the_same(self, gai_host: str, gai_order: GaiOrder) -> None:
        assert gai_host == "mine"
        assert gai_order(HOST, "web", names=NAMES).native == NEAR_FIRST
