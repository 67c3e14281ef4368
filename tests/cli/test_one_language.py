"""The same word does the same on every command, and the listings say what there is."""

import json
import shlex
import socket
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from harness.cli.options import OPTIONS, declare
from harness.compare.plan import load_suite
from harness.glibcs.build import GlibcUnavailable
from harness.glibcs.catalog import host_distribution
from harness.report.documents import json_schema
from harness.scenario import library
from harness.scenario.suites import SHOWN, suites
from harness.text.shown import Shown
from tests.conftest import Call
from tests.processes import called
from tests.pytest_plugin.kit import OTHER_VERSION

SCENARIO = """\
host: {interfaces: {eth0: {addresses: [192.0.2.2/24]}}}
names: {web: [192.0.2.9, 192.0.2.3]}
lookups: [{name: web}]
"""
LISTING = ("run", "--list", "--suite", "smoke")
NEEDED = {
    "lint": ["a.conf"],
    "glibc add": ["a"],
    "glibc probe": ["host"],
    "glibc remove": ["a"],
    "suggest": ["web", "--want", "10.0.0.1"],
}


def parsed(command: str, words: Sequence[str]) -> dict[str, object]:
    parser = ArgumentParser()
    declare(parser, command)
    return vars(parser.parse_args([*NEEDED.get(command, ()), *words]))


@pytest.mark.parametrize("command", sorted({*OPTIONS} - {"glibc", "completion"}))
def test_both_words_for_json(command: str) -> None:
    found = parsed(command, ["--json"])
    assert found == parsed(command, ["--format", "json"])
    plain = parsed(command, [])
    assert plain == parsed(command, ["--format", "text"]) != found


SAME = [
    ["explain s.yaml --pair A B", "explain s.yaml --pair A,B", "explain --pair A, B s.yaml",
     "explain s.yaml web --pair A B", "explain s.yaml --pair 'A B'",
     "explain s.yaml --lookup web --pair=A,B"],
    ["suggest s.yaml --want A B", "suggest --scenario s.yaml --want A,B",
     "suggest --want A B s.yaml web", "suggest s.yaml --want 'A  B'",
     "suggest s.yaml --want A --want B --lookup 1"],
    ["kubelet s.yaml", "kubelet --scenario s.yaml", "kubelet s.yaml web",
     "kubelet --snapshot s.yaml --node-name web"],
    ["whatif s.yaml --gai-conf none", "whatif --scenario s.yaml --gai-conf none",
     "whatif --snapshot s.yaml --gai-conf none", "whatif s.yaml web --gai-conf none"],
    ["explain seed-rule9-ipv4-only own", "explain seed-rule9-ipv4-only --lookup 2"],
    ["lint prefer-ipv4-one-liner.conf --json", "lint prefer-ipv4-one-liner.conf --format json"],
    ["explain s.yaml web --gai-conf none", "explain s.yaml --gai-conf none web"],
    ["explain t.yaml --lookup web s.yaml", "explain t.yaml s.yaml --lookup=web"],
    ["run s.yaml t.yaml -qj 2", "run s.yaml -qj 2 t.yaml", "run s.yaml -q -j2 -- t.yaml"],
    ["lint a,b.conf --json prefer-ipv4.conf", "lint --json -- a,b.conf prefer-ipv4.conf"],
    ["suggest s.yaml --want B -o F web", "suggest s.yaml web -o F --want B"],
    ["run s.yaml --gai-conf none,a,b.conf", "run --gai-conf none --gai-conf a s.yaml"
     " --gai-conf b.conf"],
    ["run s.yaml --gai-conf a,b.conf", "run s.yaml --gai-conf ./a,b.conf"],
    ["run --list --suite smoke,findings", "run --suite smoke --list --suite findings"],
    ["kubelet s.yaml --node-ip A ::1", "kubelet s.yaml --node-ip A,::1",
     "kubelet --node-ip A s.yaml --node-ip ::1"],
    ["help run", "run --help", "help run --list"],
    ["help glibc fetch", "glibc fetch --help"],
    ["help", "--help", ""],
    ["schema", "schema --of scenario"],
]  # fmt: skip
"""Lines that say the same; A and B are the addresses of s.yaml, the nearer one first."""


