"""Projects for the plugin to run in."""

from collections.abc import Callable

import pytest

# kept loaded from one run inside this process to the next
import harness.pytest_plugin.hosts
import harness.pytest_plugin.items  # noqa: F401
from tests.pytest_plugin.kit import NODE, WRONG


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with two scenarios."""
    monkeypatch.setenv("COLUMNS", "200")
    # the plugins of this environment have no part in it, and take their time
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_PLUGINS", "harness.pytest_plugin")
    pytester.makefile(".gai.yaml", **{"hosts/node": NODE, "hosts/wrong": WRONG})
    pytester.makeini("[pytest]\nfilterwarnings = ignore::pytest.PytestAssertRewriteWarning\n")
    return pytester


@pytest.fixture
def empty(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The project's cache of glibcs, which has none."""
    monkeypatch.setenv("GAI_HARNESS_CACHE", str(project.path / "empty"))


@pytest.fixture
def workers(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """pytest-xdist can be used in the project."""
    monkeypatch.setenv("PYTEST_PLUGINS", "harness.pytest_plugin,xdist.plugin")


@pytest.fixture(scope="session")
def fetched(fetch_glibcs: Callable[..., str]) -> tuple[str, str]:
    """Two versions of glibc, as packages in the cache."""
    fetch_glibcs("2.36", "2.41")
    return "2.36", "2.41"
