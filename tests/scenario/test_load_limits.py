"""What the format's own limits cost: work grows with the file, and what is too much is one line."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from harness.scenario import ScenarioError, load
from tests.costs import calls_of
from tests.scenario.kit import refusal

HEAD = "name: x\nhost:\n  interfaces:\n    eth0: {addresses: [10.0.0.1/8, '2001:db8::1/64']}\n"
LOOKUPS = "lookups: [{name: web}]\n"


def routes(count: int) -> str:
    lines = [
        f"  - {{to: 172.16.{n >> 8}.{n & 255}/32, via: 10.0.0.2, from: 10.0.0.1}}\n"
        for n in range(count)
    ]
    return HEAD + "  routes:\n" + "".join(lines) + LOOKUPS


def members(count: int) -> str:
    names = [f"e{n}" for n in range(count)]
    lines = "".join(f"    {name}: {{}}\n" for name in names)
    vrf = f"    red: {{kind: vrf, table: 10, interfaces: [{', '.join(names)}]}}\n"
    return HEAD + lines + vrf + LOOKUPS


def zones(count: int) -> str:
    lines = "".join(f"    e{n}: {{}}\n" for n in range(count))
    names = "".join(f"  - fe80::{n:x}%e{n}\n" for n in range(count))
    return f"{HEAD}{lines}names:\n  web:\n{names}resolver: nss\n{LOOKUPS}"


def faults(count: int) -> str:
    return HEAD + LOOKUPS + "names:\n  web:\n" + "  - nothing\n" * count


def work(text: str, path: Path) -> int:
    """The calls, of Python and of C, that loading a file takes: no clock, the same each time."""
    path.write_text(text)

    def act() -> None:
        with suppress(ScenarioError):
            load(path)

    return calls_of(act)


@pytest.mark.parametrize("kind", [routes, members, zones, faults])
def test_twice_the_file_is_twice_the_work(kind: Callable[[int], str], tmp_path: Path) -> None:
    path = tmp_path / "many.yaml"
    work(kind(10), path)  # what is imported and cached at the first load
    once, twice = work(kind(150), path), work(kind(300), path)
    assert twice < 2.2 * once


@pytest.mark.parametrize(
    ("lookups", "field"),
    [("[{name: web}, {name: WEB.}, {name: web}, {name: web}, {name: web}]", "lookups[4]"),
     ("[{name: web, socktype: any}, {name: web, socktype: any}]", "lookups[1]")],
)  # fmt: skip
def test_look_ups_times_addresses_have_a_limit(lookups: str, field: str, tmp_path: Path) -> None:
    addresses = ", ".join(f"10.1.{n >> 8}.{n & 255}" for n in range(4096))
    error = refusal(tmp_path, f"{HEAD}names: {{web: [{addresses}]}}\nlookups: {lookups}\n")
    assert error.field == field
    assert "at most 16384 addresses together" in str(error)


def test_aliases_count_as_what_they_stand_for(tmp_path: Path) -> None:
    rows = ["  a0: &a0 [192.0.2.1, 192.0.2.2]"]
    rows += [f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20)]
    error = refusal(tmp_path, HEAD + LOOKUPS + "names:\n" + "\n".join(rows) + "\n")
    assert "at most 65536 values, aliases included" in str(error)


def test_an_error_names_some_of_many_interfaces(tmp_path: Path) -> None:
    lines = "".join(f"    e{n}: {{}}\n" for n in range(2000))
    text = f"{HEAD}{lines}  routes: [{{to: 192.0.2.0/24, dev: none}}]\n{LOOKUPS}"
    said = str(refusal(tmp_path, text))
    assert "e10 and 1990 more" in said
    assert len(said) < 1000
