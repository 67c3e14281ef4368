"""The command line's parser: wrong use is one line, which names what may have been meant."""

import argparse
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

from harness.text.nearest import did_you_mean
from harness.text.shown import one_line
from harness.versions import is_version

OK, FINDING, WRONG_USE, CANNOT = 0, 1, 2, 3
_OPTION = re.compile(r"-(?!\d*\.?\d+$)(?=.)", re.DOTALL)  # argparse takes -4 for an argument
COMMAND = "words"
"""The argument that takes all behind ``--`` as it is: the words of another command."""
Options = argparse.Namespace
"""What the words of a command line give, by the names of the options."""


class UsageError(Exception):
    """Wrong use of the command line; the text is one line."""

    exit_status = WRONG_USE


class Joined(argparse.Action):
    """A list with commas, which each further use of the option makes longer."""

    def __call__(self, _: Any, namespace: Options, values: Any, __: Any = None) -> None:
        """Put the value behind those of the uses before; a default is no use."""
        given: dict[str, list[str]] = vars(namespace).setdefault("joined", {})
        given.setdefault(self.dest, []).append(values)
        setattr(namespace, self.dest, ",".join(given[self.dest]))


class Once(argparse.Action):
    """A value of which there can be one: another is refused, and none is dropped unsaid."""

    def __call__(self, _: Any, namespace: Options, values: Any, __: Any = None) -> None:
        """Keep the value, or the option's own. Raises ArgumentError for a second one."""
        value = self.const if self.nargs == 0 else values
        before = vars(namespace).setdefault("once", {}).setdefault(self.dest, value)
        if before != value:
            two = (",".join(one) if isinstance(one, tuple) else one for one in (before, value))
            raise argparse.ArgumentError(self, "one value was expected, not {} and {}".format(*two))
        setattr(namespace, self.dest, value)


def _are_addresses(word: str) -> bool:
    from ipaddress import ip_address  # not for --help

    words = word.replace(",", " ").split()
    bare = [one.strip("[]").partition("%")[0] for one in words]
    with suppress(ValueError):
        return bool([*map(ip_address, bare)])
    return False


def _gathered(words: Sequence[str]) -> list[str]:
    """The words; addresses after an option that stand apart by blanks get commas instead."""
    made: list[str] = []
    for word in words:
        option, _, before = made[-1].partition("=") if made else ("", "", "")
        before = before.strip(",")
        full = option == "--pair" and "," in before
        if option in ("--pair", "--want", "--node-ip") and not full and _are_addresses(word):
            made[-1] = f"{option}={before}{',' * bool(before)}{word.strip(',')}"
        else:
            made.append(word)
    return made


class Parser(argparse.ArgumentParser):
    """argparse's parser with this project's way to say what is wrong."""

    def error(self, message: str) -> NoReturn:
        """Report wrong use in one line, without the usage text; exit status 2."""
        self.exit(WRONG_USE, one_line(f"{self.prog}: {message} (try {self.prog} --help)") + "\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        """As argparse's; but help that cannot be written is not passed over."""
        if message and file is sys.stdout:
            sys.stdout.write(message)
        else:
            super()._print_message(message, file)

    def parse(self, words: Sequence[str]) -> Options:
        """Read a line; an unknown option is reported with the nearest known one."""
        own, command = [*words], None
        if "--" in own and any(action.dest == COMMAND for action in self._actions):
            at = own.index("--")
            own, command = own[:at], own[at + 1 :]
        parsed, extra = self.parse_known_args(self._options_first(_gathered(own)))
        if command is not None:
            setattr(parsed, COMMAND, command)
        if extra:
            wrong = (word.partition("=")[0] for word in extra if word.startswith("-"))
            known = [*self._options()]
            near = (did_you_mean(word, known) for word in wrong if word not in known)
            perhaps = next(filter(None, near), "")
            builds = any(is_version(word.partition(":")[0]) for word in extra)
            if builds and "glibc" in getattr(parsed, "joined", ()):
                perhaps = "; builds of --glibc go with a comma between them"
            self.error(f"unrecognized arguments: {' '.join(extra)}{perhaps}")
        return parsed

    def _options_first(self, words: Sequence[str]) -> list[str]:
        """The same line with its arguments behind: argparse takes them at one place only."""
        for action in self._actions:
            if words and isinstance(action.choices, dict) and words[0] in action.choices:
                return [words[0], *action.choices[words[0]]._options_first(words[1:])]  # noqa: SLF001
        options: list[str] = []
        arguments: list[str] = []
        left = iter(words)
        for word in left:
            if word == "--":
                arguments += [word, *left]
            elif word in self._option_string_actions or _OPTION.match(word):
                options.append(word)
                if self._takes_the_next(word):
                    options += islice(left, 1)
            else:
                arguments.append(word)
        return options + arguments

    def _takes_the_next(self, word: str) -> bool:
        """Whether the value of an option, or of the last of several letters, is the next word."""
        known = self._option_string_actions
        if word in known or word.startswith("--"):
            return word in known and known[word].nargs != 0
        for at, letter in enumerate(word[1:], 2):
            option = known.get(f"-{letter}")
            if option is None or option.nargs != 0:
                return option is not None and at == len(word)
        return False

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """As argparse's; a choice mistyped is reported with the nearest one, or else with all."""
        if action.choices is None or value in action.choices:
            return
        known = [str(choice) for choice in action.choices]
        perhaps = did_you_mean(str(value), known) or f" (choose from {', '.join(known)})"
        raise argparse.ArgumentError(action, f"invalid choice: {value!r}{perhaps}")

    def _options(self) -> Iterator[str]:
        for action in self._actions:
            yield from action.option_strings
            if isinstance(action.choices, dict):
                for parser in action.choices.values():
                    yield from parser._options()  # noqa: SLF001


def expect_no_build(glibc: str, words: Iterable[str]) -> None:
    """Raise UsageError for a word that names a build: those of ``--glibc`` go with commas."""
    for word in words:
        if is_version(word.partition(":")[0]) and not Path(word).exists():
            hint = f"builds go with a comma between them: --glibc {glibc},{word}"
            if glibc == "host":
                hint = f"a build is named by --glibc {word}"
            raise UsageError(f"{word}: a scenario was expected; {hint}")
