"""``gai-harness lint``: three formats, three exit statuses."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Call


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad,50%.conf"
    path.write_text("reload yes\nprecedence 2001:db8::1 5\nPrecedence ::1/128 1\n")
    return path


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    path = tmp_path / "clean.conf"
    path.write_text("# nothing here\nreload no\n")
    return path


def test_text(bad: Path, clean: Path, call: Call) -> None:
    done = call("lint", bad, clean)
    assert done.status == 1
    begins = (":1: GAI015 ", ":2: GAI006 ", ":3: GAI001 ", ": GAI012 ")
    ends = ("", " [glibc <2.41]", "", " [glibc >=2.41]")
    for line, begin, end in zip(done.out.splitlines()[:4], begins, ends, strict=True):
        assert line.startswith(f"{bad}{begin}")
        assert line.endswith(end)


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
    assert json.loads(done.out) == {"findings": []} if form == "json" else done.out == ""


def test_standard_input(monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"label \xff 1\n")))
    done = call("lint", "-")
    assert done.status == 1
    assert done.out.startswith("-:1: GAI002 ")


def test_what_is_meant_is_accepted(tmp_path: Path, call: Call) -> None:
    path = tmp_path / "meant.conf"
    path.write_text("precedence ::ffff:0:0/96 100\nreload yes\n")
    assert ": GAI012 " in call("lint", path).out
    done = call("lint", "--accept", "GAI012", "--accept", "GAI015", path)
    assert (done.status, done.out, done.err) == (0, "", "2 findings accepted\n")
    assert call("lint", "--accept", "GAI012,GAI015", path) == done
    mistyped = call("lint", "--accept", "GAI012,GAI15", path)
    assert mistyped.status == 2
    assert "such as GAI012, was expected, got 'GAI15'" in mistyped.err
    path.write_text(
        "# gai-harness: accept GAI012 no 6to4 here\nprecedence ::ffff:0:0/96 100\n"
        "reload yes # gai-harness: accept GAI015 our tool writes it whole\n"
    )
    done = call("lint", "--json", path)
    assert (done.status, json.loads(done.out)["findings"]) == (0, [])
    both = "precedence ::ffff:0:0/96 100\nreload yes\n"
    for listed in ("GAI012,GAI015", "GAI012 GAI015", "GAI012, GAI015"):
        path.write_text(f"# gai-harness: accept {listed} as GAI shows\n{both}")
        done = call("lint", path)
        assert (done.status, done.out, done.err) == (0, "", "2 findings accepted\n")
    # one of them that has nothing to accept is told
    path.write_text(f"# gai-harness: accept GAI012,GAI013,GAI015 as shown\n{both}")
    told = f"{path}:1: accept GAI013: there is no such finding to accept\n2 findings accepted\n"
    assert call("lint", path).err == told
    # behind an entry it is for that line alone
    path.write_text("reload no # gai-harness: accept GAI015 of no use\nreload yes\n")
    assert ":2: GAI015 " in call("lint", path).out


def test_explain_and_whatif_leave_out_what_is_accepted(tmp_path: Path, call: Call) -> None:
    path = tmp_path / "meant.conf"
    lines = "precedence ::ffff:0:0/96 100\nreload yes\n"
    path.write_text(lines)
    words = ["seed-rule9-dual-stack", "--gai-conf", path]
    assert "GAI012" in call("whatif", *words).out
    assert "all default precedence entries are gone" in call("explain", *words).out
    comments = (f"# gai-harness: accept {code} as meant\n" for code in ("GAI012", "GAI015"))
    path.write_text(lines + "".join(comments))
    assert "GAI0" not in call("whatif", *words).out
    explained = call("explain", *words).out
    assert "GAI0" not in explained
    assert "entries are gone" not in explained


@pytest.mark.parametrize(
    ("comment", "said"),
    [
        ("accept GAI012", ":1: accept GAI012: a reason behind it was expected"),
        ("accept GAI12 so", ":1: accept GAI12: a code of lint was expected"),
        ("accept GAI012,GAI15 so", ":1: accept GAI15: a code of lint was expected"),
        ("accept GAI012 GAI015", ":1: accept GAI012: a reason behind it was expected"),
        ("accept", ":1: accept : a code of lint was expected"),
    ],
)
def test_an_acceptance_that_is_none(comment: str, said: str, tmp_path: Path, call: Call) -> None:
    path = tmp_path / "a.conf"
    path.write_text(f"# gai-harness: {comment}\nprecedence ::ffff:0:0/96 100\n")
    done = call("lint", path)
    assert done.status == 2
    assert said in done.err


def test_a_message_is_wrapped_on_a_terminal(tmp_path: Path) -> None:
    file = tmp_path / "tie.conf"
    file.write_text("precedence ::ffff:0:0/96 100\n")
    command = [sys.executable, "-P", "-m", "harness", "lint", str(file)]
    master, slave = os.openpty()
    environment = {**os.environ, "COLUMNS": "60", "NO_COLOR": "1", "TERM": "xterm"}
    done = subprocess.run(command, stdout=slave, env=environment, check=False)
    os.close(slave)
    shown = os.read(master, 1 << 16).decode()
    os.close(master)
    assert done.returncode == 1
    first, *more = shown.splitlines()
    assert more
    assert all(line.startswith("  ") and len(line) <= 60 for line in more)
    piped = subprocess.run(command, stdout=subprocess.PIPE, env=environment, check=False)
    assert piped.stdout.decode() == " ".join(line.strip() for line in [first, *more]) + "\n"
