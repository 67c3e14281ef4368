"""The command as a user runs it, and what runs inside a sandbox for these tests."""

import json
import os
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from harness.compare.evidence import Evidence
from harness.compare.run import HostJob, collect
from harness.sandbox import Box
from tests.processes import called
from tests.sandbox import ordinary_user

ROOT = Path(__file__).resolve().parents[2]
COMMAND = Path(sysconfig.get_path("scripts"), "gai-harness")
Ended = subprocess.CompletedProcess[str]
OF_EVERY_KIND = ("seed-rule9-dual-stack", "case-seed-node-dns", "nss-link-local",
                 "rule7-native-tunnel", "fact-3.3-missing-value")  # fmt: skip
"""Each way to names, a scope id, a tunnel and a gai.conf, where not the whole library is run."""


class Matrix(NamedTuple):
    """A run of the whole library on every version: its end, its page, and what of it was left."""

    done: Ended
    page: Path
    left: list[str]


def start(
    *command: str | Path, env: Mapping[str, str | None] | None = None, **options: Any
) -> Ended:
    """Run a program with nothing on its standard input.

    ``env`` changes the environment; None takes a variable away.
    """
    changed = {**os.environ, **(env or {})}
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True,
        env={name: value for name, value in changed.items() if value is not None},
        **{"timeout": 600, "input": "", "check": False, **options},
    )  # fmt: skip


def as_ordinary_user(home: Path, *arguments: str, **variables: str) -> Ended:
    """Run ``gai-harness`` as an ordinary user with this home folder and a cache in it."""
    env = {"HOME": str(home), "GAI_HARNESS_CACHE": str(home / "cache"), **variables}
    if os.geteuid() != 0:
        return start(COMMAND, *arguments, env=env)
    return ordinary_user.run([str(COMMAND), *arguments], environment=env)


def document(*arguments: str | Path, **options: Any) -> tuple[int, dict[str, Any]]:
    """The status of a command that writes JSON and nothing else, and the document."""
    done = called(*arguments, **options)
    assert done.err == "", done.err
    read: dict[str, Any] = json.loads(done.out)
    return done.status, read


def gather(box: Box, job: HostJob) -> Iterator[tuple[Evidence, ...]]:
    """Inside a sandbox: the evidence of all lanes for each look-up."""
    for evidences, _ in collect(box, job):
        yield evidences


def chrooted(box: Box, image: str) -> Iterator[str]:
    """What the loader of ``image`` says that is started in a chroot, as root of the sandbox."""
    root = Path(image)
    done = subprocess.run(
        ["/lib/ld-linux-x86-64.so.2"], preexec_fn=lambda: os.chroot(root), env={},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    yield done.stderr
