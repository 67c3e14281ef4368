"""The Containerfile: linted, and carried out without an engine."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import __version__
from tests.container.action import GOOD
from tests.container.kit import ROOT, Image, context


def test_lint(tool: Callable[..., Any]) -> None:
    done = tool("hadolint", "--failure-threshold", "info", ROOT / "Containerfile")
    assert (done.returncode, done.stdout) == (0, "")


def test_the_context_is_what_the_wheel_is_built_of(tmp_path: Path) -> None:
    for name in (
        "harness/a.py", "harness/native/bin/worker-amd64", "harness/native/_core.abi3.so",
        "harness/__pycache__/a.pyc", "csrc/core.c", "README.md", "docs/x.md", ".git/config",
        ".venv/bin/python", "secret.key",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    sent = context(tmp_path, (ROOT / ".dockerignore").read_text())
    names = {str(path.relative_to(tmp_path)) for path in sent}
    assert names == {"harness/a.py", "csrc/core.c", "README.md"}


@pytest.mark.network
@pytest.mark.xdist_group("container")
class TestImage:
    def test_it_has_no_compiler_and_no_root(self, images: dict[str, Image]) -> None:
        image = images[""]
        found = image.root.run(
            ["sh", "-c", "command -v gcc cc zig; ls /opt/gai-harness/lib/*/site-packages"]
        )
        assert "gcc" not in found.stdout
        assert "ziglang" not in found.stdout
        assert "harness" in found.stdout
        assert image.user not in ("root", "0", "")

    def test_the_doctor_finds_it_well(self, images: dict[str, Image]) -> None:
        done = images[""].run("doctor", "--format", "json")
        found = {one["topic"]: one for one in json.loads(done.stdout)["checks"]}
        assert done.returncode == 0, found
        assert "uid 1000" in found["namespaces"]["found"]
        assert found["other glibcs"]["found"] == "in the cache: 2.36", "the build argument's"
        assert found["packages"]["verdict"] == "ok"
        assert found["strace"]["verdict"] == "ok"

    def test_it_runs_files_of_the_user(self, images: dict[str, Image], tmp_path: Path) -> None:
        tmp_path.chmod(0o755)
        (tmp_path / "mine.yaml").write_text(GOOD)
        words = ("run", "mine.yaml", "--glibc", "all", "--format", "json")
        done = images[""].run(*words, mounts=[(tmp_path, "/work", "ro")])
        assert done.returncode == 0, done.stderr
        results = json.loads(done.stdout)["results"]
        assert {(one["glibc"], one["lane"], one["verdict"]) for one in results} == {
            ("2.41", "cffi", "agree"), ("2.36", "worker", "agree"),
        }  # fmt: skip

    def test_without_arguments_it_runs_the_library(self, images: dict[str, Image]) -> None:
        image = images[""]
        assert image.command == ["run"]
        assert image.run("--version").stdout == f"gai-harness {__version__}\n"
        done = image.run("run", "--suite", "smoke")
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr
        assert ", 0 disagree, 0 error" in done.stdout
