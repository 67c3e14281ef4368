"""Errors that suggest the next command, and do not suggest what cannot be."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

from harness.glibcs.catalog import host_distribution
from harness.glibcs.errors import GlibcUnavailable

COMMAND = Path(sysconfig.get_path("scripts"), "gai-harness")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, *arguments], capture_output=True, text=True, check=False, timeout=120,
        stdin=subprocess.DEVNULL, env={**os.environ, **environment},
    )  # fmt: skip


MEANT = [
    ("rnu", "did you mean run?"),
    ("explian localhost", "did you mean explain?"),
    ("my-node.yaml", "did you mean gai-harness run my-node.yaml?"),
    ("seed-rule9-dual-stack", "did you mean gai-harness run seed-rule9-dual-stack?"),
    ("fetch 2.41", "did you mean gai-harness glibc fetch?"),
    ("--glibc 2.41", "a COMMAND was expected before --glibc"),
    ("run --glbc=2.41", "did you mean --glibc?"),
    ("run --format jsno", "did you mean json?"),
    ("glibc ftech 2.41", "did you mean fetch?"),
    ("glibc fetch --siute bookworm", "did you mean --suite?"),
    ("run seed-rule9-dual-stak", "did you mean 'seed-rule9-dual-stack'?"),
    ("explain mien.yaml", "did you mean 'mine.yaml'?"),
    ("run folder/mien.yaml", "did you mean 'folder/mine.yaml'?"),
    ("run --gai-conf prefer-ip4.conf", "did you mean prefer-ipv4.conf?"),
    ("run --gai-conf nnoe", "did you mean none?"),
    ("run --suite rul9", "did you mean rule9?"),
    ("run --glibc hots", "did you mean host?"),
    ("glibc fetch bookwrom", "did you mean bookworm?"),
    ("completion zhs", "did you mean zsh?"),
]
NOT_MEANT = [
    "zzz", "run --zzzzz", "run --format q", "run nothing-like-it", "run --gai-conf q",
    "run --suite q", "run --glibc q",
]  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "mine.yaml").touch()
    (tmp_path / "folder/mine.yaml").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GAI_HARNESS_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize(("line", "suggestion"), MEANT, ids=[one[0] for one in MEANT])
def test_what_may_have_been_meant(line: str, suggestion: str) -> None:
    done = run(*line.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert suggestion in done.stderr


@pytest.mark.parametrize("line", NOT_MEANT)
def test_nothing_near_is_nothing_suggested(line: str) -> None:
    done = run(*line.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "did you mean" not in done.stderr


def test_a_fetch_is_suggested_where_it_would_work_only(tmp_path: Path) -> None:
    try:
        distribution = host_distribution()
    except GlibcUnavailable:
        pytest.skip("no glibc packages are known for this distribution")
    newest, oldest = distribution.suites[-1], distribution.suites[0]
    foreign = f"{newest.glibc}:s390x"
    assert run("run", "--glibc", foreign).stderr.endswith(f"; gai-harness glibc fetch {foreign}\n")
    named = run("run", "--glibc", oldest.name).stderr
    assert f"did you mean {oldest.glibc}, the glibc of {oldest.name}?" in named

    done = run("run", "--glibc", "9.99")
    assert done.returncode == 3
    assert "glibc fetch" not in done.stderr
    assert f"is known to have {oldest.glibc}, " in done.stderr

    done = run("run", "--glibc", f"{oldest.glibc}:amr64")
    assert done.returncode == 3
    assert "glibc fetch" not in done.stderr
    assert done.stderr.endswith(f"; did you mean {oldest.glibc}:arm64?\n")

    done = run("run", "--glibc", foreign, PATH=str(tmp_path))
    assert done.returncode == 3
    assert "glibc fetch" not in done.stderr, "there is no apt-get on this path"
    assert "gai-harness glibc add DIR" in done.stderr


def test_a_scenario_mistyped_is_a_host_name_nobody_knows() -> None:
    # without a DNS server to ask it is the other of the two
    why = r"the name service (knows no address|did not answer)"
    done = run("explain", "seed-rule9-dual-stak")
    assert "(EAI_" in done.stdout
    meant = "; did you mean the scenario seed-rule9-dual-stack\\?\n"
    assert re.fullmatch(f"'seed-rule9-dual-stak': {why}{meant}", done.stderr)
    done = run("explain", "zzz.invalid", "--json")
    assert json.loads(done.stdout)
    assert re.fullmatch(f"'zzz.invalid': {why}\n", done.stderr)
    assert run("explain", "localhost").stderr == ""


def test_without_arguments_the_help_begins_with_what_to_begin_with() -> None:
    done = run()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == run("--help").stdout
    first = [line for line in done.stdout.splitlines() if "gai-harness " in line][:4]
    assert [line.split()[1] for line in first[1:]] == ["doctor", "explain", "run"]
