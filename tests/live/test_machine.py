"""What is read of this host: settings of an interface, and of a name what cannot be answered."""

from pathlib import Path

import pytest

from harness.live import machine
from harness.sandbox import Pool
from tests.live import kit


def test_ipv6_ignores_linkdown_by_interface_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux 6.18: with "all" at 1 and the interface set back an IPv6 route is used, an IPv4 not."""
    monkeypatch.setattr(machine, "_ROOT", tmp_path)
    for family in ("ipv4", "ipv6"):
        for where, value in (("all", "1"), ("eth0", "0"), ("eth1", "1")):
            file = tmp_path / family / "conf" / where / "ignore_routes_with_linkdown"
            file.parent.mkdir(parents=True)
            file.write_text(f"{value}\n")
    (tmp_path / "ipv6" / "conf" / "all" / "disable_ipv6").write_text("0\n")
    assert machine.ignores_linkdown(4, "eth0")
    assert not machine.ignores_linkdown(6, "eth0")
    assert machine.ignores_linkdown(6, "eth1")
    # a copy has to set it back, too
    found = machine.sysctls(["eth0", "eth1"], [])
    assert found == {
        f"net.{family}.conf.{where}.ignore_routes_with_linkdown": value
        for family, where, value in (("ipv4", "all", "1"), ("ipv6", "all", "1"),
                                     ("ipv6", "eth0", "0"))
    }  # fmt: skip


def test_an_address_that_is_no_source_yet_is_named(pool: Pool) -> None:
    """As one is for a second after ip addr add; without it there is nothing to say."""
    asked = ["web", "web --json"]
    given = ["tentative", *asked, "web -4"]
    *_, (status, out, _), (_, as_json, _), (_, other, _) = pool.run(kit.explained, given)
    assert status == 0
    assert "is tentative" not in other  # that has nothing to do with it
    line = "tentative: 2001:db8::2 of eth0 is tentative, so the kernel takes it for no source"
    assert line in out
    assert '"kind": "tentative"' in as_json
    (_, out, _), _ = pool.run(kit.explained, asked)
    assert "is tentative" not in out


def test_a_question_without_an_answer_is_a_finding(pool: Pool) -> None:
    """Whether nobody knows the name, its service, or how to ask for its letters."""
    asked = "nobody", "--service nonsense", "b\u00fccher.example --flags AI_IDN"
    found = list(pool.run(kit.explained, list(asked)))
    assert [status for status, _, _ in found] == [1, 1, 1]
    assert "in the C locale, in which it is asked for here" in found[2][1]
