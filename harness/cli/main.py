"""What every command line goes through: the command it names, and the exit status of its end."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from harness import __version__
from harness.cli import streams
from harness.cli.parser import CANNOT, OK, Options, Parser, UsageError, expect_no_build
from harness.text.nearest import did_you_mean

INTERRUPTED, NO_READER = 130, 141  # as a shell says of SIGINT and SIGPIPE

# The module of that name has main(arguments) -> exit status.
COMMANDS: dict[str, str] = {
    "doctor": "say what this host can do, and what to install for the rest",
    "run": "compare real glibc with the model on scenarios",
    "explain": "say why a look-up gives its order",
    "whatif": "try a gai.conf on a private copy: the order before and after",
    "watch": "run a command in a copy of the host, and say to which addresses it connects",
    "fuzz": "compare millions of random cases, native against model",
    "bench": "measure native against modelled sorting, and the engine",
    "kubelet": "predict the InternalIP a kubelet reports, and say what decides it",
    "suggest": "find the gai.conf change that yields a wished order",
    "lint": "check a gai.conf for lines glibc ignores or reads otherwise",
    "glibc": "list, fetch, add, probe or remove builds of glibc",
    "snapshot": "write this host into a scenario file, to be replayed anywhere",
    "schema": "print the JSON Schema of scenario files",
    "completion": "print the shell's completion script",
}
_HELP = {"help": "say all that a command takes"}  # main does it
_SYNOPSIS = """\
In what order glibc's getaddrinfo returns addresses, and why.

begin with:
  gai-harness doctor          what this host can do
  gai-harness kubelet NODE    the InternalIP a kubelet reports here, and why
  gai-harness explain NAME    the order of a name here and now, and its rules
  gai-harness run             real glibc against the model, on its scenarios
  gai-harness help COMMAND    all that a command takes"""
_EPILOG = """\
exit status: 0 all agree · 1 a finding or a difference · 2 wrong use, bad input
             3 this host cannot do it (gai-harness doctor says why)"""


def _top(words: Sequence[str] = ()) -> Parser:
    """The parser of the whole line; it knows the options of the commands among ``words``."""
    parser = Parser(
        prog="gai-harness",
        usage="gai-harness COMMAND ...",
        allow_abbrev=False,
        description=_SYNOPSIS,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"gai-harness {__version__}")
    commands = parser.add_subparsers(
        dest="command", metavar="COMMAND", title="commands", required=True
    )
    for name, summary in {**COMMANDS, **_HELP}.items():
        command = commands.add_parser(name, help=summary, add_help=name in words)
        if name in words and name in COMMANDS:
            from harness.cli.options import declare

            declare(command, name)
    return parser


def _refuse(words: Sequence[str]) -> int:
    """Say what is wrong with a line that does not begin with a command."""
    first, parser = words[0], _top()
    if first.startswith("-"):
        parser.parse_known_args([first, next(iter(COMMANDS))])  # --help and --version end here
        parser.error(f"a COMMAND was expected before {first}")
    from harness.compare.plan import is_scenario

    perhaps = did_you_mean(first, [*COMMANDS, *_HELP])
    if first and is_scenario(first):
        perhaps = f"; did you mean gai-harness run {first}?"
    elif first in ("list", "fetch", "add", "probe", "remove"):
        perhaps = f"; did you mean gai-harness glibc {first}?"
    elif first == "findings":
        perhaps = ": docs/findings.md is made by python -P tools/findings in the source tree"
    known = perhaps or f" (choose from {', '.join(COMMANDS)})"
    parser.error(f"argument COMMAND: invalid choice: {first!r}{known}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status (the contract's 0 to 3)."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["help"]:
        words = [*(word for word in words if word != "help"), "--help"]
    name = words[0] if words and words[0] in COMMANDS else ""
    try:
        try:
            if "_ARGCOMPLETE" in os.environ:
                from harness.cli.completion import complete

                complete(_top)
            streams.prepare()
            with streams.shown():
                try:
                    status = _run(name, words)
                except SystemExit:  # argparse's, after --help
                    sys.stdout.flush()  # once: what a buffer is too small for is not kept
                    raise
                sys.stdout.flush()
        finally:
            sys.stdout.flush()  # what --help printed, before argparse ends the program
        return status
    except KeyboardInterrupt:
        streams.complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        streams.drop(sys.stdout)
        return NO_READER
    except Exception as error:
        known = _verdict(name, error)
        if known is None:
            raise
        if known[0] == CANNOT:
            streams.drop(sys.stdout)  # what is buffered would fail once more at the end
        streams.complain(f"{f'gai-harness {name}'.strip()}: {known[1]}")
        return known[0]


def _run(name: str, words: list[str]) -> int:
    if not words:
        _top().print_help()
        return OK
    if not name:
        return _refuse(words)
    from harness.cli.options import declare

    parser = Parser(
        prog=f"gai-harness {name}", allow_abbrev=False, description=f"{COMMANDS[name]}."
    )
    declare(parser, name)
    options = parser.parse(words[1:])
    if name != "kubelet":  # whose --resolver is another
        _expect_glibc(options)
    if "glibc" in getattr(options, "joined", ()):
        expect_no_build(options.glibc, map(str, getattr(options, "what", ())))
    from harness.glibcs.cache import clear_dead

    if name != "watch":  # whose command has the environment as it is
        # no plug-in of pydantic's is ours, and to look for some reads every package's metadata
        os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    clear_dead()  # what a command that was killed left in the cache
    try:
        builds = [getattr(options, each, None) for each in ("glibc", "against", "build")]
        resolvers = getattr(options, "resolver", None) or "glibc"
        if getattr(options, "fetch", False):
            from harness.cli.glibc import bring

            if failed := bring(builds, resolvers):
                return failed
        if "all" in f"{builds[0]},{resolvers}":
            from harness.cli.glibc import missing_of_all

            for line in missing_of_all(builds[0] or "", resolvers):
                streams.complain(f"gai-harness {name}: {line}")
        status: int = import_module(f"harness.cli.{name}").main(options)
        return status
    except SystemExit:  # rich's way to say it
        raise BrokenPipeError from None


def _expect_glibc(options: Options) -> None:
    """Refuse what is said of glibc where ``--resolver`` asks others alone."""
    resolver = getattr(options, "resolver", None)
    if resolver is None or {"glibc", "all"} & {*resolver.split(",")}:
        return
    for option, usual in (("glibc", (None, "host")), ("lane", (None, "auto", "worker"))):
        if (value := getattr(options, option, None)) not in usual:
            raise UsageError(f"--{option} {value}: --resolver {resolver} asks no glibc")


def _verdict(name: str, error: Exception) -> tuple[int, str] | None:
    """The exit status of an error that is no bug (rooms say ``exit_status``), and the line."""
    if isinstance(error, MemoryError):
        return CANNOT, "out of memory"
    if streams.exhausted(error):
        return CANNOT, f"cannot go on: {error.strerror}"
    status, line = getattr(error, "exit_status", None), str(error)
    if streams.refused(error):
        status, line = CANNOT, f"cannot go on: {error.strerror}"
    if not isinstance(status, int):
        return None
    if error.__context__ and streams.exhausted(error.__context__):
        # a room has said in its words that the disk is full
        return CANNOT, line if "cannot" in line else f"cannot go on: {line}"
    if getattr(error, "fetch", ()):
        line += " (or this line with --fetch)"
    leads_on = "gai-harness " in line or "did you mean" in line
    if status == CANNOT and name not in ("", "doctor") and not leads_on:
        line += "; gai-harness doctor says what this host can do"
    return status, line
