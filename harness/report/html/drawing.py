"""How the pages draw an answer: the templates, and what they may call."""

from functools import lru_cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.compare.results import Result
from harness.report.html.answers import SYMBOLS, TITLES, AnswerGroup, PrefixBits, listed
from harness.report.words import equality
from harness.text.shown import escaped, one_line


def environment() -> Environment:
    """The templates, with what draws an answer."""
    made = Environment(
        loader=PackageLoader("harness.report.html"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    bits = made.get_template("bits.html.j2")

    @lru_cache(4096)  # the same addresses come again and again
    def drawn(prefix: PrefixBits) -> Markup:
        return Markup(bits.render(drawn=prefix))

    made.filters.update(drawn=drawn, listed=listed)
    made.globals.update(symbols=SYMBOLS, titles=TITLES, equality=equality)
    return made


def answer(result: Result, environment: Environment) -> str:
    """One answer alone, as HTML: its order, the reasons, and what is to be known beside it."""
    group = AnswerGroup(number=0, columns=(), letter="", result=result, unmet=(), before=None)
    return str(environment.get_template("chain.html.j2").module.answer(group))  # type: ignore[attr-defined]


def inlined(*names: str) -> str:
    """Several files of styles or scripts as one text. They are ours, and hold no end tag."""
    folder = files("harness.report.html") / "assets"
    return "".join(folder.joinpath(name).read_text("utf-8") for name in names)


def _visible(value: object) -> object:
    """A text with what cannot be seen escaped; our own HTML, and what is no text, as it is."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    first, *more = value.split("\n")
    return "\n".join([escaped(first), *map(one_line, more)])
