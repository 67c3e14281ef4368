"""What is written is read back, whatever is in it; and each fault is told with its place."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from harness.text.errors import InputError
from harness.text.strict_yaml import document, parse

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
    | st.sampled_from(
        ["no", "1e3", "0777", "1:20", "::", "a: b", "- a", "#", "a\nb\n", "~", "=", "2.4"]
    )
    | st.text("ab #:-\n", max_size=20).map(lambda text: f"{text}\n")
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(SCALARS.filter(lambda key: isinstance(key, str)), inner, max_size=4)
    ),
    max_leaves=20,
)
DOCUMENTS = st.dictionaries(st.text("abc.-", min_size=1), VALUES, min_size=1, max_size=5)


@given(DOCUMENTS, st.booleans(), st.text(max_size=30))
def test_what_is_written_is_read_back(data: object, rows: bool, comment: str) -> None:
    assert isinstance(data, dict)
    text = document(data, [comment], rows=rows)
    written = text.encode("utf-8", "surrogatepass")
    for libyaml in (False, True):
        assert parse("f", written, "keys", libyaml=libyaml).value == data
    assert yaml.safe_load(text) == data


@pytest.mark.parametrize("libyaml", [False, True])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\nc: 3\n", "f:3: document: expected at most 5 values, aliases included"),
        ("a: &x [1]\nb: *x\n", "f:2: document: expected at most 5 values, aliases included"),
        ("a: [\n", "expected valid YAML"),
        ("a: \x01\n", "f:1: document: expected text without control characters"),
        ("a: 1\na: 2\n", "f:2: a: expected each key once (got again; first on line 1)"),
    ],
)
def test_a_fault_has_its_place_whoever_reads(text: str, said: str, libyaml: bool) -> None:
    with pytest.raises(InputError) as caught:
        parse("f", text.encode(), "keys", values=5, libyaml=libyaml)
    assert said in str(caught.value)
