"""The program that asks Go's own resolver: who builds it, how, and where it is kept."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.compare.plan import label
from harness.doctor import examine, glibcs
from harness.glibcs import Progress, command, golang, inventory, remove
from harness.glibcs.build import GlibcMissing, GlibcUnavailable
from harness.glibcs.cache import cached
from harness.glibcs.catalog import native_arch
from harness.glibcs.others import find_others
from tests.conftest import Call, Patch

GoSays = Callable[..., Path]
# writes down what it is given, and "builds" a program; $PATH of the build has no test's programs
BUILDS = """
echo "$PWD" "$@" > {log}
env > {log}.env
cat go.mod > {log}.mod
while [ "$1" != -o ]; do shift; done
echo built > "$2"
"""


@pytest.fixture
def go_says(tmp_path: Path, monkeypatch: Patch, cache: Path) -> GoSays:
    """Call it with what the host's Go says, and more of a shell script: its folder is PATH."""
    del cache
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(golang, "_ELSEWHERE", str(folder / "none"))

    def say(version: str, build: str = BUILDS) -> Path:
        log = tmp_path / "log"
        script = f'[ "$1" = version ] && echo {version} && exit\n{build.format(log=log)}'
        (folder / "go").write_text(f"#!/bin/sh\n{script}")
        (folder / "go").chmod(0o755)
        return log

    return say


@pytest.mark.parametrize(("said", "version"), [
    ("go version go1.19.8 linux/amd64", "1.19.8"),
    ("go version go1.24 linux/arm64", "1.24"),
    ("go version go1.24rc1 linux/amd64", "1.24"),
    ("go version devel go1.25-b1a2c3 Mon Nov 30 linux/amd64", "1.25"),
])  # fmt: skip
def test_which_go_it_is(go_says: GoSays, said: str, version: str) -> None:
    log = go_says(said)
    assert golang.host_go() == (str(log.parent / "bin/go"), version)


@pytest.mark.parametrize(("said", "words"), [
    ("go version go1.14.15 linux/amd64", r"^Go 1\.14\.15 is older than 1\.15; .*golang-go"),
    ("nothing", r"does not say which Go it is; .*golang-go"),
])  # fmt: skip
def test_a_go_of_no_use(go_says: GoSays, said: str, words: str) -> None:
    go_says(said)
    with pytest.raises(GlibcUnavailable, match=words) as refusal:
        find_others(["go"])
    assert refusal.value.exit_status == 3


def test_no_go(go_says: GoSays, tmp_path: Path, monkeypatch: Patch, call: Call) -> None:
    del go_says
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(GlibcUnavailable, match=r"^this host has no Go; .*install golang-go"):
        find_others(["go"])
    done = call("glibc", "fetch", "go")
    assert (done.status, done.out) == (3, "")
    assert "not fetched: this host has no Go" in done.err
    (check,) = examine([row for row in glibcs.ROWS if row.topic == "go"])
    assert (check.verdict, check.found) == ("missing", "this host has no Go")
    assert "golang-go" in check.remedy
    assert find_others(["all"]) == []  # which is what there is


def test_it_is_built_once_and_kept(go_says: GoSays, monkeypatch: Patch, call: Call) -> None:
    monkeypatch.setenv("GOFLAGS", "-race")
    log = go_says("go version go1.19.8 linux/amd64")
    steps: list[Progress] = []
    build = golang.built(progress=steps.append)
    assert [one.step for one in steps] == ["build", "build", "done"]
    assert (build.version, build.resolver, build.resolver_version) == ("1.19.8", "go", "1.19.8")
    assert build.label == f"go 1.19.8:{native_arch()} (Go 1.19.8 of this host)"
    assert build.loader.read_text() == "built\n"
    assert os.access(build.loader, os.X_OK)
    assert command(build) == ["/worker"]
    folder, *words = log.read_text().split()
    assert words[:2] == ["build", "-trimpath"]
    assert words[-5:] == ["frames.go", "lookup.go", "session.go", "view.go", "worker.go"]
    assert not Path(folder).exists()
    settings = dict(
        line.split("=", 1) for line in (log.parent / "log.env").read_text().splitlines()
    )
    assert (settings["CGO_ENABLED"], settings["GOPROXY"], settings["GOFLAGS"]) == ("0", "off", "")
    assert "GAI_HARNESS_CACHE" not in settings
    assert (log.parent / "log.mod").read_text() == "module resolver\n\ngo 1.19\n"

    log.unlink()
    assert golang.built() == build
    assert find_others(["go"]) == find_others(["go=1.19.8"]) == find_others(["all"]) == [build]
    assert not log.exists()
    assert golang.built(refresh=True) == build
    assert log.exists()
    (entry,) = (one for one in inventory() if one.resolver == "go")
    assert (entry.state, entry.named_version, entry.source) == ("built", "go 1.19.8", "built here")
    assert label(build) == "built here"
    assert call("glibc", "fetch", "go").out == f"go 1.19.8 {native_arch()} ({build.origin})\n"
    (check,) = examine([row for row in glibcs.ROWS if row.topic == "go"])
    assert check.found == "1.19.8; its resolver is built"
    # another Go is another build
    go_says("go version go1.24.4 linux/amd64")
    assert [one.version for one in find_others(["go"])] == ["1.19.8", "1.24.4"]
    assert len(remove("go")) == 2
    assert [one.version for one in find_others(["go=1.24.4"])] == ["1.24.4"]


def test_older_sources_are_forgotten(go_says: GoSays, monkeypatch: Patch, tmp_path: Path) -> None:
    go_says("go version go1.19.8 linux/amd64")
    old = golang.built()
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources/new.go").write_text("package main\n")
    monkeypatch.setattr(golang, "_SOURCES", tmp_path / "sources")
    assert find_others(["all"]) == []
    (new,) = find_others(["go"])
    assert new.id != old.id
    assert not old.loader.exists()


@pytest.mark.parametrize(("script", "words"), [
    ("echo 'x.go:1: syntax error' >&2; exit 1", r"\(it says: x\.go:1: syntax error\)"),
    ("exit 1", r"\(it says: nothing\)"),
    ("exit 0", r"\(it says: nothing\)"),
])  # fmt: skip
def test_a_build_that_fails(go_says: GoSays, script: str, words: str) -> None:
    go_says("go version go1.19.8 linux/amd64", script)
    with pytest.raises(GlibcUnavailable, match=rf"^Go 1\.19\.8 did not build it {words}; "):
        golang.built()
    assert cached() == []


def test_words_that_name_no_build(go_says: GoSays, call: Call) -> None:
    go_says("go version go1.19.8 linux/amd64")
    with pytest.raises(GlibcMissing, match=r"^go=1\.2 is not on this host; put a Go of that"):
        find_others(["go=1.2"])
    done = call("glibc", "fetch", "go=1.2")
    assert done.status == 3
    assert "go=1.2 cannot be fetched; gai-harness glibc fetch go builds it" in done.err
    done = call("glibc", "fetch", "go", "--arch", "s390x")
    assert done.status == 3
    assert "for this host alone, not for s390x" in done.err
