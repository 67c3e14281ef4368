"""docs/ci.md: its pipelines are valid, and do what the page says, on a stand-in for the service."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.container.action import GOOD, Runner
from tests.container.kit import ROOT, Image

PAGE = (ROOT / "docs/ci.md").read_text()
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
# the file a block is for, in its first line, and the block
BLOCKS = re.findall(r"^```yaml\n# (\S+)\n(.*?)^```", PAGE, re.M | re.S)
GITHUB = [(name, yaml.safe_load(text)) for name, text in BLOCKS if name.startswith(".github/")]
GITLAB = [(name, yaml.safe_load(text)) for name, text in BLOCKS if name == ".gitlab-ci.yml"]
MANIFESTS = [(name, yaml.safe_load(text)) for name, text in BLOCKS if name.startswith("gai-")]


def test_every_pipeline_of_the_page_is_tested_here() -> None:
    assert len(GITHUB) + len(GITLAB) + len(MANIFESTS) == PAGE.count("```yaml\n")
    assert GITHUB
    assert GITLAB


@pytest.mark.parametrize(("name", "text"), BLOCKS, ids=[name for name, _ in BLOCKS])
def test_the_services_schema(
    name: str, text: str, tool: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / Path(name).name
    file.write_text(text)
    if name.startswith("gai-"):
        done = tool("kubernetes-validate", "--strict", "-k", "1.33", file)
        assert done.returncode == 0, done.stdout + done.stderr
        return
    schema = "vendor.gitlab-ci" if "gitlab" in name else "vendor.github-workflows"
    done = tool("check-jsonschema", "--builtin-schema", schema, file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_manifests_are_what_the_containerfile_makes() -> None:
    """The image's user, its words, and in the one for every node nothing that a policy refuses."""
    containerfile = (ROOT / "Containerfile").read_text()
    specs = {name: manifest["spec"]["template"]["spec"] for name, manifest in MANIFESTS}
    for spec in specs.values():
        (container,) = spec["containers"]
        assert f"\nUSER {container['securityContext']['runAsUser']}\n" in containerfile
    # Pod Security Standards, "restricted"
    context = specs["gai-harness-nodes.yaml"]["containers"][0]["securityContext"]
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert (context["runAsNonRoot"], context["allowPrivilegeEscalation"]) == (True, False)


def uses_of(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    return [step for step in steps if step.get("uses", "").startswith("OWNER/gai-harness@")]


@pytest.mark.parametrize(("name", "workflow"), GITHUB, ids=[name for name, _ in GITHUB])
def test_inputs_and_outputs_are_the_actions(name: str, workflow: dict[str, Any]) -> None:
    (use,) = uses_of(workflow)
    assert set(use["with"]) <= set(ACTION["inputs"])
    text = dict(BLOCKS)[name]
    read = re.findall(rf"steps\.{use['id']}\.outputs\.([\w-]+)", text)
    assert set(read) <= set(ACTION["outputs"])


def test_the_engines_get_what_the_containerfile_asks_for() -> None:
    containerfile = (ROOT / "Containerfile").read_text()
    for argument in re.findall(r"--build-arg (\w+)=", PAGE):
        assert f"\nARG {argument}=" in containerfile
    places = set(re.findall(r"--volume \"\$PWD/scenarios:([^:]+):ro\"", PAGE))
    assert places == {re.findall(r"^WORKDIR (/work)$", containerfile, re.M)[0]}


@pytest.mark.network
@pytest.mark.xdist_group("container")
class TestPipelines:
    def test_the_workflow_runs(self, runner: Runner) -> None:
        (use,) = uses_of(GITHUB[0][1])
        # the stand-in is Debian, which has never had Ubuntu's 2.35
        given = {name: str(value).replace("2.35", "2.36") for name, value in use["with"].items()}
        ran = runner.run(given, leave_out=("Install gai-harness",))
        assert not ran.failed, ran.log
        assert ran.outputs["agree"] == "2"
        assert (runner.workspace / "address-order.html").is_file()

    def test_the_gitlab_script_runs(self, images: dict[str, Image], tmp_path: Path) -> None:
        (job,) = (job for job in GITLAB[0][1].values() if "script" in job)
        (tmp_path / "scenarios").mkdir()
        (tmp_path / "scenarios/good.yaml").write_text(GOOD)
        tmp_path.chmod(0o777)
        image = images[""]
        done = image.root.run(
            ["sh", "-ec", "\n".join(job["script"])], user=image.user, folder="/builds",
            environment=image.environment, mounts=[(tmp_path, "/builds", "rw")],
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        report = tmp_path / job["artifacts"]["reports"]["junit"]
        assert 'tests="2"' in report.read_text()
