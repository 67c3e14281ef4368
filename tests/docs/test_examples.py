"""The examples in docstrings give what stands under them."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest

from tests.docs.pages import ROOT

# what the reference shows; each of these has an example
SHOWN = {"model.dialects", "model.gaiconf", "advice.lint", "model.order", "model.policy"}


def with_examples() -> list[str]:
    files = sorted((ROOT / "harness").rglob("*.py"))
    return [
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for file in files
        if ">>> " in file.read_text(encoding="utf-8")
    ]


@pytest.mark.parametrize("name", with_examples())
def test_the_examples_are_true(name: str) -> None:
    done = doctest.testmod(import_module(name), optionflags=doctest.ELLIPSIS)
    assert done.attempted > 0
    assert done.failed == 0


def test_what_the_reference_shows_has_examples() -> None:
    assert {f"harness.{name}" for name in SHOWN} <= set(with_examples())
