"""Text from outside as it may reach a terminal, a log or a report: what acts or hides, escaped.

A line never begins with "::", which GitHub's runner takes for a command, and holds no "##[" or
"##vso[", which older and Azure's runners look for. YAML has all of the escapes; JSON those that
can stand in a whole line.
"""

import re
from typing import Any, TextIO

# Letters and marks that nothing shows: Unicode's default ignorable code points that
# str.isprintable() lets pass, and the blank of Braille.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_ADDRESS = re.compile(
    r"(\s*)(::[0-9A-Fa-f]*(?::[0-9A-Fa-f]+|\.[0-9]+)*(?:%[\w.-]+)?(?:/[0-9]+)?)"
    r"(?=[\s,;)]|:(?!:)|$)( {0,2})"
)
_COMMAND = re.compile(r"^(\s*):(?=:)")
_OLD_COMMAND = re.compile(r"##(?=\[|vso\[)")


def escaped(text: str) -> str:
    r"""Any text on one line, with what cannot be seen as ``\x1b``, ``\n``, ``\u202e``."""
    if not (text.isascii() and text.isprintable()):
        text = "".join(
            c if c.isprintable() and not _UNSEEN.match(c) else c.encode("unicode_escape").decode()
            for c in text
        )
    return _OLD_COMMAND.sub(r"#\\u0023", text) if "##" in text else text


def one_line(text: str) -> str:
    """``text`` as a whole line: `escaped`, and no command to any runner."""
    return _harmless(escaped(text))


def lines(text: str) -> str:
    """Several lines of our own, each as `one_line`; a tab stays."""
    if "\n" not in text and "\t" not in text:
        return one_line(text)
    return "\n".join(
        _harmless("\t".join(map(escaped, line.split("\t")))) for line in text.split("\n")
    )


def _harmless(line: str) -> str:
    if "::" in line and (found := _ADDRESS.match(line)) and found[2]:
        # an address stands in brackets, and what follows stays in its column
        rest = line[found.end() :]
        gap = found[3] if not rest.startswith(" ") else ""
        line = f"{found[1]}[{found[2]}]{gap}{rest}"
    return _COMMAND.sub(r"\1\\x3a", line)


class Shown:
    """A stream whose lines are shown as `lines` does, whatever is written to it.

    Parameters: ``stream`` where they go; `bare` gives it back, to writers of a format whose
    own escapes see to the same, and to a terminal's colours.
    """

    _SAME = frozenset({"encoding", "errors", "fileno", "isatty", "writable"})

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._begun = ""  # of a line, as far as it was held back

    def write(self, text: str) -> int:
        """Write; the beginning of a line waits for more, as long as it may be a command."""
        *complete, self._begun = (self._begun + text).split("\n")
        if complete:
            self.stream.write("".join(f"{lines(line)}\n" for line in complete))
        return len(text)

    def flush(self) -> None:
        """Write what was held back, too."""
        begun, self._begun = self._begun, ""
        if begun:
            self.stream.write(lines(begun))
        self.stream.flush()

    def __getattr__(self, name: str) -> Any:
        """What the stream below says of itself; nothing that would write to it directly."""
        if name in self._SAME:
            return getattr(self.stream, name)
        raise AttributeError(name)


def bare(stream: TextIO) -> TextIO:
    """The stream below a `Shown`, any other as it is; what was held back is written."""
    if isinstance(stream, Shown):
        stream.flush()
        return stream.stream
    return stream
