"""Random gai.conf files: valid, nearly valid and hostile ones."""

from collections.abc import Callable
from ipaddress import ip_network

from . import weights
from .weights import Dice

_TABLE = "::1/128", "::/0", "2002::/16", "::/96", "::ffff:0:0/96"
_LABELS = (*_TABLE, "fec0::/10", "fc00::/7", "2001::/32")
_SCOPES = "169.254.0.0/16", "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "0.0.0.0/0"
_HUGE = {"blanks": " " * 40_000, "zeros": "0" * 40_000, "word": "x" * 40_000}


def draw_gai_conf(dice: Dice, destinations: list[str]) -> bytes | None:
    """A gai.conf about ``destinations`` in UTF-8, or None for no file at all."""
    plain = [text.partition("%")[0] for text in destinations]
    kind = dice.pick(weights.FILES)
    if kind in ("none", "empty"):
        return b"" if kind == "empty" else None
    if kind == "hostile":
        text = _hostile(dice, plain)
    else:
        text = "".join(f"{line}\n" for line in _KINDS[kind](dice, plain))
    if dice.chance(weights.NO_NEWLINE):
        text = text.rstrip("\n")
    return text.encode()


def with_reload(dice: Dice, data: bytes | None) -> bytes | None:
    """A file that a process goes on with, most often with a wish to be read again."""
    line = dice.pick(weights.RELOADS)
    return data if data is None or line is None else b"%s\n%s" % (line.encode(), data)


def _lines(dice: Dice, plain: list[str], low: int, high: int) -> list[str]:
    return [_line(dice, plain) for _ in range(dice.randint(low, high))]


def _line(dice: Dice, plain: list[str]) -> str:
    keyword = dice.pick(weights.KEYWORDS)
    return f"{keyword} {_prefix(dice, plain, keyword)} {dice.pick(weights.VALUES)}"


def _prefix(dice: Dice, plain: list[str], keyword: str, host_bits: bool = False) -> str:
    prefix = dice.pick(weights.PREFIXES4 if keyword == "scopev4" else weights.PREFIXES6)
    if prefix != "own" and not host_bits:
        return prefix
    if keyword == "scopev4":
        address = dice.one([text for text in plain if ":" not in text] or ["10.1.2.3"])
        length = dice.randint(0, 32)
        if dice.chance(0.3):
            address, length = f"::ffff:{address}", length + 96
    else:
        address = dice.one(plain)
        mapped = ":" not in address
        length = dice.randint(96 if mapped else 0, 128)
        address = f"::ffff:{address}" if mapped else address
    text = f"{address}/{length}"
    return text if host_bits else str(ip_network(text, strict=False))


def _tie(dice: Dice, plain: list[str]) -> list[str]:
    """Families that tie up to rule 8, which makes the comparison intransitive."""
    value = dice.pick(weights.VALUES)
    lines = [f"precedence ::/0 {value}"]
    if dice.chance(0.5):
        lines.append(f"precedence ::ffff:0:0/96 {value}")
    if dice.chance(0.7):
        lines.append("label ::/0 1")
    if dice.chance(0.6):
        lines.append(f"scopev4 0.0.0.0/0 {dice.one(('14', '14', '2', '5'))}")
    if dice.chance(0.3):
        lines.append(_line(dice, plain))
    return dice.shuffled(lines)


def _whole(dice: Dice, plain: list[str]) -> list[str]:
    """Whole tables, as people copy them, with changed values and one line more or less."""
    lines = [f"precedence {prefix} {dice.pick(weights.VALUES)}" for prefix in _TABLE]
    if dice.chance(0.6):
        lines += [f"label {prefix} {dice.randint(0, 7)}" for prefix in _LABELS]
    if dice.chance(0.5):
        lines += [f"scopev4 {prefix} {dice.one(('2', '5', '14'))}" for prefix in _SCOPES]
    return dice.shuffled(lines)[dice.randint(0, 2) :] + _lines(dice, plain, 0, 2)


def _odd(dice: Dice, plain: list[str]) -> str:
    keyword = dice.pick(weights.KEYWORDS)
    prefix = _prefix(dice, plain, keyword)
    words = {"keyword": keyword, "prefix": prefix, "value": dice.pick(weights.VALUES)}
    words["address"] = prefix.partition("/")[0]
    form = dice.pick(weights.ODDITIES)
    for name, most in (("short", 95), ("number", 99)):
        if f"{{{name}}}" in form:
            words[name] = str(dice.randint(0, most))
    if "{host_bits}" in form:
        words["host_bits"] = _prefix(dice, plain, keyword, host_bits=True)
    words |= {
        name: dice.pick(odds) for name, odds in weights.WORDS.items() if f"{{{name}}}" in form
    }
    return form.format_map(words)


def _hostile(dice: Dice, plain: list[str]) -> str:
    text = "".join(f"{line}\n" for line in _lines(dice, plain, 1, 4))
    line = _line(dice, plain)
    keyword, prefix, value = line.split(" ")
    form = dice.pick(weights.HOSTILITIES)
    if form == "nul":  # in the middle of the value, at its end, or anywhere
        at = dice.one((len(line) - 1, len(line), len(line), dice.randint(0, len(line))))
        return f"{text}{line[:at]}\0{line[at:]}\n{_line(dice, plain)}\n"
    if form == "carriage-returns":
        return f"{text}{line}\n".replace("\n", "\r\n")
    if form == "many-lines":
        return text + f"{line}\n" * 400
    return text + form.format(keyword=keyword, prefix=prefix, value=value, line=line, **_HUGE)


_KINDS: dict[str, Callable[[Dice, list[str]], list[str]]] = {
    "tie": _tie,
    "few": lambda dice, plain: _lines(dice, plain, 1, 6),
    "whole": _whole,
    "nearly-valid": lambda dice, plain: dice.shuffled(
        _lines(dice, plain, 0, 4) + [_odd(dice, plain) for _ in range(dice.randint(1, 3))]
    ),
}
