"""The example project of docs/pytest.md, run for real, and a fresh one with a single file."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox import ordinary_user

EXAMPLE = Path(__file__).parents[2] / "docs/examples/pytest-project"


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """pytest as a user of the installed package runs it."""
    hidden = ("PYTEST_", "COLUMNS")
    return subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-v", "-p", "no:cacheprovider", *arguments],
        cwd=folder, capture_output=True, text=True, check=False, timeout=300,
        env={k: v for k, v in os.environ.items() if not k.startswith(hidden)},
    )  # fmt: skip


@pytest.mark.network
def test_the_example_project(tmp_path: Path, fetched: tuple[str, str]) -> None:
    folder = tmp_path / "project"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    done = run_pytest(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = [line.split()[0] for line in done.stdout.splitlines() if " PASSED " in line]
    assert passed[:4] == [
        "hosts/drained-site.gai.yaml::api[2.36]",
        "hosts/drained-site.gai.yaml::api[2.41]",
        "hosts/node.gai.yaml::node-1[2.36]",
        "hosts/node.gai.yaml::node-1[2.41]",
    ]
    assert len(passed) == 8
    assert "gai-harness: glibc 2.36 " in done.stdout
    (difference,) = (line for line in done.stdout.splitlines() if "→" in line)
    assert difference.startswith(
        "hosts/drained-site.gai.yaml::api[2.41]: 2.36 → 2.41: 198.51.100.9, 203.0.113.9 → "
        "203.0.113.9, 198.51.100.9 (since 2.41 "
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become an ordinary user")
def test_an_ordinary_user_needs_no_more() -> None:
    done = ordinary_user.run(
        [
            sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rs",
            "-o", "gai_glibc=host", "-o", "gai_fetch=false", str(EXAMPLE),
        ]
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    # the example's own question about two versions, which that user does not have
    assert "5 passed, 1 skipped" in done.stdout
