"""Completion in the real shells, installed as the help says."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sysconfig
import termios
import time
from pathlib import Path
from typing import Any

import pytest

from harness.glibcs import host
from harness.scenario import gai_conf_files, library
from harness.scenario.suites import suites

SCRIPTS = sysconfig.get_path("scripts")
LIBRARY = {path.stem for path in library()}

# what is typed, and what is offered: all of it, or (with an ellipsis) at least that
CASES: list[tuple[str, set[str], bool]] = [
    ("gai-harness ru", {"run"}, True),
    ("gai-harness glibc ", {"list", "fetch", "add", "probe", "remove"}, True),
    ("gai-harness glibc probe mi", {"mine"}, True),
    ("gai-harness glibc add . --row shift", {"shift_by_32=modulo", "shift_by_32=zero"}, True),
    ("gai-harness glibc re", {"remove"}, True),
    ("gai-harness run --lane ", {"auto", "cffi", "worker", "both"}, True),
    ("gai-harness run --sui", {"--suite"}, True),
    ("gai-harness run --suite ", set(suites()), True),
    ("gai-harness run seed-", {name for name in LIBRARY if name.startswith("seed-")}, True),
    *((f"gai-harness {command} seed-rule9-d", {"seed-rule9-dual-stack"}, True)
      for command in ("explain", "whatif", "watch", "suggest", "kubelet", "snapshot")),
    ("gai-harness watch x -- ba", {"bash"}, False),
    ("gai-harness watch x -- cat --minu", set(), True),
    ("gai-harness watch x -- cat -n minu", {"minutes.txt"}, True),
    ("gai-harness help gl", {"glibc"}, True),
    ("gai-harness help glibc f", {"fetch"}, True),
    ("gai-harness lint rfc3", {"rfc3484.conf"}, True),
    ("gai-harness run min", {"mine.yaml"}, True),
    ("gai-harness run --gai-conf prefer", {n for n in gai_conf_files() if n[:6] == "prefer"}, True),
    ("gai-harness run --glibc ", {"host", "all", host().version, "7.7", "mine"}, False),
    ("gai-harness run --glibc host,7", {"host,7.7"}, True),
    ("gai-harness glibc remove ", {"7.7", "mine", "all"}, True),
    ("gai-harness run --report js", {"json="}, True),
    ("gai-harness explain x --flags AI_ALL", {"AI_ALL"}, True),
    ("gai-harness completion ", {"bash", "zsh", "fish"}, True),
    ("gai-harness run nothing-like-this", set(), True),
]  # fmt: skip


@pytest.fixture
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder, builds in a cache (one name is hostile), and a folder with a scenario."""
    for version, name in (("7.7", None), ("7.8", "mine"), ("7.9", "mine\x1b[2J")):
        build = tmp_path / f"cache/builds/x-{version}"
        (build / "lib").mkdir(parents=True)
        files = [["ld.so", 0, ""], ["libc.so.6", 0, ""]]
        for file, *_ in files:
            (build / "lib" / str(file)).touch()
        manifest = {
            "schema": 1, "id": build.name, "version": version, "arch": host().arch,
            "origin": "x", "kind": "package" if name is None else "added", "files": files,
            "name": name,
        }  # fmt: skip
        (build / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "home").mkdir()
    work = tmp_path / "work"
    work.mkdir()
    (work / "mine.yaml").touch()
    (work / "minutes.txt").touch()
    (work / "mine\x1b[2J\n::error::\u202e.yaml").touch()  # is not offered
    monkeypatch.setenv("GAI_HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{SCRIPTS}:{os.environ['PATH']}")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(work)
    return tmp_path / "home"


def install(shell: str, home: Path) -> None:
    """Do what the help says."""
    said = subprocess.run(
        ["gai-harness", "completion", "--help"], capture_output=True, text=True, check=True
    ).stdout
    line = re.search(
        rf"^  {shell}  (.*?)(?:, behind compinit)?$", said.replace("zsh   ", "zsh  "), re.M
    )
    assert line is not None, said
    if shell == "zsh":
        (home / ".zshrc").write_text("PS1='> '\nautoload -U compinit\ncompinit -u\n")
    if shell == "fish":
        (home / ".config/fish/completions").mkdir(parents=True)
    subprocess.run(["sh", "-c", line[1]], check=True)


# what a shell is asked for each line typed, on a line of output for each
SCRIPTS_OF = {
    "bash": [
        ". ~/.bashrc",
        "try() { COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9 COMPREPLY=()",
        "  _python_argcomplete gai-harness; echo \"${COMPREPLY[*]}\"; }",
        *(f"try '{typed}'" for typed, _, _ in CASES),
    ],
    "fish": [f"echo (complete -C '{typed}' | cut -f1)" for typed, _, _ in CASES],
}  # fmt: skip


@pytest.mark.parametrize("shell", SCRIPTS_OF)
def test_the_shell_offers(shell: str, surroundings: Path, needs: Any) -> None:
    needs(shell)
    install(shell, surroundings)
    plain = ["--norc"] if shell == "bash" else []
    done = subprocess.run(
        [shell, *plain, "-c", "\n".join(SCRIPTS_OF[shell])],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    for (typed, wanted, all_of_it), line in zip(CASES, done.stdout.split("\n"), strict=False):
        offered = set(line.split())
        if wanted or shell != "fish":  # which then offers files of its own accord
            assert offered == wanted if all_of_it else offered >= wanted, (typed, line)


# a beginning that one word goes on from, and that word
TABS = [
    ("gai-harness kub", "kubelet"),
    ("gai-harness run --gl", "--glibc"),
    ("gai-harness run seed-rule9-du", "seed-rule9-dual-stack"),
    ("gai-harness run --glibc mi", "mine"),
    ("gai-harness run mi", "mine.yaml"),
]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_tab_key(shell: str, surroundings: Path, needs: Any) -> None:
    needs(shell)
    install(shell, surroundings)
    terminal = Terminal([shell, "-i"])
    try:
        for typed, word in TABS:
            # Tab, back to the beginning of the line, and the line is printed, not run
            terminal.type(f"{typed}\t\x01echo \r")
            terminal.wait_for(f"\n{typed.rpartition(' ')[0]} {word}")
    finally:
        terminal.close()


class Terminal:
    """A program on a terminal of its own, which somebody types on."""

    def __init__(self, command: list[str]) -> None:
        self._pid, self._file = pty.fork()
        if self._pid == 0:
            termios.tcsetwinsize(0, (50, 300))  # no line is wrapped
            os.environ["TERM"] = "dumb"
            os.execvp(command[0], command)
        self._seen = ""
        self.type("echo rea''dy\r")
        self.wait_for("ready\r\n")

    def type(self, text: str) -> None:
        self._seen = ""
        os.write(self._file, text.encode())

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + 60
        while text not in self._seen:
            ready, _, _ = select.select([self._file], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"{text!r} never came: {self._seen!r}"
            self._seen += os.read(self._file, 4096).decode(errors="replace")

    def close(self) -> Any:
        os.kill(self._pid, signal.SIGKILL)
        os.close(self._file)
        return os.waitpid(self._pid, 0)
