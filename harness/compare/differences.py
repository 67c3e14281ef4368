"""A look-up that builds answer differently: between versions, architectures or two builds."""

from dataclasses import KW_ONLY, dataclass, field
from typing import Annotated

from pydantic import Field, computed_field

from harness.compare.fields import Glibc, Reason, RuleNumber, Where, in_words

_UNKNOWN = "no single dialect row explains it"
_BUILT = (
    "both are of one version, so a patch or the way they were built is the reason "
    "(gai-harness glibc probe BUILD says which rows each follows)"
)


@dataclass(frozen=True, slots=True)
class Change:
    """One look-up under one gai.conf that builds answer differently.

    ``why`` names the rows of the dialect table that explain it. ``sides`` are what is compared,
    in words, each with its order, or its error alone.
    """

    _: KW_ONLY
    scenario: str = ""
    lookup: str = ""
    gai_conf: str = ""
    why: Annotated[tuple[str, ...], Field(description="empty where no reason is known")] = ()
    sides: Annotated[tuple[tuple[str, tuple[str, ...]], ...], Field(exclude=True)] = field(
        default=(), compare=False
    )

    @property
    def because(self) -> str:
        """The reasons in one line."""
        return "; ".join(self.why) or _UNKNOWN

    @property
    def between(self) -> str:
        """What is compared, in words."""
        return " ≠ ".join(name for name, _ in self.sides)

    @property
    def short(self) -> str:
        """The difference in a few words."""
        return f"differs {self.between}"

    @property
    def headline(self) -> str:
        """The difference in a line, with its reasons."""
        return f"{self.between}: {self.because}"

    @property
    def failed(self) -> bool:
        """True when this change alone makes the run end with status 1."""
        return False


@dataclass(frozen=True, slots=True)
class VersionChange(Change):
    """Two neighbouring versions that answer differently."""

    older: Glibc
    newer: Glibc
    older_label: Annotated[str, Field(description="where builds of one version differ")] = ""
    newer_label: str = ""
    archs: Annotated[tuple[str, ...], Field(description="where the run has several")] = ()

    @property
    def names(self) -> tuple[str, str]:
        """The two builds in words: "2.36", "2.41 (trixie)"."""
        builds = ((self.older, self.older_label), (self.newer, self.newer_label))
        older, newer = (f"{glibc} ({label})" if label else glibc for glibc, label in builds)
        return older, newer

    @property
    def because(self) -> str:
        """The reasons in one line; rows tell versions apart, and no two builds of one."""
        return "; ".join(self.why) or (_BUILT if self.older == self.newer else _UNKNOWN)

    @property
    def between(self) -> str:
        """Both in words: "2.36 → 2.41", "2.41 (trixie) → 2.41 (mine) on armhf"."""
        return " → ".join(self.names) + (f" on {', '.join(self.archs)}" if self.archs else "")

    @property
    def headline(self) -> str:
        """The difference in a line, with its reasons."""
        return f"{self.between} differs: {self.because}"


@dataclass(frozen=True, slots=True)
class ArchitectureChange(Change):
    """Architectures on which the same versions answer differently; each side answers alike."""

    glibc: tuple[Glibc, ...]
    one: tuple[str, ...]
    other: tuple[str, ...]

    @property
    def between(self) -> str:
        """Both sides in words: "2.31, 2.36: amd64, i386 ≠ s390x"."""
        return f"{', '.join(self.glibc)}: {', '.join(self.one)} ≠ {', '.join(self.other)}"

    @property
    def short(self) -> str:
        """The difference in a few words."""
        return f"differs on {', '.join(self.other)}"


@dataclass(frozen=True, slots=True)
class Side:
    """What one of two builds gave for one look-up: its order or error, and the reason for it.

    ``rule`` decided between the two addresses at the first difference, in ``why``'s words.
    """

    where: Where
    order: Annotated[tuple[str, ...], Field(description="each address once")]
    error: str | None
    rule: Annotated[
        RuleNumber | None,
        Field(description="that decided; null where none did, or the model does not explain it"),
    ]
    why: str
    agreed: Annotated[bool, Field(description="the model says the same of this build")] = True

    @property
    def answer(self) -> str:
        """The order or error, in words."""
        return in_words(self.error, self.order)

    @property
    def decided(self) -> str:
        """What put the first differing addresses in order, in words."""
        if not self.agreed:
            return "unexplained by the model"
        return f"rule {self.rule}" if self.rule else "the order found"


@dataclass(frozen=True, slots=True)
class BuildChange(Change):
    """A look-up that another build answers otherwise than the one it is held against."""

    old: Side
    new: Side
    undefined: Annotated[bool, Field(description="chance may have decided: no finding")] = False
    accepted: bool = False
    reason: Reason = ""

    @computed_field(description="that decided: before → after, in words")  # type: ignore[prop-decorator]
    @property
    def rules(self) -> str:
        """The rules that decided: before → after, in words."""
        old, new = self.old, self.new
        if self.undefined:
            return "no defined effect of gai.conf"
        if old.error or new.error:
            return f"{old.error or 'an order'} → {new.error or 'an order'}"
        if {*old.order} != {*new.order}:
            known = old.agreed and new.agreed
            return "other addresses found" + ("" if known else ", unexplained by the model")
        return f"{old.decided} → {new.decided}"

    @property
    def failed(self) -> bool:
        """True when this change alone makes the run end with status 1."""
        return not self.undefined and not self.accepted

    @property
    def between(self) -> str:
        """Both builds in words."""
        return f"{self.new.where} against {self.old.where}"

    @property
    def headline(self) -> str:
        """The difference in a line."""
        return f"{self.new.where} differs from {self.old.where}: {self.rules}"

    short = headline
