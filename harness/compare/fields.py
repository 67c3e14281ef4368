"""What fields of results hold: a field's type says in the JSON schema what a key means."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

Glibc: TypeAlias = Annotated[
    str,
    Field(
        pattern=r"^([0-9]+(\.[0-9]+)+)?$",
        description='as "2.36"; empty where a resolver with no glibc beneath it answered',
    ),
]
Arch: TypeAlias = Annotated[
    str, Field(pattern=r"^[a-z0-9-]+$", description="Debian's name: amd64, armhf")
]
RuleNumber: TypeAlias = Annotated[int, Field(ge=1, le=10, description="of RFC 3484")]
Count: TypeAlias = Annotated[int, Field(ge=0)]
Schema: TypeAlias = Annotated[Literal[1], Field(description="the version of this format")]
LaneKind: TypeAlias = Literal["cffi", "worker"]
Bits: TypeAlias = Annotated[int, Field(ge=0, le=128)]
Where: TypeAlias = Annotated[
    str, Field(description="a build in words that no other of the run has: 2.36:amd64 (bookworm)")
]
OwnName: TypeAlias = Annotated[
    str,
    Field(description="of the host's own name, that a kubelet asks another than glibc, else empty"),
]
Reason: TypeAlias = Annotated[str, Field(description="why the baseline accepts it")]


def in_words(error: str | None, order: tuple[str, ...]) -> str:
    """What a build gave, in words: an error, or the order."""
    return error or ", ".join(order) or "no address"
