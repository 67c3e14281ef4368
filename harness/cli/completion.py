"""``gai-harness completion``: the shell's script, and the answers it asks for at each Tab."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from typing import NoReturn

SHELLS = ("bash", "zsh", "fish")

Completer = Callable[..., Iterable[str]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the argument of ``completion``."""
    parser.add_argument("shell", choices=SHELLS, help="the shell it is for")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = (
        "to have it in every new shell:\n"
        "  bash  echo '. <(gai-harness completion bash)' >>~/.bashrc\n"
        "  zsh   echo '. <(gai-harness completion zsh)' >>~/.zshrc, behind compinit\n"
        "  fish  gai-harness completion fish >~/.config/fish/completions/gai-harness.fish"
    )


def main(options: argparse.Namespace) -> int:
    """Print the script; returns the exit status, 0."""
    from argcomplete.shell_integration import shellcode

    sys.stdout.write(shellcode(["gai-harness"], shell=options.shell))
    return 0


def complete(parser: argparse.ArgumentParser) -> NoReturn:
    """Answer the shell's script, as ``_ARGCOMPLETE`` in the environment asks for, and end.

    Parameters: ``parser`` of the whole command line, as far as the words on it need it.
    Raises SystemExit.
    """
    import os

    import argcomplete

    from harness.cli import completers
    from harness.sandbox import programs

    os.environ.update(programs.environment())  # argcomplete asks bash for the files

    for command, action in _actions(parser, ""):
        completer = completers.find(command, action)
        if completer is not None:
            action.completer = completer  # type: ignore[attr-defined]
    argcomplete.autocomplete(parser, always_complete_options=False, validator=completers.fits)
    raise SystemExit(1)


def _actions(
    parser: argparse.ArgumentParser, command: str
) -> Iterable[tuple[str, argparse.Action]]:
    """Every action of a parser and of its commands, each with the command it belongs to."""
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to list them
        if isinstance(action.choices, dict):
            for name, below in action.choices.items():
                yield from _actions(below, f"{command} {name}".strip())
        else:
            yield command, action
