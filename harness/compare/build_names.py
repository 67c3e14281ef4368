"""A word for each glibc build, by which a reader tells those of one version apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.compare.evidence import LaneSpec
    from harness.glibcs import Build

_FOLDER = "directory "


def label(build: Build) -> str:
    """The name it was added by, "host", the distribution's suite, or its folder's whole path."""
    if build.name is not None:
        return build.name
    if build.origin.startswith(_FOLDER):
        return build.origin.removeprefix(_FOLDER)
    words = build.origin.split()
    return words[1] if len(words) > 1 else build.origin


def shortened(specs: Sequence[LaneSpec]) -> tuple[LaneSpec, ...]:
    """The lanes with labels as short as tells their builds apart.

    Of a folder's path the last part is kept, or as many more as it takes. Where an added
    build has the name of a suite, both get their whole origin.
    """
    labels = {_key(spec): spec.label for spec in specs}
    folders = {PurePath(text) for text in labels.values() if text.startswith("/")}
    short = {str(folder): _tail(folder, folders) for folder in folders}
    labels = {key: short.get(text, text) for key, text in labels.items()}
    often = Counter((key[:2], text) for key, text in labels.items())
    found = []
    for spec in specs:
        key = _key(spec)
        text = labels[key]
        alone = often[key[:2], text] == 1
        found.append(replace(spec, label=text if alone else f"{text}, {spec.build}"))
    return tuple(found)


def _key(spec: LaneSpec) -> tuple[str, str, str, str]:
    return spec.glibc, spec.arch, spec.build, spec.label


def _tail(folder: PurePath, among: Collection[PurePath]) -> str:
    """The shortest end of a path that no other one has."""
    for count in range(1, len(folder.parts)):
        if sum(other.parts[-count:] == folder.parts[-count:] for other in among) == 1:
            return str(PurePath(*folder.parts[-count:]))
    return str(folder)
