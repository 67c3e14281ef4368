"""docs/gai-conf-tweaks.md: every command is run, and prints what the page says."""

from __future__ import annotations

import os
import re
import shlex

import pytest
from e2e_kit import ROOT, gai_harness

pytestmark = [pytest.mark.network, pytest.mark.xdist_group("matrix")]
PAGE = ROOT / "docs/gai-conf-tweaks.md"


def blocks() -> list[tuple[str, str]]:
    """Each command of the page with what the page says it prints."""
    found = re.findall(r"```console\n(.*?)```", PAGE.read_text(), re.S)
    return [(block.partition("\n")[0], block.partition("\n")[2]) for block in found]


def neutral(text: str) -> str:
    """Without what differs between machines: which builds of glibc there are."""
    return re.sub(r"glibc 2\.\d+ \w+(, 2\.\d+ \w+)*", "glibc X", text)


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the page shows amd64")
@pytest.mark.parametrize(("command", "said"), blocks(), ids=lambda text: text[:70])
def test_the_page_is_true(command: str, said: str, versions: list[str]) -> None:
    program, *arguments = shlex.split(command.removeprefix("$ "))
    assert program == "gai-harness"
    done = gai_harness(*arguments)
    assert (done.returncode, done.stderr) == (int("no gai.conf can" in said), "")
    assert neutral(done.stdout) == neutral(said)


def test_the_page_has_commands() -> None:
    assert len(blocks()) == 10
