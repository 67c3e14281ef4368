"""Runs a script on the host of a scenario, as if that were the machine.

Usage: on_host.py SCENARIO SCRIPT. The script sees the host's network and names; the files
and everything else are the machine's. Ends with the script's status.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.compare.plan import load_scenarios
from harness.sandbox import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.sandbox import Box
    from harness.scenario import LoadedScenario


def on_host(box: Box, spec: tuple[LoadedScenario, str, str]) -> Iterator[tuple[int, str]]:
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


def main() -> int:
    [loaded] = load_scenarios([Path(sys.argv[1])])
    with Pool() as pool:
        status: int
        [(status, output)] = pool.run(on_host, (loaded, os.getcwd(), sys.argv[2]))  # noqa: PTH109
    sys.stdout.write(output)
    return status


if __name__ == "__main__":
    sys.path.append(str(Path(__file__).resolve().parents[2]))
    from tests.docs.on_host import (
        main as run,  # the sandbox asks for the function by its module's name
    )

    sys.exit(run())
