"""``gai-harness doctor`` where everything works, and where the kernel really refuses."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.glibcs import host
from harness.scenario import library, load
from tests.e2e.kit import COMMAND, start
from tests.forking import Forked
from tests.sandbox import denied_places, ordinary_user

PLACE = [sys.executable, denied_places.__file__]
SEEDS = ["seed-rule9-dual-stack", "seed-rule9-ipv4-only"]
ASK = ("doctor", "--format", "json")


def checks(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, str]]:
    assert done.stderr == ""
    document: dict[str, Any] = json.loads(done.stdout)
    assert document["can_run"] is (done.returncode == 0)
    verdicts = {one["verdict"] for one in document["checks"]}
    assert verdicts <= {"ok", "limited", "missing", "cannot"}
    assert ("cannot" in verdicts) is (done.returncode == 3), document
    return {one["topic"]: one for one in document["checks"]}


def test_this_machine_as_it_is(tmp_path: Path, forked: Forked) -> None:
    cache = tmp_path / "cache"
    found = checks(start(COMMAND, *ASK, env={"GAI_HARNESS_CACHE": str(cache)}))
    for topic in ("kernel", "namespaces", "mounts", "sysctls", "IPv6", "cffi lane", "worker lane"):
        assert found[topic]["verdict"] == "ok", found[topic]
    assert found["interfaces: ethernet"]["verdict"] == "ok"
    assert found["host glibc"]["found"].startswith(f"{host().version} {host().arch}")
    assert (found["strace"]["verdict"] == "ok") is (shutil.which("strace") is not None)
    assert "agree on glibc" in found["the main job"]["found"]
    assert found["other glibcs"]["remedy"] == "gai-harness glibc fetch --all"
    there = importlib.util.find_spec("matplotlib") is not None
    assert found["optional: plot"]["verdict"] == ("ok" if there else "missing")
    assert not cache.exists(), "a look at the cache makes none"
    # scenarios with tunnels run where it says so, and only there
    for kind in ("sit", "tunnel", "tunnel6"):
        name = next(
            path.stem
            for path in library()
            if any(one.kind == kind for one in load(path).scenario.host.interfaces.values())
        )
        done = forked(["run", name])
        assert done.returncode == (0 if found[f"interfaces: {kind}"]["verdict"] == "ok" else 3)


@pytest.mark.skipif(os.geteuid() != 0, reason="this run is an ordinary user's already")
@pytest.mark.parametrize("tun", [True, False])
def test_an_ordinary_user(tun: bool, forked: Forked) -> None:
    found = checks(forked(ASK, ordinary=True, tun=tun))
    assert f"uid {ordinary_user.UID}" in found["namespaces"]["found"]
    assert found["tun"]["verdict"] == ("ok" if tun else "missing")
    assert found["cache folder"]["verdict"] == "missing"
    assert "GAI_HARNESS_CACHE" in found["cache folder"]["remedy"]
    if "sit" in found["device types"]["found"].partition("not ")[2]:
        sit = found["interfaces: sit"]
        assert sit["verdict"] == ("ok" if tun else "cannot")
        assert tun or "of the library need one and end with status 3" in sit["meaning"]


# the place, what cannot be done there, what the remedy names
REFUSALS = [
    ("limited", "namespaces", "sysctl user.max_user_namespaces=10000"),
    ("chrooted", "namespaces", "this is a chroot"),
    ("filtered", "namespaces", "--security-opt seccomp=unconfined"),
    ("powerless", "namespaces", "--cap-add SETFCAP"),
    ("masked", "sysctls", "--security-opt systempaths=unconfined"),
]
IN_A_POD = {
    "filtered": "{seccompProfile: {type: Unconfined}}",
    "masked": "{procMount: Unmasked} in a pod with hostUsers: false",
}


@pytest.mark.parametrize(("place", "topic", "remedy"), REFUSALS)
def test_where_the_kernel_refuses(place: str, topic: str, remedy: str, forked: Forked) -> None:
    found = checks(forked(ASK, place))
    assert found[topic]["verdict"] == "cannot"
    assert remedy in found[topic]["remedy"]
    assert "the main job" not in found
    if topic == "namespaces":  # without which no look-up can be watched either
        assert found["strace"]["verdict"] == "missing"
        assert "device types" not in found
    assert found["worker lane"]["verdict"] == "ok", (
        "what needs no sandbox is looked at all the same"
    )
    if place in IN_A_POD:
        done = forked(ASK, place, env={"KUBERNETES_SERVICE_HOST": "192.0.2.1"})
        said = checks(done)[topic]["remedy"]
        assert f"securityContext: {IN_A_POD[place]}" in said
        assert "kubectl debug --profile=sysadmin" in said
        assert "--security-opt" not in said


def test_under_podmans_own_filter_only_strace_is_missing() -> None:
    """With a start of its own in such a place."""
    found = checks(start(*PLACE, "podman", COMMAND, *ASK))
    assert found["strace"]["verdict"] == "missing"
    assert found["the main job"]["verdict"] == "ok"
    assert "SYS_PTRACE" in found["strace"]["remedy"] or shutil.which("strace") is None


@pytest.mark.parametrize(
    ("place", "command"),
    [*((one[0], ["run", *SEEDS]) for one in REFUSALS), ("limited", ["explain", SEEDS[0]])],
)
def test_other_commands_name_the_doctor_there(
    place: str, command: list[str], forked: Forked
) -> None:
    done = forked(command, place)
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1, "one line, not one for each host"
    assert done.stderr.endswith("; gai-harness doctor says what this host can do\n")
    if command[0] == "explain":
        last = forked(["doctor"], place).stdout.splitlines()[-1]
        assert last.startswith("gai-harness run ends with status 3 here: namespaces: ")
        assert last.endswith("; allow it with: sysctl user.max_user_namespaces=10000")


def test_without_programs_on_the_path(tmp_path: Path, forked: Forked) -> None:
    found = checks(forked(ASK, env={"PATH": str(tmp_path)}))
    assert found["strace"]["found"] == "not installed"
    assert found["strace"]["remedy"] == "apt-get install strace"
    assert "no apt-get" in found["packages"]["found"]
    assert "gai-harness glibc add DIR" in found["packages"]["remedy"]


def test_a_cache_that_cannot_be_used_and_one_with_damage(tmp_path: Path, forked: Forked) -> None:
    broken = tmp_path / "cache/builds/debian-x-1.0-amd64"
    broken.mkdir(parents=True)
    # sandboxes take a while
    found = checks(forked(ASK, "limited", env={"GAI_HARNESS_CACHE": str(tmp_path / "cache")}))
    assert found["other glibcs"]["remedy"] == f"gai-harness glibc remove {broken.name}"
    found = checks(forked(ASK, "limited", env={"GAI_HARNESS_CACHE": "/proc/nothing"}))
    assert found["cache folder"]["verdict"] == "missing"


@pytest.mark.network
def test_mirrors_are_asked_when_that_is_wanted(unreachable: Any, forked: Forked) -> None:
    found = checks(forked([*ASK, "--network"], "limited"))
    asked = {topic: one for topic, one in found.items() if topic.startswith("mirror: ")}
    if not any(one["verdict"] == "ok" for one in asked.values()):
        unreachable(str(asked))
    assert len(asked) >= 5
