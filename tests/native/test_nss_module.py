"""The name service module: the buffer protocol under sanitizers, and real glibc calling it."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.csrc.conftest import SANITIZED, compiled
from tests.e2e.kit import start

SUCCESS, NOTFOUND, UNAVAIL = 1, 0, -1
NETDB_SUCCESS, HOST_NOT_FOUND, NO_DATA, NETDB_INTERNAL = 0, 1, 4, -1

LINES = """\
192.0.2.1 web
fe80::1%2 web
192.0.2.2 Web
fe80::1%4294967295 web
2001:db8::1 other
fe80::1%2 web
::ffff:192.0.2.3 mapped
"""


class Driver(NamedTuple):
    """The module in a program that calls it, and the file it reads."""

    program: Path
    names: Path

    def ask(self, *arguments: str) -> tuple[str, tuple[int, ...]]:
        """The answer's text and (status, errno, h_errno)."""
        done = start(self.program, *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        text, numbers = done.stdout.splitlines()
        return text, tuple(int(word) for word in numbers.split())


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, needs: Callable[..., str]) -> Driver:
    compiler = os.environ.get("GAI_HARNESS_SANITIZE") or needs("gcc", "gcc libc6-dev")
    folder = tmp_path_factory.mktemp("nss")
    command = [compiler, *SANITIZED, f'-DGAI_NAMES_FILE="{folder / "names"}"']
    sources = (str(Path(__file__).with_name("nss_driver.c")), "nss.c")
    return Driver(compiled(command, sources, folder / "driver"), folder / "names")


@pytest.fixture
def driver(program: Driver) -> Driver:
    program.names.write_text(LINES)
    return program


def test_what_is_listed(driver: Driver) -> None:
    """By family without scope ids."""
    for function, family, text in (
        ("4", "-", "WEB 192.0.2.1%0 fe80::1%2 192.0.2.2%0 fe80::1%4294967295 fe80::1%2"),
        ("2", "4", "web 192.0.2.1%0 192.0.2.2%0"),
        ("2", "6", "web fe80::1%0 fe80::1%0 fe80::1%0"),
        ("2", "6", "mapped ::ffff:192.0.2.3%0"),
    ):
        found = driver.ask(function, family, text.split()[0])
        assert found == (text, (SUCCESS, 0, NETDB_SUCCESS))
    for function, family, names, h_errno in (
        ("4", "-", ["nobody", "we", "webb", "web.", ""], HOST_NOT_FOUND),
        ("2", "6", ["nobody"], HOST_NOT_FOUND),
        ("2", "4", ["other", "mapped"], NO_DATA),
    ):
        for name in names:
            assert driver.ask(function, family, name) == ("", (NOTFOUND, errno.ENOENT, h_errno))


@pytest.mark.parametrize("function", ["4", "2"])
@pytest.mark.parametrize(
    "line",
    [b"192.0.2.1", b"192.0.2.1 \n", b"192.0.2.1 web",  # cut off
     b"192.0.2.256 web\n", b"192.0.2.1%2 web\n", b"fe80::1%eth0 web\n", b"fe80::1% web\n",
     b"fe80::1%4294967296 web\n", b"fe80::1%2%2 web\n", b"\n", b" web\n", b"192.0.2.1 we\0b\n",
     b"192.0.2.1 " + b"x" * 600 + b"\n", b"\xff" * 5000],
)  # fmt: skip
def test_a_bad_line_is_an_error_and_not_skipped(driver: Driver, function: str, line: bytes) -> None:
    driver.names.write_bytes(b"192.0.2.9 first\n" + line)
    expected = (UNAVAIL, errno.EBADMSG, NETDB_INTERNAL)
    assert driver.ask(function, "4", "last") == ("", expected)


@pytest.mark.parametrize("function", ["4", "2"])
def test_an_empty_file_none_and_a_folder(driver: Driver, function: str) -> None:
    driver.names.write_bytes(b"")
    assert driver.ask(function, "4", "web")[1] == (NOTFOUND, errno.ENOENT, HOST_NOT_FOUND)
    driver.names.unlink()
    assert driver.ask(function, "4", "web")[1] == (UNAVAIL, errno.ENOENT, NETDB_INTERNAL)
    driver.names.mkdir()
    try:
        assert driver.ask(function, "4", "web")[1] == (UNAVAIL, errno.EISDIR, NETDB_INTERNAL)
    finally:
        driver.names.rmdir()


def test_as_many_as_a_scenario_may_have(driver: Driver) -> None:
    many = [f"fe80::{n:x}%{n}" for n in range(1, 4097)]
    driver.names.write_text("".join(f"{one} {'long' * 63}\n" for one in many))
    name = "long" * 63
    assert driver.ask("4", "-", name, "1100")[0].split() == [name, *many]
    addresses = [f"{one.partition('%')[0]}%0" for one in many]
    assert driver.ask("2", "6", name, "1100")[0].split() == [name, *addresses]
