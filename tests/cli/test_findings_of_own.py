"""What is a finding of the person's own file or name, and what repeated options add up to."""

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Call
from tests.e2e.kit import gai_harness
from tests.pytest_plugin.kit import OTHER_VERSION

SEED = "seed-rule9-dual-stack"


@pytest.mark.bare
def test_a_file_that_kills_the_process_is_a_finding(
    tmp_path: Path, fetch_glibcs: Callable[..., str]
) -> None:
    """Also where the model foresees it; the library, which is full of such files, stays right."""
    fetch_glibcs("2.36")
    file = tmp_path / "own.conf"
    file.write_text("scopev4 10.0.0.0 5\n")
    old = ("--glibc", "2.36")
    explained = gai_harness("explain", SEED, "--gai-conf", file, *old, "--json")
    found = json.loads(explained.stdout)["explanations"]
    # undefined: whether a process dies of it is chance, that web's does is as good as certain
    assert {(one["error"], one["predicted"]) for one in found} >= {("SIGSEGV", True)}
    assert not any(one["error"] and not one["predicted"] for one in found)
    assert explained.returncode == 1
    assert gai_harness("whatif", SEED, "--gai-conf", file, *old).returncode == 1
    # a new file that no process dies of is no finding, whatever the old one did
    mended = ("fact-3.4-no-length-scopev4", "--gai-conf", "none", *old)
    assert gai_harness("whatif", *mended).returncode == 0
    assert gai_harness("run", "fact-3.4-no-length-scopev4", *old).returncode == 0


def test_a_name_that_nobody_knows_is_a_finding(call: Call) -> None:
    said = "'zzz.invalid': the name "
    done = call("whatif", "zzz.invalid", "--set", "precedence ::ffff:0:0/96 100")
    assert done.status == 1
    assert said in done.err
    assert done.out.startswith("this host: own → own with 1 line in front\n")
    of_node = call("kubelet", "zzz.invalid")
    called = f"this host is called '{socket.gethostname()}'\n"
    assert of_node.err.endswith(f"{said}was not found; {called}")
    assert "is called" not in call("kubelet", "--scenario", "kubelet-default-route").err
    assert "is called" not in call("kubelet", "localhost").err


@pytest.mark.parametrize(("flag", "family"), [("-4", "inet"), ("-6", "inet6")])
def test_a_family_as_other_programs_write_it(flag: str, family: str) -> None:
    done = gai_harness("explain", "localhost", flag, "--json")
    (found,) = json.loads(done.stdout)["explanations"]
    assert found["lookup"] == f"localhost {family}"


def test_the_four_questions_of_getent_stand_side_by_side() -> None:
    """Whatever this host has: getent and the model say the same, and hosts has no model."""
    done = gai_harness("explain", "localhost", "--as", "getent", "--json")
    assert done.returncode == 0, done
    found = json.loads(done.stdout)
    hosts, *others = found["getent"]
    assert (hosts["command"], hosts["model"]) == ("getent hosts localhost", None)
    assert hosts["addresses"]
    assert [one["command"] for one in others] == [
        f"getent ahosts{family} localhost" for family in ("", "v4", "v6")
    ]
    for one, explained in zip(others, found["explanations"], strict=True):
        assert one["addresses"] == one["model"]
        assert set(explained["native"]) == set(one["addresses"])
    shown = gai_harness("explain", "localhost", "--as", "getent").stdout
    assert f"  getent hosts localhost     {', '.join(hosts['addresses'])} (IPv6 alone" in shown
    assert shown.count("(as the model)") == 3


@pytest.mark.bare
def test_builds_and_lookups_given_twice_add_up(
    call: Call, fetch_glibcs: Callable[..., str]
) -> None:
    fetch_glibcs(OTHER_VERSION)
    words = ("explain", SEED, "--glibc", "host", "--glibc", OTHER_VERSION, "--json")
    lookups = ("--lookup", "web", "--lookup", "near-first")
    found = json.loads(gai_harness(*words, *lookups).stdout)["explanations"]
    labels = {one["label"] for one in found}
    assert "host" in labels
    assert len(labels) == 2
    assert {one["lookup"] for one in found} == {"web", "web inet", "near-first"}
    refused = call("suggest", SEED, "--lookup", "web", "--want", "192.0.2.1", "--want", "192.0.2.2")
    assert "--want 192.0.2.1: one of" in refused.err
    unknown = call("explain", SEED, "--lookup", "wbe")
    assert "wbe: one of the scenario's look-ups was expected" in unknown.err
