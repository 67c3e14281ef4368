"""The command line's promises: JSON that its schemas and contract describe, help at once."""

import json
import os
import subprocess
import sys
import time
from ipaddress import ip_address
from pathlib import Path
from types import NoneType
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from harness.scenario import library, load
from tests.e2e.kit import COMMAND, Ended, document, start

RESULT: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("scenario", "lookup", "gai_conf", "glibc", "arch", "lane", "verdict"), (str,)),
    **dict.fromkeys(("native", "model", "decisions"), (list,)),
    "error": (str, NoneType),
    "first_difference": (int, NoneType),
}
# how each document comes about, but for the results below
WRITERS: dict[str, list[str]] = {
    "explain --trace": ["explain", "seed-rule9-dual-stack", "--trace", "--json"],
    "explain": ["explain", "seed-rule9-dual-stack", "presort-errors", "--json", "--pair",
                "172.18.45.6", "172.31.80.8"],
    "whatif": ["whatif", "--scenario", "seed-rule9-dual-stack", "--json",
               "--set", "precedence ::ffff:0:0/96 100", "--set", "label nonsense"],
    "suggest": ["suggest", "--scenario", "rule1-no-route", "--lookup", "web", "--json",
                "--want", "2001:db8:9::1"],
    "lint": ["lint", "bad.conf", "--format", "json"],
}  # fmt: skip
VERDICTS = ("agree", "disagree", "crashed", "error")


def test_the_document_of_a_run(library_report: Ended) -> None:
    assert (library_report.returncode, library_report.stderr) == (0, "")
    written = json.loads(library_report.stdout)
    assert written["schema"] == 1
    summary, results = written["summary"], written["results"]
    assert all(type(count) is int for count in summary.values())
    assert len(results) >= 80
    assert summary["expectation_failed"] == 0
    for verdict in VERDICTS:
        assert summary[verdict] == sum(result["verdict"] == verdict for result in results)
    Draft202012Validator(schema("results")).validate(written)
    for result in results:
        for key, types in RESULT.items():
            assert type(result[key]) in types, (key, result)
        assert result["verdict"] in VERDICTS
        assert result["lane"] in ("cffi", "worker")
        assert all(part.isdigit() for part in result["glibc"].split("."))
        for address in result["native"] + result["model"]:
            ip_address(address)
        for decision in result["decisions"]:
            assert type(decision["rule"]) is int
            assert 1 <= decision["rule"] <= 10
            assert {decision["before"], decision["after"]} <= set(result["model"])
            assert decision["why"]
        if result["verdict"] == "crashed":
            assert result["error"].startswith("SIG")
        elif result["error"] is not None:
            assert result["error"].startswith("EAI_")
            assert result["native"] == []
    # in the order of the files; a title starts with the name and may add what else was asked
    asked = [
        (loaded.scenario.name, lookup.name or "")
        for loaded in map(load, library())
        for lookup in loaded.scenario.lookups
    ]
    got = [(one["scenario"], one["lookup"]) for one in results if one["lane"] == "cffi"]
    for (scenario, title), (wanted, name) in zip(got, asked, strict=True):
        assert (scenario, title.startswith(name)) == (wanted, True)


def schema(name: str) -> dict[str, Any]:
    _, read = document("schema", "--of", name)
    Draft202012Validator.check_schema(read)
    return read


@pytest.mark.parametrize("name", [
    pytest.param(one, marks=[pytest.mark.needs("strace")] * ("--trace" in one)) for one in WRITERS
])  # fmt: skip
def test_what_is_written_fits_its_schema(name: str, tmp_path: Path) -> None:
    (tmp_path / "bad.conf").write_text("precedence ::1/128 50\nlabel nonsense\nreload maybe\n")
    status, read = document(*WRITERS[name], cwd=tmp_path)
    assert status in (0, 1)
    validator = Draft202012Validator(schema(name.split()[0]))
    errors = [error.message for error in validator.iter_errors(read)]
    assert errors == []
    longest = max((value for value in read.values() if isinstance(value, list)), key=len)
    assert longest, "an empty document fits anything"
    assert "--trace" not in name or longest[0]["trace"] is not None


# --- ``gai-harness --help`` answers at once, because nothing heavy is imported for it

HEAVY = {"cffi", "_cffi_backend", "dnslib", "jinja2", "pydantic", "pyroute2", "rich", "yaml"}
ROUNDS = 15


def seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def test_help_takes_at_most_five_times_an_empty_program() -> None:
    # by turns, so that a busy machine is busy for both; the best of each is the program itself
    pairs = [
        (seconds([sys.executable, "-P", "-c", "pass"]), seconds([str(COMMAND), "--help"]))
        for _ in range(ROUNDS)
    ]
    empty, helping = (min(column) for column in zip(*pairs, strict=True))
    assert helping <= 5 * empty, f"{helping:.3f} s against {empty:.3f} s"


@pytest.mark.parametrize("words", ["--help", "--version", "run --help", "lint -h", "completion"])
def test_nothing_heavy_is_imported(words: str) -> None:
    completing = {
        "_ARGCOMPLETE": "1", "COMP_LINE": "gai-harness ru", "COMP_POINT": "14",
        "_ARGCOMPLETE_STDOUT_FILENAME": os.devnull,
    } if words == "completion" else {}  # fmt: skip
    done = start(sys.executable, "-P", "-X", "importtime", COMMAND, *words.split(), env=completing)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "argcomplete" in imported if completing else "harness.cli" in imported
    assert not HEAVY & imported


def test_of_pyroute2_only_messages_are_imported_and_a_user_of_it_finds_all() -> None:
    script = (
        "import sys, harness.sandbox.box\n"
        "assert 'pyroute2.netlink' not in sys.modules\n"
        "from harness.kernel import rules\n"
        "assert 'pyroute2.netlink.rtnl.fibmsg' in sys.modules\n"
        "assert 'pyroute2.ndb' not in sys.modules\n"
        "import pyroute2, pyroute2.netlink\n"
        "from pyroute2 import IPRoute, ndb\n"
        "assert pyroute2.NDB is ndb.main.NDB and pyroute2.IPRoute is IPRoute\n"
        "assert type(pyroute2) is type(sys) and pyroute2.__version__ and pyroute2.__file__\n"
        "assert pyroute2.netlink.rtnl.fibmsg.fibmsg is rules.fibmsg\n"
    )
    done = start(sys.executable, "-P", "-c", script)
    assert (done.returncode, done.stderr) == (0, "")
