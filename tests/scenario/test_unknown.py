"""A look-up of a name that nobody knows is mistyped, unless the file says that it is meant."""

from pathlib import Path

import pytest

from harness.sandbox.namespaces import HOSTNAME
from harness.scenario.schema import Host
from tests.scenario.kit import loaded, refusal

TEXT = """name: x
host: {interfaces: {eth0: {addresses: [192.0.2.2/24]}}}
names: {web: [192.0.2.7], other.example: [192.0.2.8]}
lookups:
  - {name: web}
  - {@}
"""


@pytest.mark.parametrize(
    ("name", "perhaps"),
    [
        ("wbe", "; did you mean 'web'?"),
        ("other.exmple", "; did you mean 'other.example'?"),
        ("nothing-like-it", ""),
    ],
)
def test_a_mistyped_name_is_an_error_of_the_file(tmp_path: Path, name: str, perhaps: str) -> None:
    error = refusal(tmp_path, TEXT.replace("@", f"name: {name}"))
    assert (error.line, error.field) == (6, "lookups[1].name")
    assert str(error).endswith(
        "expected a name that names has, or expect: {error: EAI_NONAME} where nobody shall know"
        f" it{perhaps} (got '{name}')"
    )


@pytest.mark.parametrize("lookup", [
    "name: WEB", "name: web.", "name: 192.0.2.99", "name: '127.1'", "name: '2001:db8::9'",
    "name: fe80::1%eth0", "name: localhost", f"name: {HOSTNAME}", "name: '*', service: '80'",
    "service: '80'", "name: nobody.invalid", "name: wbe, expect: {error: EAI_NONAME}",
    "name: wbe, expect: [{error: EAI_NODATA, glibc: '<2.29'}, {error: EAI_NONAME}]",
])  # fmt: skip
def test_what_is_no_mistyped_name(tmp_path: Path, lookup: str) -> None:
    assert len(loaded(tmp_path, TEXT.replace("@", lookup)).scenario.lookups) == 2


def test_an_expected_order_says_nothing_of_an_unknown_name(tmp_path: Path) -> None:
    refusal(tmp_path, TEXT.replace("@", "name: wbe, expect: {order: [192.0.2.7]}"))


def test_every_service_of_the_name_service_counts(tmp_path: Path) -> None:
    service = "name_service: {hosts: files nss, files: [192.0.2.7 web www], nss: {db: [192.0.2.8]}}"
    text = TEXT.replace("names: {web: [192.0.2.7], other.example: [192.0.2.8]}", service)
    for known in ("www", "db"):
        loaded(tmp_path, text.replace("@", f"name: {known}"))
    # a service that the line does not ask knows nothing
    refusal(tmp_path, text.replace("files nss", "files").replace("@", "name: db"))
    error = str(refusal(tmp_path, text.replace("@", "name: wwww")))
    assert "a name that name_service has, or" in error
    assert "did you mean 'www'?" in error


def test_the_own_name_is_that_of_the_sandbox() -> None:
    assert Host().hostname == HOSTNAME
    assert Host(hostname="my_host").hostname == "my_host"  # as a compose project has them


def test_myhostname_has_names_that_no_list_has(tmp_path: Path) -> None:
    text = TEXT.replace(
        "names: {web: [192.0.2.7], other.example: [192.0.2.8]}",
        "name_service: {hosts: files myhostname, files: [192.0.2.7 web]}",
    )
    for known in ("sandbox", "a.localhost", "_gateway", "_OUTBOUND."):
        loaded(tmp_path, text.replace("@", f"name: {known}"))
    for unknown in ("_gatway", "x.sandbox", "gateway"):
        refusal(tmp_path, text.replace("@", f"name: {unknown}"))
