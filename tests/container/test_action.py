"""The GitHub action: valid, its scripts linted, its steps carried out as an ordinary user."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.container.action import WORKSPACE, Ran, Runner
from tests.container.kit import ROOT

ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
SCRIPTS = [step for step in ACTION["runs"]["steps"] if "run" in step]


def test_it_is_a_valid_action(tool: Callable[..., Any]) -> None:
    done = tool(
        "check-jsonschema", "--builtin-schema", "vendor.github-actions", ROOT / "action.yml"
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_shellcheck(tool: Callable[..., Any], tmp_path: Path) -> None:
    """The action's scripts, and the one these tests enter roots with."""
    done = tool("shellcheck", Path(__file__).with_name("enter.sh"))
    assert done.returncode == 0, done.stdout
    for number, step in enumerate(SCRIPTS):
        script = tmp_path / f"{number}.sh"
        script.write_text(step["run"])
        done = tool("shellcheck", "--shell=bash", script)
        assert done.returncode == 0, (step["name"], done.stdout)


def test_no_input_is_put_into_a_script_and_no_package_host_is_named() -> None:
    """An input is a variable there: as text in the script it would be run. The runner's own
    settings say where packages come from."""
    assert all("${{" not in step["run"] for step in SCRIPTS)
    for name in ("Containerfile", "action.yml"):
        assert "://" not in (ROOT / name).read_text(), name


def test_every_input_and_output_is_used_and_described() -> None:
    steps = json.dumps(ACTION["runs"]["steps"])
    for name, each in ACTION["inputs"].items():
        assert f"inputs.{name}" in steps, name
        assert each["description"].endswith((".", "report.tap).")), name
    assert all("steps.run.outputs." in each["value"] for each in ACTION["outputs"].values())


def test_builds_are_fetched_however_their_list_is_written(tmp_path: Path) -> None:
    program = tmp_path / "gai-harness/bin/gai-harness"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    (script,) = (step["run"] for step in SCRIPTS if step["name"] == "Fetch glibcs")
    given = {"GLIBC": "host, 2.31 ,all", "AGAINST": " 2.36:armhf", "RUNNER_TEMP": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script], env={**os.environ, **given},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "glibc fetch 2.31 --all 2.36:armhf\n"


DONE = ("Install gai-harness",)  # by `installed`, which `runner` begins with


@pytest.mark.network
@pytest.mark.xdist_group("container")
class TestRun:
    def test_agreement(self, runner: Runner, installed: tuple[Runner, Ran]) -> None:
        agreed = installed[1]
        assert not agreed.failed, agreed.log
        assert [name.partition("@")[0] for name in agreed.used] == ["actions/setup-python"]
        counts = {name: agreed.outputs[name] for name in ("status", "agree", "disagree", "error")}
        assert counts == {"status": "0", "agree": "8", "disagree": "0", "error": "0"}
        assert agreed.outputs["expectation-failed"] == "0"
        assert agreed.summary.startswith("## gai-harness: glibc 2\\.36, 2\\.41\n")
        assert "::notice title=gai-harness::4 look-ups, 8 answers: 8 agree" in agreed.log
        for name in ("report.html", "report.xml"):
            assert (runner.workspace / name).stat().st_size > 1000
        report = runner.root.run(["cat", agreed.outputs["report"]]).stdout
        assert json.loads(report)["summary"]["agree"] == 8

    def test_a_finding_and_wrong_use(self, runner: Runner) -> None:
        ran = runner.run({"scenarios": "bad.yaml"}, leave_out=DONE)
        assert ran.steps[-1].status == 1
        assert (ran.outputs["status"], ran.outputs["expectation-failed"]) == ("1", "1")
        assert "::error file=bad.yaml,line=" in ran.log
        ran = runner.run({"scenarios": "bad.yaml", "fail": "false"}, leave_out=DONE)
        assert not ran.failed
        assert ran.outputs["status"] == "1"
        ran = runner.run({"scenarios": "missing.yaml", "fail": "false"}, leave_out=DONE)
        assert ran.steps[-1].status == 2
        assert (ran.outputs["status"], ran.outputs["report"]) == ("2", "")

    def test_a_runner_without_namespaces(self, runner: Runner) -> None:
        none_left = 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"'
        before = ("unshare", "--user", "--map-root-user", "sh", "-c", none_left, "sh")
        denied = Runner(runner.root, ROOT, runner.workspace, before)
        ran = denied.run({"scenarios": "scenarios"}, leave_out=DONE)
        assert ran.steps[-1].status == 3
        assert "::group::what this runner can do" in ran.log
        assert "sysctl user.max_user_namespaces=10000" in ran.log

    def test_ubuntus_restriction_is_switched_off_where_there_is_one(self, runner: Runner) -> None:
        """sysctl and sudo are stand-ins here: this kernel has no such setting."""
        tools = runner.workspace / "tools"
        tools.mkdir()
        for name, body in (
            ("sysctl", 'if [ "$1" = -n ]; then echo 1; else echo "set: $*"; fi'),
            ("sudo", 'echo "as root: $*"; exec "$@"'),
        ):
            (tools / name).write_text(f"#!/bin/sh\n{body}\n")
            (tools / name).chmod(0o755)
        path = f"{WORKSPACE}/tools:/usr/bin:/bin"
        others = tuple(step["name"] for step in SCRIPTS if step["name"] != "Allow user namespaces")
        key = "kernel.apparmor_restrict_unprivileged_userns"
        ran = runner.run({}, path=path, leave_out=others)
        assert f"as root: sysctl --quiet --write {key}=0" in ran.log
        assert f"::notice title=gai-harness::{key} was 1 and is 0" in ran.log
        assert not runner.run({"allow-namespaces": "false"}, path=path, leave_out=others).steps
