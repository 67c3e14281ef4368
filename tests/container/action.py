"""A runner for composite actions, as far as this project's own action needs one.

It carries out ``run`` steps as GitHub's runner does, with its environment files and expressions;
``uses`` steps are noted. Source: GitHub's reference of workflow syntax, contexts and expressions.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.container.kit import Root

_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}")
# GitHub: "bash" alone means this
_BASH = ["bash", "--noprofile", "--norc", "-eo", "pipefail"]
# a scenario that agrees everywhere, and one whose expectation fails
GOOD = (
    "name: good\nhost: {interfaces: {eth0: {addresses: [192.0.2.2/24]}}}\n"
    "names: {web: [198.51.100.1, 192.0.2.9]}\nlookups:\n- name: web\n"
)
BAD = GOOD.replace("good", "bad") + "  expect: {order: [203.0.113.1]}\n"

TEMPORARY, WORKSPACE = "/tmp/runner", "/workspace"


class Step(NamedTuple):
    """A step that was carried out: what it wrote, and how it ended."""

    name: str
    status: int
    log: str


@dataclass
class Ran:
    """What a run of the action left."""

    steps: list[Step] = field(default_factory=list)
    used: list[str] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    summary: str = ""

    @property
    def failed(self) -> bool:
        return any(step.status for step in self.steps)

    @property
    def log(self) -> str:
        return "\n".join(f"# {step.name} ({step.status})\n{step.log}" for step in self.steps)


class Runner:
    """Runs an action in a root.

    Parameters: ``action`` the folder with action.yml; ``workspace`` the user's checkout;
    ``before`` words put before every step's shell.
    """

    def __init__(
        self, root: Root, action: Path, workspace: Path, before: tuple[str, ...] = ()
    ) -> None:
        self.root, self.workspace, self.before = root, workspace, before
        self.document: dict[str, Any] = yaml.safe_load((action / "action.yml").read_text())
        self.files = workspace.parent / f"{workspace.name}-runner"

    def run(
        self, given: Mapping[str, str], *, path: str = "", leave_out: tuple[str, ...] = ()
    ) -> Ran:
        """Carry the steps out with these inputs.

        ``path`` is their PATH instead of the root's own; ``leave_out`` names steps that an
        earlier run in this root has done.
        """
        unknown = set(given) - set(self.document["inputs"])
        assert not unknown, f"no inputs of the action: {unknown}"
        inputs = {name: each.get("default", "") for name, each in self.document["inputs"].items()}
        known = {f"inputs.{name}": value for name, value in {**inputs, **given}.items()}
        known["github.action_path"] = "/action"
        ran = Ran()
        for number, step in enumerate(self.document["runs"]["steps"]):
            wanted = evaluate(step.get("if", "'yes'"), known)
            if step["name"] in leave_out or ran.failed or not wanted:
                continue
            if "uses" in step:
                ran.used.append(step["uses"])
                continue
            assert step["shell"] == "bash"
            files = self._files(number, fill(step["run"], known))
            environment = {
                "RUNNER_TEMP": TEMPORARY, "GITHUB_WORKSPACE": WORKSPACE, "GITHUB_ACTIONS": "true",
                "GITHUB_OUTPUT": "/files/output", "GITHUB_STEP_SUMMARY": "/files/summary",
                "CI": "true", "HOME": "/tmp/home",
                **{name: fill(value, known) for name, value in step.get("env", {}).items()},
                **({"PATH": path} if path else {}),
            }  # fmt: skip
            done = self.root.run(
                [*self.before, *_BASH, "/files/script"], user="1001", folder=WORKSPACE,
                environment=environment,
                mounts=[(files, "/files", "rw"), (self.workspace, WORKSPACE, "rw")],
            )  # fmt: skip
            ran.steps.append(Step(step["name"], done.returncode, done.stdout + done.stderr))
            ran.summary += (files / "summary").read_text()
            for line in (files / "output").read_text().splitlines():
                name, _, value = line.partition("=")
                known[f"steps.{step['id']}.outputs.{name}"] = value
        for name, output in self.document["outputs"].items():
            ran.outputs[name] = fill(output["value"], known)
        return ran

    def _files(self, number: int, script: str) -> Path:
        """The folder of a step: its script, and what the script may write in."""
        folder = self.files / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o777)
        for name in ("script", "output", "summary"):
            (folder / name).write_text(script if name == "script" else "")
            (folder / name).chmod(0o666)
        return folder


def fill(text: str, known: Mapping[str, str]) -> str:
    """A text with its ``${{ … }}`` replaced."""
    return _EXPRESSION.sub(lambda match: str(evaluate(match[1], known)), text)


def evaluate(expression: str, known: Mapping[str, str]) -> str | bool:
    """An expression of names, 'texts', ==, != and ||; a name that is not known is empty."""
    expression = expression.strip()
    if "||" in expression:
        for part in expression.split("||"):
            value = evaluate(part, known)
            if value:
                return value
        return value
    for operator in ("==", "!="):
        left, found, right = expression.partition(operator)
        if found:
            same = evaluate(left, known) == evaluate(right, known)
            return same if operator == "==" else not same
    if expression.startswith("'"):
        return expression.strip("'")
    assert re.fullmatch(r"(inputs|github|steps)\.[\w.-]+", expression), expression
    return known.get(expression, "")
