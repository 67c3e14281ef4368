"""The command ``gai-harness``: one module per subcommand, imported only when it is needed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NoReturn

from harness import __version__
from harness.cli import streams

OK, FINDING, WRONG_USE, CANNOT = 0, 1, 2, 3
INTERRUPTED, NO_READER = 130, 141  # as a shell says of SIGINT and SIGPIPE

# Every command's module has add_arguments(parser) and main(arguments) -> exit status.
COMMANDS: dict[str, str] = {
    "run": "compare real glibc with the model on scenarios",
    "explain": "say why a look-up gives its order",
    "whatif": "try a gai.conf on a private copy: the order before and after",
    "findings": "say which public reports are right, from a real run",
    "fuzz": "compare millions of random cases, native against model",
    "bench": "measure native against modelled sorting, and the engine",
    "kubelet": "predict the InternalIP a kubelet reports, and say what decides it",
    "suggest": "find the smallest gai.conf change that yields a wished order",
    "lint": "check a gai.conf for lines glibc ignores or reads otherwise",
    "glibc": "list, fetch, add or remove builds of glibc",
    "snapshot": "write this host into a scenario file, to be replayed anywhere",
    "schema": "print the JSON Schema of scenario files",
}


class UsageError(Exception):
    """Wrong use of the command line; the text is one line."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Report wrong use in one line, without the usage text; exit status 2."""
        self.exit(WRONG_USE, f"{self.prog}: {message} (try {self.prog} --help)\n")


def _top() -> _Parser:
    parser = _Parser(
        prog="gai-harness",
        allow_abbrev=False,
        description="In what order glibc's getaddrinfo returns addresses, and why.",
        epilog="exit status: 0 all agree · 1 a disagreement or finding · 2 wrong use or bad input"
        " · 3 this machine cannot do it",
    )
    parser.add_argument("--version", action="version", version=f"gai-harness {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        commands.add_parser(name, help=summary, add_help=False)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status (the contract's 0 to 3)."""
    streams.prepare()
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] not in COMMANDS:
        _top().parse_args(arguments or ["--help"])
        return WRONG_USE
    name = arguments[0]
    module = import_module(f"harness.cli.{name}")
    parser = _Parser(
        prog=f"gai-harness {name}", allow_abbrev=False, description=COMMANDS[name] + "."
    )
    module.add_arguments(parser)
    command: Callable[[argparse.Namespace], int] = module.main
    return _guarded(name, command, parser.parse_args(arguments[1:]))


def _guarded(
    name: str, command: Callable[[argparse.Namespace], int], options: argparse.Namespace
) -> int:
    try:
        status = command(options)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        streams.complain("interrupted")
        return INTERRUPTED
    except (BrokenPipeError, SystemExit):  # rich makes the second of the first
        streams.drop_output()
        return NO_READER
    except UsageError as error:
        streams.complain(f"gai-harness {name}: {error}")
        return WRONG_USE
    except Exception as error:
        known = _status_of(error)
        if known is None:
            raise
        if known == CANNOT:
            streams.drop_output()  # what is buffered would fail once more at the end
        streams.complain(f"gai-harness {name}: {_line(error)}")
        return known


def _status_of(error: Exception) -> int | None:
    """The exit status of an error that is not a bug; rooms name it as ``exit_status``."""
    if isinstance(error, MemoryError) or streams.exhausted(error):
        return CANNOT
    status = getattr(error, "exit_status", None)
    return status if isinstance(status, int) else None


def _line(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "out of memory"
    return f"cannot go on: {error.strerror}" if streams.exhausted(error) else str(error)
