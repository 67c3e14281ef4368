"""``gai-harness lint``: three formats, three exit statuses."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from tests.conftest import Call

BAD = "reload yes\nprecedence 2001:db8::1 5\nPrecedence ::1/128 1\n"
CLEAN = "# nothing here\nreload no\n"


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad,50%.conf"
    path.write_text(BAD)
    return path


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    path = tmp_path / "clean.conf"
    path.write_text(CLEAN)
    return path


def test_text(bad: Path, clean: Path, call: Call) -> None:
    done = call("lint", bad, clean)
    assert done.status == 1
    lines = done.out.splitlines()
    assert lines[0].startswith(f"{bad}:1: GAI015 ")
    assert lines[1].startswith(f"{bad}:2: GAI006 ")
    assert lines[1].endswith(" [glibc <2.41]")
    assert lines[2].startswith(f"{bad}:3: GAI001 ")
    assert lines[3].startswith(f"{bad}: GAI012 ")
    assert lines[3].endswith(" [glibc >=2.41]")


def test_json(bad: Path, call: Call) -> None:
    done = call("lint", "--format", "json", bad)
    assert done.status == 1
    document = json.loads(done.out)
    assert list(document) == ["findings"]
    for finding in document["findings"]:
        assert {"code", "line", "message", "glibc"} <= set(finding)
    first = [(one["code"], one["line"], one["glibc"]) for one in document["findings"][:4]]
    assert first == [
        ("GAI015", 1, "all"), ("GAI006", 2, "<2.41"), ("GAI001", 3, "all"), ("GAI012", 0, ">=2.41"),
    ]  # fmt: skip


def test_github(bad: Path, call: Call) -> None:
    done = call("lint", "--format", "github", bad)
    assert done.status == 1
    lines = done.out.splitlines()
    name = str(bad).replace("%", "%25").replace(",", "%2C")
    assert lines[0].startswith(f"::warning file={name},line=1,title=GAI015::")
    assert lines[3].startswith(f"::warning file={name},title=GAI012::")  # the whole file
    assert "[glibc >=2.41]" in lines[3]


@pytest.mark.parametrize("form", ["text", "json", "github"])
def test_a_clean_file(form: str, clean: Path, call: Call) -> None:
    done = call("lint", "--format", form, clean)
    assert done.status == 0
    out = done.out
    assert json.loads(out) == {"findings": []} if form == "json" else out == ""


def test_standard_input(monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"label \xff 1\n")))
    done = call("lint", "-")
    assert done.status == 1
    assert done.out.startswith("-:1: GAI002 ")
