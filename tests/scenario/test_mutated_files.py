"""Scenario files changed at random, bytes and structure: a scenario, or one line and status 2."""

import os
import random
import time
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cli.main import main
from harness.scenario import ScenarioError, library, load

CASES = int(os.environ.get("GAI_HARNESS_MUTATED_FILES", "300"))
SECONDS = 20  # for one small file; a file that takes so long is a way to stop a machine
ODD: list[Any] = [
    None, True, -1, 0, 2**31, 2**64, 10**17, 1.5, "", "x" * 5000, "\x1b[31m", "\u202e", "a\nb",
    "::", "fe80::1%eth0", "0.0.0.0/0", "::/0", "255.255.255.255/33", "1.2.3.4/-1", "../../etc",
    "eth0", "lo", "default", "%", "/", "ff02::1", "net.ipv4.ip_forward", [], {}, [[]], [None],
    {"a": "b"}, ["10.0.0.1"] * 3, {"file": "../x.conf"}, {"file": "default.conf"}, ">=2.36",
]  # fmt: skip
PIECES = [
    b"&a ", b"*a", b"<<: ", b"!!python/object:os.system ", b"? ", b"- ", b": ", b"{", b"}", b"[",
    b"]", b"|\n", b">\n", b"\t", b"\r", b"\0", b"\xff", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"---\n",
    b"...\n", b"%YAML 1.1\n", b"'", b'"', b"#", b"\\", b"\n", b"@", b"`", b"\xf0\x9f\x92\xa9",
]  # fmt: skip


def changed_bytes(chance: random.Random, data: bytes, other: bytes) -> bytes:
    for _ in range(chance.randrange(1, 6)):
        at, start = chance.randrange(len(data) + 1), chance.randrange(len(other))
        news = (
            chance.randbytes(chance.randrange(1, 4)), chance.choice(PIECES),
            other[start : start + chance.randrange(1, 80)],
            data[at : at + 60] * chance.randrange(1, 30),
        )  # fmt: skip
        data = data[:at] + chance.choice(news) + data[at + chance.choice((0, 1, 1, 4, 40)) :]
    return data


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) of a document."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places(value[key])


def changed_structure(chance: random.Random, data: bytes, other: bytes) -> bytes:
    document, donor = yaml.safe_load(data), yaml.safe_load(other)
    for _ in range(chance.randrange(1, 5)):
        container, key = chance.choice(list(places(document)))
        choice = chance.randrange(5)
        if choice == 0:
            container[key] = deepcopy(chance.choice(ODD))
        elif choice == 1:
            giver, name = chance.choice(list(places(donor)))
            container[key] = deepcopy(giver[name])
        elif choice == 2 and isinstance(container, dict):
            container[str(chance.choice(ODD))[:60]] = container.pop(key)
        elif choice == 3 and isinstance(container, list):
            container += [container[key]] * chance.choice((1, 5, 300))
        elif len(container) > 1:
            del container[key]
        if not document:
            break
    return yaml.safe_dump(document, sort_keys=False).encode()


def noise(chance: random.Random, _data: bytes, _other: bytes) -> bytes:
    """Short files of YAML's punctuation and of any bytes, and trees of odd values."""
    choice = chance.randrange(3)
    if choice == 0:
        return chance.randbytes(chance.randrange(200))
    if choice == 1:
        return b"".join(chance.choices([*PIECES, b"a", b"0", b"\n", b" "], k=chance.randrange(80)))
    keys = ("host", "lookups", "names", "gai_conf", "resolver", "dns", "interfaces", "routes")
    tree = {key: {chance.choice(keys): chance.choice(ODD)} for key in chance.sample(keys, 4)}
    return yaml.safe_dump({"name": "x", **tree, chance.choice(keys): chance.choice(ODD)}).encode()


def mutated(number: int) -> bytes:
    chance = random.Random(number)
    data, other = (chance.choice(library()).read_bytes() for _ in range(2))
    change = chance.choice((changed_bytes, changed_structure, noise))
    return change(chance, data, other)


@pytest.mark.parametrize("part", range(4))
def test_a_mutated_file_is_a_scenario_or_one_line_and_status_2(
    part: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mutated.yaml"
    refused = 0
    for number in range(part * CASES // 4, (part + 1) * CASES // 4):
        path.write_bytes(mutated(number))
        begun, line = time.process_time(), None
        try:
            load(path)
        except ScenarioError as error:
            line = str(error)
        assert time.process_time() - begun < SECONDS, f"case {number}"
        if line is None:
            continue
        refused += 1
        known = line.isprintable() and line.startswith(str(path)) and len(line) < 2000
        assert known, f"case {number}: {line!r}"
        if refused % 8 == 0:
            assert main(["run", str(path)]) == 2, f"case {number}"
            told = capsys.readouterr()
            assert (told.out, told.err.count("\n")) == ("", 1), f"case {number}: {told.err}"
    assert refused > CASES / 4 / 4, "nearly every mutation was taken: too mild to show anything"
