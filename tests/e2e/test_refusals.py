"""Where a system call is refused or a limit is reached, a command says so in words, status 3."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.kit import COMMAND, ROOT, start
from tests.forking import Forked
from tests.processes import Program, until
from tests.sandbox import ordinary_user

SEED = "seed-rule9-dual-stack"
PLACE = [sys.executable, str(ROOT / "tests/sandbox/denied_places.py")]
COMMANDS = (["run", SEED, "--lane", "both"], ["explain", SEED], ["doctor", "--format=json"])
# where root maps the user nobody, code of a glibc must become nobody
IDS = [line.split() for line in Path("/proc/self/uid_map").read_text().splitlines()]
NOBODY = os.geteuid() == 0 and any(int(low) <= 65534 < int(low) + int(n) for low, _, n in IDS)
# what a sandbox or a lane cannot be started without
NEEDED = (
    "capset", "clone", "memfd_create", "mount", "pidfd_open", "pipe2", "pivot_root", "poll",
    "prctl", "setns", "setsid", "socket", "socketpair", "umount2", "unshare",
    *(["setresuid"] if NOBODY else []),
)  # fmt: skip
# without these it goes on
SPARED = ("clone3", "sethostname", "setgroups", *([] if NOBODY else ["setresuid"]))
# what is said of the jail of another program's code
PARTS = {
    "capset": "to give up its capabilities (capset, prctl)",
    "pivot_root": "a root folder of its own (pivot_root)",
    "setresuid": "to become the user nobody (setresuid)",
}
OTHERS = ("ENOSYS", "EAGAIN", "ENOMEM")


def in_words(done: subprocess.CompletedProcess[str]) -> None:
    said = done.stdout + done.stderr
    assert "Traceback" not in said, said
    assert "unexpected failure" not in said, said
    assert done.returncode in (0, 3), said
    if done.args[-1] == "--format=json" and done.stdout:
        able = json.loads(done.stdout)["can_run"]
        assert able is (done.returncode == 0)
        assert not done.stderr, said
    elif done.returncode == 3:
        assert done.stderr.count("\n") == 1, said
        assert "; " in done.stderr or "cannot" in done.stderr, said


@pytest.mark.parametrize(
    "call", [*NEEDED, *(pytest.param(call, marks=pytest.mark.bare) for call in SPARED)]
)
@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_refused_system_call(call: str, every: bool, forked: Forked) -> None:
    """``run`` with every error, and the other commands with EPERM; or one of each by turns."""
    run, *more = COMMANDS
    turn = (*NEEDED, *SPARED).index(call)
    cases = [("EPERM", run)]
    cases += [("EPERM", words) for words in (more if every else [more[turn % len(more)]])]
    cases += [(error, run) for error in (OTHERS if every else [OTHERS[turn % len(OTHERS)]])]
    for error, words in cases:
        done = forked(words, f"{call}:{error}")
        in_words(done)
        if words is run:
            assert done.returncode == (0 if call in SPARED else 3), (error, done.stderr)
            if error == "EPERM" and call in PARTS and call in NEEDED:
                part = f"the kernel refuses a part of its jail: {PARTS[call]}: Operation not"
                assert part in done.stderr
                assert "--security-opt seccomp=unconfined" in done.stderr


@pytest.mark.parametrize(
    "words",
    [["explain", "localhost"], ["snapshot", "localhost"], ["kubelet"],
     ["lint", "prefer-ipv4.conf"]],
    ids=lambda words: words[0],
)  # fmt: skip
def test_a_container_without_an_option(words: list[str], forked: Forked) -> None:
    """What asks of this host and needs no sandbox answers there as everywhere."""

    def answer(done: subprocess.CompletedProcess[str]) -> tuple[int, list[str]]:
        lines = done.stdout.splitlines()  # a snapshot's head says what was compared
        return done.returncode, [line for line in lines if not line.startswith("#")]

    there = forked(words, "filtered")
    assert answer(there) == answer(forked(words))
    assert there.returncode in (0, 1)
    assert "Traceback" not in there.stderr


def test_a_host_name_under_podmans_filter(forked: Forked) -> None:
    """Which allows a sandbox, and no name for it; a copy of this host has its name already."""
    done = forked(["run", "dns-own-domain"], "podman")
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "host.hostname: the kernel refused node.example" in done.stderr
    assert "--security-opt seccomp=unconfined" in done.stderr
    copied = forked(["snapshot", "localhost"], "podman")
    assert (copied.returncode, copied.stderr) == (0, "")


def test_a_snapshot_without_proc(forked: Forked) -> None:
    done = forked(["snapshot", "localhost"], "procless")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "gai-harness snapshot: the kernel's settings cannot be read: there is no /proc/sys/net; "
        "mount it: mount -t proc proc /proc; gai-harness doctor says what this host can do\n"
    )


LIMITS = {
    f"{word}={most}": {word: most}
    for word, most in (("fsize", 0), ("fsize", 1000), ("nofile", 8), ("nofile", 12))
}


@pytest.mark.parametrize("place", [*LIMITS, "procless", "devless"])
@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_a_limit_of_the_process_and_no_proc_or_devices(
    place: str, words: list[str], forked: Forked
) -> None:
    """``run`` meets it from the first import on, the others as they begin."""
    if words[0] == "run":
        before = ["prlimit", f"--{place}"] if place in LIMITS else [*PLACE, place]
        # Python before 3.12 would leave the first 1000 bytes of a module that it compiles
        done = start(*before, COMMAND, *words, env={"PYTHONDONTWRITEBYTECODE": "1"})
    elif place in LIMITS:
        done = forked(words, limits=LIMITS[place])
    else:
        done = forked(words, place)
    in_words(done)
    if place == "nofile=8" and words[0] == "run":
        assert "Too many open files" in done.stderr
        assert "--jobs" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become a user without processes")
@pytest.mark.parametrize("most", [1, 4])
@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_no_more_processes_for_an_ordinary_user(
    most: int, words: list[str], forked: Forked
) -> None:
    plain = [word for word in words if word not in ("--lane", "both")]  # this user has no cache
    if words[0] == "run":
        module = [sys.executable, "-P", "-m", "harness"]
        done = ordinary_user.run(["prlimit", f"--nproc={most}", *module, *plain])
    else:
        done = forked(plain, limits={"nproc": most}, ordinary=True)
    in_words(done)


INTERRUPT_AT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # pytest itself may ignore it
module = sys.argv.pop(1)
class Finder:
    def find_spec(self, name, *_):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
from harness.__main__ import main
sys.exit(main())
"""


@pytest.mark.parametrize(("module", "status", "said"), [
    ("argparse", -signal.SIGINT, ""),  # nobody is there to say it
    ("harness.cli.run", 130, "interrupted\n"),
])  # fmt: skip
def test_ctrl_c_while_importing(module: str, status: int, said: str) -> None:
    done = start(sys.executable, "-P", "-c", INTERRUPT_AT, module, "run", SEED)
    assert (done.returncode, done.stderr) == (status, said)


def test_ctrl_c_while_it_runs(tmp_path: Path) -> None:
    with Program(
        COMMAND, "fuzz", "--seconds", "60", "-o", tmp_path, stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:  # fmt: skip
        # it is past its imports, and makes sandboxes
        assert until(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=600)
    assert (process.returncode, said) == (130, "interrupted\n")
