"""Runs a script on the host of a scenario, as if that were the machine."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from harness.compare.plan import load_scenarios
from harness.sandbox import Box, Pool
from harness.scenario import LoadedScenario


def inside(box: Box, spec: tuple[LoadedScenario, Path, str]) -> Iterator[tuple[int, str]]:
    """Inside the sandbox: build the host, run the script."""
    loaded, folder, script = spec
    scenario = loaded.scenario
    box.build(scenario.host)
    box.set_names(scenario.names, scenario.resolver, scenario.dns.first_reply)
    box.set_gai_conf(loaded.gai_conf)
    done = subprocess.run(
        ["bash", script], cwd=folder, stdin=subprocess.DEVNULL, check=False, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    yield done.returncode, done.stdout


def main(scenario: str, script: str) -> int:
    """The script sees the host's network and names; all else is the machine's. Its status."""
    [loaded] = load_scenarios([Path(scenario)])
    with Pool() as pool:
        status: int
        [(status, output)] = pool.run(inside, (loaded, Path.cwd(), script))
    sys.stdout.write(output)
    return status
