from __future__ import annotations

import pytest

from harness.glibcs import GlibcError, GlibcVersion


def test_versions_are_ordered_by_their_numbers() -> None:
    ascending = ["2.2.5", "2.9", "2.17", "2.31", "2.42", "2.42.9000", "2.43", "3.0"]
    turned = ascending[3:] + ascending[:3]
    assert sorted(turned, key=GlibcVersion.parse) == ascending
    assert GlibcVersion.parse("2.9") < GlibcVersion.parse("2.31") <= GlibcVersion.parse("2.31")
    assert str(GlibcVersion.parse("2.42.9000")) == "2.42.9000"


@pytest.mark.parametrize("text", ["", "2", "2.", ".2", "2.36-9", "2.36 ", "v2.36", "2.36\n"])
def test_malformed_versions_are_refused(text: str) -> None:
    with pytest.raises(GlibcError, match="is not a glibc version"):
        GlibcVersion.parse(text)
