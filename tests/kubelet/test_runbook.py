"""docs/wrong-node-ip.md: every command is run, and prints what the page says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs/wrong-node-ip.md"
# kubectl and etcdctl as they answer for the page's node; jq's one use
STAND_INS = {
    "kubectl": f"cat {HERE / 'seed.json'}",
    "etcdctl": f"cat {HERE / 'seed.etcd'}; echo",
    "jq": f"exec {sys.executable} -c 'import json,sys;"
    'print(json.dumps(json.load(sys.stdin)["recorded"],separators=(",",":")))\'',
    "gai-harness": f'exec {sys.executable} -m harness.cli "$@"',
}


def blocks() -> list[list[tuple[str, str]]]:
    """The commands of each console block, with what the page says they print."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", PAGE.read_text(), re.S):
        parts = re.split(r"^\$ (.*)\n", block, flags=re.M)
        found.append(list(zip(parts[1::2], parts[2::2], strict=True)))
    return found


def neutral(text: str) -> str:
    """Without what differs between machines: the host's glibc."""
    return re.sub(r"glibc 2\.\d+ \w+", "glibc X", text)


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the page shows amd64")
@pytest.mark.parametrize("block", blocks(), ids=lambda block: block[0][0][:60])
def test_the_page_is_true(block: list[tuple[str, str]], tmp_path: Path) -> None:
    for name, line in STAND_INS.items():
        script = tmp_path / name
        script.write_text(f"#!/bin/sh\n{line}\n")
        script.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    for command, expected in block:
        done = subprocess.run(
            [shutil.which("sh") or "/bin/sh", "-c", command],
            env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.stderr == ""
        assert neutral(done.stdout) == neutral(expected), command


def test_the_page_has_commands() -> None:
    assert len(blocks()) == 8
