"""A preloaded getaddrinfo is never reported as glibc's."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from csrc import toolchain
from tests.e2e.kit import COMMAND, start

SCENARIO = "seed-rule9-dual-stack"
SOURCE = """
#include <netdb.h>
int getaddrinfo(const char *n, const char *s, const struct addrinfo *h, struct addrinfo **r)
{ (void)n; (void)s; (void)h; (void)r; return EAI_FAIL; }
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("preload")
    (folder / "own.c").write_text(SOURCE)
    made = folder / "libown.so"
    subprocess.run(
        # with no checks, whose own library zig would have to make first
        [*toolchain.zig(), "-target", toolchain.host_target().triple, "-shared", "-fPIC", "-O2",
         "-s", "-fno-sanitize=all", "-o", made, folder / "own.c"],
        env=toolchain.zig_environment(folder), check=True, timeout=1200,
    )  # fmt: skip
    return made


def test_sandboxes_are_started_without_it(library: Path) -> None:
    done = start(COMMAND, "run", SCENARIO, "--format", "json", env={"LD_PRELOAD": str(library)})
    assert (done.returncode, json.loads(done.stdout)["summary"]["agree"]) == (0, 3)


def test_where_this_process_would_ask_it_that_is_said(library: Path) -> None:
    done = start(COMMAND, "explain", "localhost", env={"LD_PRELOAD": str(library)})
    assert done.returncode == 3
    assert f"not glibc's but that of {library}" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    done = start(COMMAND, "doctor", "--format", "json", env={"LD_PRELOAD": str(library)})
    checks = json.loads(done.stdout)["checks"]
    (check,) = (one for one in checks if one["topic"] == "cffi lane")
    assert str(library) in check["found"]


def test_what_cannot_be_left_out_is_said(library: Path, tmp_path: Path) -> None:
    """The loader reads /etc/ld.so.preload for every program, whatever its environment is."""
    etc = tmp_path / "etc"
    etc.mkdir()
    for name in ("passwd", "group", "hosts", "nsswitch.conf"):
        if Path("/etc", name).is_file():
            shutil.copy(Path("/etc", name), etc)
    (etc / "ld.so.preload").write_text(f"{library}\n")
    bound = ("unshare", "-Urm", "sh", "-c", 'mount --bind "$0" /etc && exec "$@"', etc)
    done = start(*bound, COMMAND, "run", SCENARIO)
    assert done.returncode == 3, done.stdout + done.stderr
    assert f"not glibc's but that of {library}" in done.stdout + done.stderr
