"""gai-harness in pytest: ``*.gai.yaml`` files as tests, hosts for people's own tests.

Everybody who has the package installed loads this module with every run of pytest, so it
imports nothing but pytest; the rest comes when a scenario is collected or a fixture used.
docs/pytest.md describes the options, fixtures and markers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.pytest_plugin import reporting

if TYPE_CHECKING:
    from harness.pytest_plugin.hosts import HostBox, HostOrder

SUFFIX = ".gai.yaml"
_MARKERS = (
    "gai_namespaces: skip where this host cannot make private networks",
    "gai_glibc(version, ...): skip where one of these builds of glibc is not on this host",
)
_OPTIONS: dict[str, dict[str, Any]] = {
    "--gai-glibc": {
        "metavar": "VERSION,…|host|all",
        "help": "the builds of glibc to run scenarios on (default: ini gai_glibc, or host)"},
    "--gai-resolver": {
        "metavar": "NAME,…|all", "help": "whose getaddrinfo to ask: glibc, musl, c-ares, go"
        " (default: ini gai_resolver, or glibc)"},
    "--gai-conf": {
        "action": "append", "metavar": "FILE", "help": "run scenarios under this gai.conf instead"
        " of their own; may be given several times; a name of the catalogue works, as does 'none'"
        " (default: ini gai_conf)"},
    "--gai-fetch": {
        "action": "store_true",
        "help": "fetch a missing glibc as a package of this distribution (or ini gai_fetch)"},
    "--gai-no-sandbox": {
        "choices": ("fail", "skip"), "help": "what becomes of a test where this host cannot make"
        " private networks (default: ini gai_no_sandbox, or fail)"},
}  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options and the ini keys."""
    group = parser.getgroup("gai-harness", "gai-harness (scenarios in *.gai.yaml files)")
    for name, words in _OPTIONS.items():
        group.addoption(name, **words)
    parser.addini("gai_resolver", "whose getaddrinfo to ask", default="glibc")
    parser.addini("gai_glibc", "builds of glibc to run scenarios on", default="host")
    parser.addini("gai_conf", "gai.conf files to run scenarios under", "linelist", default=[])
    parser.addini("gai_fetch", "fetch a missing glibc", "bool", default=False)
    parser.addini("gai_no_sandbox", "fail or skip without private networks", default="fail")


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, so that --strict-markers knows them."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Look at what the command line asks for before anything is collected."""
    if _is_asked(session.config) and not reporting.is_worker(session.config):
        from harness.pytest_plugin.lab import lab_of

        lab = lab_of(session.config)
        _ = lab.lanes, lab.gai_confs, lab.skips_without_sandbox


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a scenario."""
    if not file_path.name.endswith(SUFFIX):
        return None
    from harness.pytest_plugin.items import GaiFile

    return GaiFile.from_parent(parent, path=file_path)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config) -> None:
    """Say once, as wrong use, what kept every scenario from being collected."""
    if reporting.REFUSAL in config.stash:
        raise config.stash[reporting.REFUSAL]


def pytest_report_header(config: pytest.Config) -> list[str]:
    """The builds of glibc that the command line asks for."""
    return _header(config) if _is_asked(config) else []


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """The builds of glibc, where scenarios were collected and nothing has named them yet."""
    if _is_asked(config) or config.option.verbose < 0:
        return []
    found = any(item.path.name.endswith(SUFFIX) for item in items)
    return _header(config) if found else []


def _header(config: pytest.Config) -> list[str]:
    from harness.pytest_plugin.lab import lab_of

    return lab_of(config).header()


def _is_asked(config: pytest.Config) -> bool:
    return config.option.gai_glibc is not None or bool(config.option.gai_conf)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Heed the markers."""
    if item.get_closest_marker("gai_namespaces") or item.get_closest_marker("gai_glibc"):
        from harness.pytest_plugin.lab import check_markers

        check_markers(item)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Where builds of glibc answered differently."""
    reporting.write_differences(terminalreporter)


@pytest.fixture
def gai_host(request: pytest.FixtureRequest) -> Iterator[Callable[..., HostBox]]:
    """Build a host in a private network and run code of one's own inside it.

    ``box = gai_host(scenario_or_host, names=…, resolver=…, gai_conf=…)``, then
    ``box.run(function, *args)`` or ``box.command([…])``. It ends with the test.
    """
    from harness.pytest_plugin.hosts import Builder

    with Builder(request) as builder:
        yield builder


@pytest.fixture
def gai_order(request: pytest.FixtureRequest) -> Iterator[Callable[..., HostOrder]]:
    """The order in which the real getaddrinfo answers on a host, and the model's reasons.

    ``gai_order(scenario_or_host_or_box, "web", family=…, glibc=…)``.
    """
    from harness.pytest_plugin.hosts import Builder, Orders

    with Builder(request) as builder:  # a conftest's own gai_host may be anything
        yield Orders(builder)
