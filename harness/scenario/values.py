"""The types a scenario is made of: the base model, plain values, and how each is parsed.

A parser gives the value in its normal form or raises what `bad` makes.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from ipaddress import (
    IPv4Interface,
    IPv4Network,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
)
from operator import eq, ge, gt, le, lt, ne
from typing import Annotated, Any, Literal, NoReturn, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, Strict
from pydantic import WithJsonSchema as JsonSchema

from harness.model.addresses import is_multicast
from harness.model.host import address_text
from harness.text.validation import bad
from harness.versions import Version

IPNetwork = IPv4Network | IPv6Network
IPInterface = IPv4Interface | IPv6Interface
Place = tuple[str | int, ...]
"""A path in the file, as `bad` takes it."""

IFNAMSIZ = 16  # linux/if.h, the closing NUL included: names and labels have 15 characters
TABLES = {"default": 253, "main": 254, "local": 255}  # linux/rtnetlink.h, rt_class_t
_FLAGS = (
    "AI_PASSIVE", "AI_CANONNAME", "AI_NUMERICHOST", "AI_V4MAPPED", "AI_ALL", "AI_ADDRCONFIG",
    "AI_IDN", "AI_CANONIDN", "AI_NUMERICSERV", "AI_IDN_ALLOW_UNASSIGNED",
    "AI_IDN_USE_STD3_ASCII_RULES",
)  # fmt: skip
_MARK = r"(0x[0-9a-fA-F]{1,8}|0|[1-9][0-9]{0,9})"
_COMPARISONS = {">=": ge, "<=": le, "==": eq, "!=": ne, "<": lt, ">": gt}
_CLAUSE = re.compile(r"(>=|<=|==|!=|<|>)\s*([0-9]{1,3}\.[0-9]{1,3})")

_K = TypeVar("_K")
_V = TypeVar("_V")


class Model(BaseModel, frozen=True, extra="forbid", populate_by_name=True):
    """Base of every part of a scenario: frozen, strict about unknown keys."""


class FrozenDict(dict[_K, _V]):
    """A dict that cannot be changed, so that a scenario is a value through and through."""

    def _refuse(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise TypeError("a scenario cannot be changed")

    __setitem__ = __delitem__ = _refuse
    clear = pop = popitem = setdefault = update = __ior__ = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)


@lru_cache(maxsize=1024)
def as_interface(text: str) -> IPInterface:
    """An address with its prefix length, which is parsed once however often it is asked for."""
    return ip_interface(text)


def _word(value: Any) -> Any:
    return str(int(value)) if isinstance(value, int) else value


def printable(text: str) -> str:
    """Refuse control characters, and what is no UTF-8."""
    if not text.isprintable():
        lone = any("\ud800" <= character <= "\udfff" for character in text)
        raise bad("text in UTF-8" if lone else "text without control characters", text)
    return text


def once(items: tuple[str, ...]) -> tuple[str, ...]:
    """``items``, each of which may occur once."""
    seen: set[str] = set()
    for position, item in enumerate(items):
        if item in seen:
            raise bad("each entry once", item, at=(position,))
        seen.add(item)
    return items


def listed(*kinds: type) -> Callable[[Any], Any]:
    """What makes a list of one value of these types."""
    return lambda value: (value,) if isinstance(value, kinds) else value


def one_or_many(key: str) -> Callable[[dict[str, Any]], None]:
    """What tells a JSON Schema that the list ``key`` may also be one entry of it."""

    def change(schema: dict[str, Any]) -> None:
        many = schema["properties"][key]
        schema["properties"][key] = {"anyOf": [many["items"], many], "default": many["default"]}

    return change


def plain_address(text: str) -> str:
    """An address without scope and prefix length, in its normal form."""
    if "%" in text:
        raise bad("an address without %scope", text)
    if "/" in text:
        raise bad("an address without a prefix length", text)
    try:
        return address_text(ip_address(text))
    except ValueError:
        raise bad("an IPv4 or IPv6 address, as 192.0.2.1 or 2001:db8::1", text) from None


def _answer_address(text: str) -> str:
    address, percent, scope = text.partition("%")
    if percent and (not scope or ":" not in address):
        raise bad("an address, an IPv6 one perhaps with %scope", text)
    return plain_address(address) + percent + scope


def _interface_address(text: str) -> str:
    if "%" in text:
        raise bad("an address without %scope: the interface it is listed under is its scope", text)
    head, slash, length = text.partition("/")
    try:
        address = ip_address(head)
    except ValueError:
        example = "172.18.45.2/24 or 2001:db8:1::2/64"
        raise bad(f"an address with its prefix length, as {example}", text) from None
    bits = address.max_prefixlen
    if slash and not (length.isascii() and length.isdecimal() and int(length) <= bits):
        raise bad(f"a prefix length from 0 to {bits}", text)
    if not int(address) or is_multicast(address):
        raise bad("a unicast address: an interface cannot have this one", text)
    return f"{address_text(address)}/{int(length) if slash else bits}"


def _destination(text: str) -> str:
    if text == "default":
        return text
    try:
        found = ip_interface(text)
        mask = text.partition("/")[2]
        if mask and not mask.isdecimal():
            raise ValueError(mask)
    except ValueError:
        raise bad('"default" or a prefix, as 10.0.0.0/8 or 2001:db8::/32', text) from None
    if found.ip != found.network.network_address:
        raise bad(f"a prefix without host bits; the network is {found.network}", text)
    return str(found.network)


def _prefix(text: str) -> str:
    if text == "default":
        raise bad("a prefix, as 10.0.0.0/8, 0.0.0.0/0 or 2001:db8::/32", text)
    return _destination(text)


def _table(value: object) -> object:
    if isinstance(value, str) and value in TABLES:
        return TABLES[value]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**32:
        raise bad("a routing table: local, main, default or a number from 1", value)
    return value


def _fwmark(text: str) -> str:
    found = re.fullmatch(f"{_MARK}(?:/{_MARK})?", text)
    if not found or any(part and int(part, 0) >= 2**32 for part in found.groups()):
        raise bad("a firewall mark, as 0x1, 51820 or 0x1/0xff", text)
    return text


def _flag(text: str) -> str:
    number = int(text, 0) if text[:1].isdigit() and re.fullmatch(_MARK, text) else 0
    if 0 < number < 1 << 31:
        return f"{number:#x}"
    name = f"AI_{text.upper().removeprefix('AI_')}"
    if name not in _FLAGS:
        raise bad(f"one of {', '.join(_FLAGS)}, or a number", text)
    return name


def specifier(text: str) -> str:
    """A glibc version specifier: clauses like ">=2.8", all of which must hold."""
    clauses = [_CLAUSE.fullmatch(part.strip()) for part in text.split(",")]
    if len(clauses) > 8 or not all(clauses):
        raise bad('glibc versions as ">=2.8", "<2.41", "==2.36" or ">=2.31,<2.41"', text)
    return ",".join(f"{clause[1]}{clause[2]}" for clause in clauses if clause)


@lru_cache(1 << 10)
def satisfies(version: str, spec: str) -> bool:
    """Whether a glibc version fits a specifier. Raises ValueError where either is none.

    Parameters: ``version`` as "2.36"; ``spec`` as ">=2.8,<2.41".
    """
    have = Version.parse(version).release
    return all(
        _COMPARISONS[sign](have, Version.parse(number).release)
        for sign, number in _CLAUSE.findall(specifier(spec))
    )


Text = Annotated[str, Strict()]
Whole = Annotated[int, Strict()]
Truth = Annotated[bool, Strict()]
Number = Annotated[Whole, Field(ge=0, lt=2**32)]
Word = Annotated[
    Text,
    BeforeValidator(lambda value: value if isinstance(value, bool) else _word(value)),
    AfterValidator(printable),
    JsonSchema({"type": ["string", "integer"]}),
]
"""A text that a file may give as a number."""
Setting = Annotated[
    Text,
    BeforeValidator(_word),
    Field(min_length=1, max_length=128),
    AfterValidator(printable),
    JsonSchema({"type": ["string", "integer", "boolean"]}),
]
"""The value of a sysctl, which a file may give as a number or a truth value."""
PlainAddress = Annotated[Text, AfterValidator(plain_address)]
"""An address as hosts files and DNS records carry one: no length and no scope."""
NamedAddress = Annotated[Text, AfterValidator(_answer_address)]
"""An address as an answer can have it: a %scope is allowed on IPv6."""
InterfaceAddress = Annotated[Text, AfterValidator(_interface_address)]
"""An address with its prefix length (/32 or /128 when absent)."""
Prefix = Annotated[Text, AfterValidator(_prefix)]
"""A prefix without host bits."""
Destination = Annotated[Text, AfterValidator(_destination)]
"""A prefix, or "default"."""
Table = Annotated[int, BeforeValidator(_table), JsonSchema({"type": ["integer", "string"]})]
"""The number of a routing table, which a file may give as local, main or default."""
FirewallMark = Annotated[Text, BeforeValidator(_word), AfterValidator(_fwmark)]
Flag = Annotated[
    Text,
    BeforeValidator(_word),
    AfterValidator(_flag),
    JsonSchema({"type": ["string", "integer"]}),
]
"""A flag of getaddrinfo(3), with AI_ in front whether the file has it or not, or a number."""
CInt = Annotated[Whole, Field(ge=-(2**31), lt=2**31)]
ErrorName = Literal[
    "EAI_BADFLAGS", "EAI_NONAME", "EAI_AGAIN", "EAI_FAIL", "EAI_NODATA", "EAI_FAMILY",
    "EAI_SOCKTYPE", "EAI_SERVICE", "EAI_ADDRFAMILY", "EAI_MEMORY", "EAI_SYSTEM", "EAI_OVERFLOW",
    "EAI_IDN_ENCODE", "SIGABRT",
]  # fmt: skip
Specifier = Annotated[Text, AfterValidator(specifier)]
