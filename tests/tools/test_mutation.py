"""Changes of a source: which count, and where in it they are."""

import pytest

from tools.mutation.changes import given, meaning, part

SOURCE = '''"""A module."""
LIMIT = 3


class Row:
    width: int = 4

    def fits(
        self, length: int,
        most: int = LIMIT,
    ) -> bool:
        if length == 0:
            return True
        return length < most


KEY = lambda row: row.width
'''


def changed(before: str, after: str) -> str:
    assert SOURCE.count(before) == 1
    return SOURCE.replace(before, after)


@pytest.mark.parametrize(
    ("before", "after", "name", "lines"),
    [
        ("LIMIT = 3", "LIMIT = 4", "", range(2, 3)),
        ("width: int = 4", "width: int = 5", "", range(6, 7)),
        ("most: int = LIMIT", "most: int = 0", "Row.fits", range(8, 15)),
        ("length == 0", "length != 0", "Row.fits", range(12, 13)),
        ("return True", "return False", "Row.fits", range(13, 14)),
        ("length < most", "length > most", "Row.fits", range(14, 15)),
        ("lambda row: row.width", "lambda row: -row.width", "", range(17, 18)),
    ],
)
def test_a_change_belongs_to_the_innermost_part(
    before: str, after: str, name: str, lines: range
) -> None:
    assert part(SOURCE, changed(before, after)) == (name, lines)


def test_what_is_taken_away_is_where_it_was() -> None:
    """RemoveDecorator leaves blanks, and the lines move up."""
    source = "def one():\n    pass\n\n\n@cache\ndef two():\n    pass\n"
    assert part(source, source.replace("@cache\n", "    ")) == ("two", range(5, 8))


def test_a_default_is_left_to_the_caller() -> None:
    assert given(SOURCE, changed("width: int = 4", "width: int = 3")) == changed("= 4", "= ...")
    assert given(SOURCE, changed("int = LIMIT", "int = 0")) == changed("int = LIMIT", "int = ...")
    assert given(SOURCE, changed("LIMIT = 3", "LIMIT = 4")) == ""
    assert given(SOURCE, changed("length == 0", "length == 1")) == ""


LABELS = 'DEFAULT_LABELS = prefixes(("::1/128", 0), ("fc00::/7", 6), ("::/0", 1))'
RANKS = 'DEFAULT_PRECEDENCE = prefixes(("::1/128", 50), ("::/96", 20), ("::/0", 40))'


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a == 'web'", "a is 'web'", True),
        ("a == 'web'", "a < 'web'", False),
        ("x: int = 1", "x: str = 1", True),
        ("x: int = 1", "x: int = 2", False),
        ("f'{a + 1}'", "f'{a - 1}'", True),
        ("a + 1", "a - 1", False),
        ("@dataclass(frozen=True)\nclass A: ...", "@dataclass(frozen=False)\nclass A: ...", True),
        ("@lru_cache(maxsize=64)\ndef f(a): ...", "@lru_cache(maxsize=63)\ndef f(a): ...", True),
        ("@cache\ndef f(a): ...", "def f(a): ...", True),
        ("@once\ndef f(a): ...", "def f(a): ...", False),
        ("kept = lru_cache(1 << 12)(f)", "kept = lru_cache(1 >> 12)(f)", True),
        ("kept = lru_cache(1 << 12)(f)", "kept = lru_cache(1 << 12)(g)", False),
        ("zip(a, b, strict=True)", "zip(a, b, strict=False)", True),
        ("zip(a, b, strict=True)", "zip(b, b, strict=True)", False),
        ("x = status is Status.ENODATA", "x = status <= Status.ENODATA", True),
        ("x = status is Status.ENODATA", "x = status > Status.ENODATA", False),
        # flags are bits that are apart
        ("X = AI_ALL + AI_PASSIVE", "X = AI_ALL | AI_PASSIVE", True),
        ("X = AI_ALL - AI_PASSIVE", "X = AI_ALL | AI_PASSIVE", False),
        ("X = AI_ALL | AI_A + AI_B ^ AI_C", "X = AI_ALL | AI_A | AI_B | AI_C", True),
        ("X = AI.ALL + AI.PASSIVE", "X = AI.ALL | AI.PASSIVE", True),
        ("X = AI.ALL - AI.PASSIVE", "X = AI.ALL | AI.PASSIVE", False),
        ("x = family == AF.INET", "x = family <= AF.INET", False),
        ("X = A + B", "X = A | B", False),
        # an address is of one version or the other
        ("X = one.version >= 6", "X = one.version == 6", True),
        ("X = one.version <= 6", "X = one.version == 6", False),
        # a label tells apart, and that of ::/0 also from a user's
        (LABELS, LABELS.replace("6", "7"), True),
        (LABELS, LABELS.replace("6", "0"), False),
        (LABELS, LABELS.replace("6", "1"), False),
        (LABELS, LABELS.replace(', 1)', ', 2)'), False),
        # a precedence ranks
        (RANKS, RANKS.replace("50", "49"), True),
        (RANKS, RANKS.replace("50", "40"), False),
        (RANKS, RANKS.replace("50", "30"), False),
        (RANKS, RANKS.replace("40", "41"), False),
    ],
)  # fmt: skip
def test_what_decides_nothing_is_no_change(one: str, other: str, same: bool) -> None:
    assert (meaning(one) == meaning(other)) is same


def test_each_change_is_made_once() -> None:
    pytest.importorskip("cosmic_ray")
    from tools.mutation.changes import changes

    found = [each for _, each in changes("def f(a):\n    return a == 1\n\n\nB: int = 2\n")]
    assert len(found) == len({*found})
    bodies = {each.splitlines()[1].strip() for each in found}
    compared = {f"return a {one} 1" for one in ("!=", "<", "<=", ">", ">=", "==")}
    assert bodies == compared | {"return a == 2", "return a == 0"}
    assert {each.splitlines()[4].split("=")[1].strip() for each in found} == {"1", "2", "3"}
    # one and the same, or not: no order
    assert {one.strip() for _, one in changes("A = b is c")} == {"A = b != c"}
