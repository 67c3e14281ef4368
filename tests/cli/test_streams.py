"""Standard streams that are closed, full, without a reader, or cannot spell a character."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCENARIO = "name: a\nhost: {}\nnames: {web: [192.0.2.1]}\nlookups: [{name: web}]\n"
HELP: list[list[str]] = [["--help"], ["--version"], [], ["run", "--help"]]
CONF = "label ::1/128 0\n"  # has findings


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    path = tmp_path / "Straße \N{CIRCLED DIGIT ONE} \N{COLLISION SYMBOL}.conf"
    path.write_text(CONF)
    return path


def shell(
    redirections: str, *arguments: str | Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Runs the command with the redirections of a shell."""
    return subprocess.run(
        ["sh", "-c", f'"$@" {redirections}', "sh", sys.executable, "-P", "-m", "harness",
         *map(str, arguments)],
        capture_output=True, check=False, timeout=600, env={**os.environ, **(env or {})},
    )  # fmt: skip


@pytest.mark.parametrize("closed", [">&-", "<&- >&-", "<&- >&- 2>&-", "2>&-", "2>/dev/full"])
@pytest.mark.bare
def test_a_closed_stream_changes_no_status(conf: Path, closed: str) -> None:
    done = shell(closed, "lint", conf)
    assert (done.returncode, done.stderr) == (1, b"")
    done = shell(closed, "lint", conf.with_name("missing"))
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.count(b"\n") == (0 if "2>" in closed else 1)


def test_a_closed_input_is_not_an_empty_one() -> None:
    done = shell("<&-", "lint", "-")
    assert done.returncode == 2
    assert done.stderr.startswith(b"gai-harness lint: -: ")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        (["schema"], ">/dev/full"),
        (["run", "a.yaml"], ">/dev/full"),
        (["run", "a.yaml", "--format", "json"], ">/dev/full"),
        (["run", "a.yaml"], "-o /dev/full"),
        *((words, ">/dev/full") for words in HELP),
    ],
)
@pytest.mark.bare
def test_a_full_disk_is_one_line(
    arguments: list[str], where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text(SCENARIO)
    done = shell(where, *arguments)
    assert done.returncode == 3
    name = "".join(f" {word}" for word in arguments[:1] if not word.startswith("-"))
    assert done.stderr.decode() == f"gai-harness{name}: cannot go on: No space left on device\n"


@pytest.mark.bare
def test_a_host_that_is_refused_needs_no_standard_error(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(SCENARIO.replace("{}", "{sysctls: {net.ipv4.conf.all.nope: 1}}", 1))
    said = shell("", "run", path)
    assert said.returncode > 0
    assert said.stderr.count(b"\n") == 1
    for gone in ("2>/dev/full", "2>&-"):
        done = shell(gone, "run", path)
        assert (done.returncode, done.stdout) == (said.returncode, said.stdout)


@pytest.mark.bare
@pytest.mark.parametrize(
    "arguments", [["schema"], ["explain", "localhost"], ["run", "--suite", "smoke"], *HELP]
)
def test_a_reader_that_has_gone_is_no_verdict(arguments: list[str]) -> None:
    """rich would end the program with status 1, which here means a disagreement."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "harness", *arguments],
        stdout=write, stderr=subprocess.PIPE, check=False, timeout=600,
    )  # fmt: skip
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_width_of_nothing_is_an_unknown_one(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(SCENARIO)
    done = shell("", "run", path, env={"COLUMNS": "0"})
    assert b"1 lookup on glibc" in done.stdout


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_an_encoding_lacks_is_escaped(conf: Path, encoding: str) -> None:
    env = {"PYTHONIOENCODING": encoding}
    done = shell("", "lint", conf, env=env)
    assert (done.returncode, done.stderr) == (1, b"")
    assert shell("", "--help", env=env).returncode == 0
    broken = conf.with_name(os.fsdecode(b"\xff.conf"))
    broken.write_text(CONF)
    done = shell("", "lint", broken, env=env)
    assert (done.returncode, done.stderr) == (1, b"")
    assert b"\\udcff" in done.stdout


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_json_stays_json(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(SCENARIO)
    odd = "label \N{MIDDLE DOT}ß\N{CIRCLED DIGIT ONE}\N{COLLISION SYMBOL}"
    env = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "1"}
    done = shell("", "whatif", "--scenario", path, "--json", "--set", odd, env=env)
    assert done.returncode == 0, done.stderr
    (change,) = json.loads(done.stdout.decode(encoding))["changes"]
    assert change["gai_conf"].startswith(f"{odd}\n")
