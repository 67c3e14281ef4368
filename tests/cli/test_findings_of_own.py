"""What is a finding of the person's own file or name, and what repeated options add up to."""

import json
from pathlib import Path

import pytest

from tests.conftest import Call
from tests.e2e.kit import gai_harness

SEED = "seed-rule9-dual-stack"


def test_a_file_that_kills_the_process_is_a_finding(tmp_path: Path, call: Call) -> None:
    """Also where the model foresees it; the library, which is full of such files, stays right."""
    file = tmp_path / "own.conf"
    file.write_text("scopev4 10.0.0.0 5\n")
    old = ("--glibc", "2.36")
    explained = gai_harness("explain", SEED, "--gai-conf", file, *old, "--json")
    found = json.loads(explained.stdout)["explanations"]
    assert {(one["error"], one["predicted"]) for one in found} == {("SIGSEGV", True)}
    assert explained.returncode == 1
    assert gai_harness("whatif", SEED, "--gai-conf", file, *old).returncode == 1
    # a new file that no process dies of is no finding, whatever the old one did
    mended = ("fact-3.4-no-length-scopev4", "--gai-conf", "none", *old)
    assert gai_harness("whatif", *mended).returncode == 0
    assert gai_harness("run", "fact-3.4-no-length-scopev4", *old).returncode == 0


@pytest.mark.parametrize(("flag", "family"), [("-4", "inet"), ("-6", "inet6")])
def test_a_family_as_other_programs_write_it(flag: str, family: str) -> None:
    done = gai_harness("explain", "localhost", flag, "--json")
    (found,) = json.loads(done.stdout)["explanations"]
    assert found["lookup"] == f"localhost {family}"


def test_builds_and_lookups_given_twice_add_up(call: Call) -> None:
    words = ("explain", SEED, "--glibc", "host", "--glibc", "2.41", "--json")
    lookups = ("--lookup", "web", "--lookup", "near-first")
    found = json.loads(gai_harness(*words, *lookups).stdout)["explanations"]
    assert {one["label"] for one in found} >= {"host", "trixie"}
    assert {one["lookup"] for one in found} == {"web", "web inet", "near-first"}
    refused = call("suggest", SEED, "--lookup", "web", "--want", "192.0.2.1", "--want", "192.0.2.2")
    assert "--want 192.0.2.1: one of" in refused.err
    unknown = call("explain", SEED, "--lookup", "wbe")
    assert "no look-up named 'wbe'" in unknown.err