@pytest.mark.parametrize("lines", SAME, ids=lambda lines: lines[0])
def test_lines_that_say_the_same(lines: list[str], here: Path, call: Call) -> None:
    near, far = "192.0.2.3", "192.0.2.9"
    named = (line.replace("A", near).replace("B", far) for line in lines)
    said = [call(*shlex.split(line)) for line in named]
    assert said[0].out
    assert said == said[:1] * len(lines)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the scenarios s.yaml and t.yaml and some gai.conf, in which the test is."""
    monkeypatch.chdir(tmp_path)
    for name in "st":
        (tmp_path / f"{name}.yaml").write_text(f"name: {name}\n{SCENARIO}")
    for name in ("a", "b.conf", "a,b.conf"):
        (tmp_path / name).write_text("precedence ::/0 40\n" * len(name))
    return tmp_path


def test_several_gai_confs_are_tried_one_after_the_other(here: Path, call: Call) -> None:
    words = ("whatif", "s.yaml", "--gai-conf", "none", "--gai-conf", "rfc3484.conf", "--json")
    changes = json.loads(call(*words).out)["changes"]
    assert [one["after"] for one in changes] == ["none", "rfc3484.conf"]


@pytest.mark.parametrize("words", [[], ["--json"], ["--redact"]], ids=str)
def test_a_scenario_is_written_anew(here: Path, words: list[str], call: Call) -> None:
    (here / "a.conf").write_text("precedence ::ffff:192.0.2.9/128 100\n")
    (here / "s.yaml").write_text(f"name: s\ngai_conf: {{file: a.conf}}\n{SCENARIO}")
    (here / "anew").mkdir()
    assert call("snapshot", "s.yaml", "-o", "anew/s.yaml", *words).status == 0
    ran = [
        json.loads(call("run", f, "--json").out)["results"][0] for f in ("s.yaml", "anew/s.yaml")
    ]
    first, anew = ([each["rule"] for each in one["decisions"]] for one in ran)
    assert first == anew == [6]
    assert ran[0]["native"] == ran[1]["native"] or "--redact" in words
    assert ("web" in (here / "anew/s.yaml").read_text()) == ("--redact" not in words)


NEED_BUILDS = {
    "run": "s.yaml", "explain": "s.yaml", "whatif": "s.yaml --set label", "fuzz": "--cases 1",
    "suggest": "s.yaml --want 192.0.2.3", "kubelet": "s.yaml", "bench": "--quick",
}  # fmt: skip


@pytest.mark.parametrize("command", NEED_BUILDS)
def test_all_builds_that_are_missing_are_named_and_fetched(
    command: str, here: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAI_HARNESS_CACHE", str(here / "cache"))
    try:
        known = [one.glibc for one in host_distribution().suites]
    except GlibcUnavailable:
        pytest.skip("no glibc packages are known for this distribution")
    words = [f"{known[0]}:s390x", f"{known[-1]}:s390x"]
    line = [command, *NEED_BUILDS[command].split(), "--glibc", f"host,{words[0]}"]
    line += ["--against", words[1]] if command == "run" else ["--glibc", words[1]]
    done = call(*line)
    command_line = f"gai-harness glibc fetch {' '.join(words)} (or this line with --fetch)"
    reason = f"not on this host: glibc {', '.join(words)}"
    assert (done.status, done.out) == (3, "")
    assert done.err == f"gai-harness {command}: {reason}; {command_line}\n"
    asked: list[str] = []

    def none(name: str, *_: object) -> None:
        asked.append(name)
        raise GlibcUnavailable("not here", "nothing")

    monkeypatch.setattr("harness.glibcs.fetch", none)
    assert call(*line, "--fetch").status == 3
    assert asked == words


def test_what_can_be_fetched_and_what_cannot_are_named_in_one_line(
    here: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAI_HARNESS_CACHE", str(here / "cache"))
    try:
        oldest = host_distribution().suites[0].glibc
    except GlibcUnavailable:
        pytest.skip("no glibc packages are known for this distribution")
    foreign = f"{oldest}:s390x"
    done = call("run", "--glibc", f"1.98,{foreign},1.99")
    assert done.status == 3
    assert done.err.startswith(
        f"gai-harness run: not on this host: glibc 1.98, {foreign}, 1.99; for 1.98, 1.99: "
    )
    for way in ("docker://", "FILE.deb", "FILE.rpm", "gai-harness glibc add DIR"):
        assert way in done.err
    assert done.err.endswith(f"; gai-harness glibc fetch {foreign} (or this line with --fetch)\n")
    resolvers = call("run", "--glibc", f"1.98,{foreign}", "--resolver", "glibc,musl,c-ares").err
    assert f"not on this host: glibc 1.98, {foreign}, musl, c-ares; for 1.98: " in resolvers
    assert resolvers.endswith(f"fetch {foreign} musl c-ares (or this line with --fetch)\n")
    none = call("run", "--glibc", "1.98,1.99")
    assert "--fetch" not in none.err
    assert "glibc 1.98, 1.99; for 1.98, 1.99: " in none.err
    probed = call("glibc", "probe", foreign)
    assert probed.err.endswith(f"glibc fetch {foreign} (or this line with --fetch)\n")


@pytest.mark.parametrize("command", ["run", "explain", "whatif", "suggest", "kubelet", "fuzz"])
def test_a_build_newer_than_the_model_is_said_so_once(
    command: str, here: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.model.dialects.NEWEST", "2.9")
    out = call(command, *NEED_BUILDS[command].split()).out
    assert out.count("the model knows glibc up to") == 1


def test_fetch_all_is_fetch_dash_dash_all(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def none(name: str, *_: object) -> None:
        asked.append(name)
        raise GlibcUnavailable("not here", "nothing")

    monkeypatch.setattr("harness.glibcs.fetch", none)
    call("glibc", "fetch", "all")
    words, asked = asked, []
    call("glibc", "fetch", "--all")
    assert words == asked
    assert len(words) > 1


def test_scenarios_and_suites_are_listed(call: Call) -> None:
    lines = call("run", "--list").out.splitlines()
    assert lines[0].split() == ["SCENARIO", "SHOWS"]
    named = [line.split()[0] for line in lines if line and not line.startswith("SUITE")]
    assert named[1 : 1 + len(library())] == [path.stem for path in library()]
    assert named[-1 - len(SHOWN) : -1] == list(SHOWN)
    listed = [json.loads(call(*words, "--json").out) for words in (LISTING, ("glibc", "list"))]
    for name, each in zip(("list", "builds"), listed, strict=True):
        Draft202012Validator(json_schema(name)).validate(each)
    found = listed[0]
    assert [one["name"] for one in found["scenarios"]] == [
        one.scenario.name for one in load_suite("smoke")
    ]
    assert all(one["description"] for one in found["scenarios"])
    assert {*SHOWN} == {*suites()}


def test_many_scenarios_on_a_terminal_are_a_line_each(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(f"name: {name}\n{SCENARIO}")
    piped = call("run", tmp_path).out
    assert piped.count("    glibc ") == 2
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(Shown, "isatty", lambda _: True, raising=False)
    lines = call("run", tmp_path).out.splitlines()
    assert lines[:2] == ["one: 1 as expected", "two: 1 as expected"]
    assert lines[-1].endswith("gai-harness run -v")
    # the same text, wrapped
    assert call("run", "-v", tmp_path).out.split() == piped.split()
    # what is named one by one is shown
    one_by_one = call("run", tmp_path / "one.yaml", tmp_path / "two.yaml").out
    assert one_by_one.split() == piped.split()


# --- a person's own file or name

SEED = "seed-rule9-dual-stack"


@pytest.mark.bare
def test_a_file_that_kills_the_process_is_a_finding(
    tmp_path: Path, fetch_glibcs: Callable[..., str]
) -> None:
    """Also where the model foresees it; the library, which is full of such files, stays right."""
    fetch_glibcs("2.36")
    file = tmp_path / "own.conf"
    file.write_text("scopev4 10.0.0.0 5\n")
    old = ("--glibc", "2.36")
    explained = called("explain", SEED, "--gai-conf", file, *old, "--json")
    found = json.loads(explained.out)["explanations"]
    # undefined: whether a process dies of it is chance, that web's does is as good as certain
    assert {(one["error"], one["predicted"]) for one in found} >= {("SIGSEGV", True)}
    assert not any(one["error"] and not one["predicted"] for one in found)
    assert explained.status == 1
    assert called("whatif", SEED, "--gai-conf", file, *old).status == 1
    # a new file that no process dies of is no finding, whatever the old one did
    mended = ("fact-3.4-no-length-scopev4", "--gai-conf", "none", *old)
    assert called("whatif", *mended).status == 0
    assert called("run", "fact-3.4-no-length-scopev4", *old).status == 0


def test_a_name_that_nobody_knows_is_a_finding(call: Call) -> None:
    said = "'zzz.invalid': the name "
    done = call("whatif", "zzz.invalid", "--set", "precedence ::ffff:0:0/96 100")
    assert done.status == 1
    assert said in done.err
    assert done.out.startswith("this host: own → own with 1 line in front\n")
    done = call("kubelet", "zzz.invalid")
    called = f"this host is called '{socket.gethostname()}'\n"
    assert (done.status, done.err.endswith(f"{said}was not found; {called}")) == (1, True)
    assert "is called" not in call("kubelet", "--scenario", "kubelet-default-route").err
    assert "is called" not in call("kubelet", "localhost").err


@pytest.mark.parametrize(("flag", "family"), [("-4", "inet"), ("-6", "inet6")])
def test_a_family_as_other_programs_write_it(flag: str, family: str) -> None:
    done = called("explain", "localhost", flag, "--json")
    (found,) = json.loads(done.out)["explanations"]
    assert found["lookup"] == f"localhost {family}"


def test_the_four_questions_of_getent_stand_side_by_side() -> None:
    """Whatever this host has: getent and the model say the same, and hosts has no model."""
    done = called("explain", "localhost", "--as", "getent", "--json")
    assert done.status == 0, done
    found = json.loads(done.out)
    hosts, *others = found["getent"]
    assert (hosts["command"], hosts["model"]) == ("getent hosts localhost", None)
    assert hosts["addresses"]
    assert [one["command"] for one in others] == [
        f"getent ahosts{family} localhost" for family in ("", "v4", "v6")
    ]
    for one, explained in zip(others, found["explanations"], strict=True):
        assert one["addresses"] == one["model"]
        assert set(explained["native"]) == set(one["addresses"])
    shown = called("explain", "localhost", "--as", "getent").out
    assert f"  getent hosts localhost     {', '.join(hosts['addresses'])} (IPv6 alone" in shown
    assert shown.count("(as the model)") == 3


@pytest.mark.bare
def test_builds_and_lookups_given_twice_add_up(
    call: Call, fetch_glibcs: Callable[..., str]
) -> None:
    fetch_glibcs(OTHER_VERSION)
    words = ("explain", SEED, "--glibc", "host", "--glibc", OTHER_VERSION, "--json")
    lookups = ("--lookup", "web", "--lookup", "near-first")
    found = json.loads(called(*words, *lookups).out)["explanations"]
    labels = {one["label"] for one in found}
    assert "host" in labels
    assert len(labels) == 2
    assert {one["lookup"] for one in found} == {"web", "web inet", "near-first"}
    refused = call("suggest", SEED, "--lookup", "web", "--want", "192.0.2.1", "--want", "192.0.2.2")
    assert "--want 192.0.2.1: one of" in refused.err
    unknown = call("explain", SEED, "--lookup", "wbe")
    assert "wbe: one of the scenario's look-ups was expected" in unknown.err
