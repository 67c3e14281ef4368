"""The built-in library and the gai.conf catalogue: complete, consistent, well described."""

import json
import pickle

import jsonschema
import pytest
import yaml

from harness.scenario import LoadedScenario, gai_conf_files, json_schema, library, load
from harness.text.strict_yaml import parse
from tests.conftest import Call

PATHS = library()


@pytest.fixture(scope="module")
def loaded() -> list[LoadedScenario]:
    return [load(path) for path in PATHS]


def test_libyaml_reads_every_file_as_pyyaml_does() -> None:
    for path in PATHS:
        pure, fast = (parse(path.name, path.read_bytes(), "", libyaml=on) for on in (False, True))
        assert pure == fast, path


def test_every_file_says_what_it_shows(loaded: list[LoadedScenario]) -> None:
    for path, item in zip(PATHS, loaded, strict=True):
        assert item.scenario.name == path.stem
        assert len(item.scenario.description) > 50, path


def test_names_are_unique_and_every_rule_and_fact_has_its_own(loaded: list[LoadedScenario]) -> None:
    names = [item.scenario.name for item in loaded]
    assert len(set(names)) == len(names) >= 60
    assert sorted(PATHS) == PATHS
    deciding = {
        (item.scenario.name.partition("-")[0], expect.decided_by)
        for item in loaded
        for look in item.scenario.lookups
        for expect in look.expect
    }
    assert {(f"rule{rule}", rule) for rule in range(1, 11)} <= deciding
    for n, last in ((1, 8), (3, 5), (4, 3)):
        for m in range(1, last + 1):
            assert any(name.startswith(f"fact-{n}.{m}-") for name in names), (n, m)


def test_at_most_one_expectation_holds_for_a_version(loaded: list[LoadedScenario]) -> None:
    asked = 0
    for item in loaded:
        for look in item.scenario.lookups:
            asked += any(expect.matches("2.36") for expect in look.expect)
            for version in ("2.7", "2.16", "2.18", "2.31", "2.40", "2.41", "2.44"):
                for arch in ("amd64", "armhf"):
                    holding = [e for e in look.expect if e.matches(version, arch)]
                    assert len(holding) <= 1, item.scenario.name
    assert asked >= 100


def test_scenarios_are_values(loaded: list[LoadedScenario]) -> None:
    for item in loaded:
        assert pickle.loads(pickle.dumps(item)) == item
        hash(item)


def test_the_json_schema_that_the_command_prints_accepts_the_library(call: Call) -> None:
    schema = json.loads(call("schema").out)
    assert schema == json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for path in PATHS:
        validator.validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    wrong = {"name": "x", "host": {"interfaces": {"eth0": {"kind": "wifi"}}}, "lookups": [{}]}
    assert not validator.is_valid(wrong)
    assert not validator.is_valid({"name": "x", "host": {}, "lookups": [], "extra": 1})


def test_every_key_of_the_schema_says_what_it_means() -> None:
    schema = json_schema()  # refuses a key without a text, and a text without a key
    forms = [schema, *schema["$defs"].values()]
    forms += [form for definition in forms for form in definition.get("anyOf", ())]
    texts = [key["description"] for form in forms for key in form.get("properties", {}).values()]
    assert len(texts) > 60
    for text in texts:
        assert text.endswith("."), text
        assert "  " not in text, text


def test_the_catalogue_says_what_each_file_is_for() -> None:
    files = gai_conf_files()
    assert list(files) == sorted(files)
    assert len(files) >= 9
    for name, path in files.items():
        lines = path.read_text(encoding="ascii").splitlines()
        assert lines[0].startswith("# What it is for: "), name
        assert any(line.startswith("# What it changes: ") for line in lines), name
        changes = [line for line in lines if line.startswith("# changes: ")]
        assert len(changes) == 1, name
        keywords = {line.split()[0] for line in lines if line and not line.startswith("#")}
        declared = set(changes[0].removeprefix("# changes: ").split(", ")) - {"nothing"}
        assert declared <= keywords, name
        assert max(map(len, lines)) <= 100


def test_every_file_of_the_catalogue_is_used(loaded: list[LoadedScenario]) -> None:
    assert set(gai_conf_files()) <= {item.gai_conf_name for item in loaded}
