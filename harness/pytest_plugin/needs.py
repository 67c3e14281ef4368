"""The markers: what a test needs of this machine."""

from __future__ import annotations

import pytest

from harness.pytest_plugin.lab import lab_of


def check(item: pytest.Item) -> None:
    """Skip a test whose markers ask for what is not there.

    Raises pytest.UsageError for a marker that is written wrongly.
    """
    lab = lab_of(item.config)
    for mark in item.iter_markers("gai_glibc"):
        if not mark.args or mark.kwargs or not all(isinstance(arg, str) for arg in mark.args):
            pytest.fail('gai_glibc: versions as text were expected, such as "2.41"', pytrace=False)
        for word in mark.args:
            try:
                lab.settings.lanes_for(word, "gai_glibc")
            except pytest.UsageError as problem:
                pytest.skip(str(problem))
    if item.get_closest_marker("gai_namespaces") is not None and lab.unavailable is not None:
        pytest.skip(f"no private networks here: {lab.unavailable}")
