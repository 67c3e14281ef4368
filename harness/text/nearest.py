"""What somebody who mistyped a word may have meant."""

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is most like ``word``, as it was typed; None where none is near."""
    from difflib import get_close_matches  # only where something is wrong

    by_lower = {each.lower(): each for each in known}
    close = get_close_matches(word.lower(), by_lower, n=1)
    return by_lower[close[0]] if close else None


def did_you_mean(word: str, known: Iterable[str], form: str = "{}") -> str:
    """``"; did you mean WORD?"`` for the nearest known word in its ``form``, or ""."""
    close = nearest(word, known)
    return "" if close is None else f"; did you mean {form.format(close)}?"
