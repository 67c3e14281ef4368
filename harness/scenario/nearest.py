"""What somebody who mistyped a word may have meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is most like ``word``; None where none is near.

    Parameters: ``word`` as typed; ``known`` what would have been right. Raises nothing.
    """
    by_lower = {one.lower(): one for one in known}
    found = get_close_matches(word.lower(), by_lower, n=1)
    return by_lower[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str], form: str = "{}") -> str:
    """``"; did you mean WORD?"`` for the nearest known word, "" where none is near.

    Parameters: as for `nearest`; ``form`` how the word is shown. Raises nothing.
    """
    found = nearest(word, known)
    return "" if found is None else f"; did you mean {form.format(found)}?"
