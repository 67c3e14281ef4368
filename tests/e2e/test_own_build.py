"""A glibc of one's own, from its files to a report: held against another, and accepted.

The builds are real: copies of the host's glibc, some with a patched table of precedences or
labels.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.compare.patched import install_prefix, ipv4_first, patch
from tests.e2e.kit import document
from tests.processes import called

# look-ups without a gai.conf of their own, in which families meet and in which they do not
SCENARIOS = [
    "rule6-precedence-default", "rule1-no-route", "rule1-unreachable", "seed-rule9-dual-stack",
    "rule7-native-tunnel6", "rule2-scope-ipv6", "rule9-ipv6-longest-match", "presort-numeric",
]  # fmt: skip
SIX_TO_FOUR = "case-rfc3484-10.2-precedence-6to4"
# the default table with the patch's value, as a gai.conf
SAME_AS_PATCH = """\
precedence ::1/128 50
precedence ::/0 40
precedence 2002::/16 30
precedence ::/96 20
precedence ::ffff:0:0/96 100
"""


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of builds: the host's as it is, and two that carry different patches."""
    folder = tmp_path_factory.mktemp("builds")
    install_prefix(folder / "plain")
    ipv4_first(folder / "patched")
    patch(install_prefix(folder / "relabelled"), "fc00::/7", 6, 1)
    return folder


def run_json(*arguments: str | Path, **options: Any) -> tuple[int, dict[str, Any]]:
    return document("run", "--format", "json", *arguments, **options)


def orders(read: dict[str, Any]) -> dict[tuple[str, str], list[str]]:
    return {(one["scenario"], one["lookup"]): one["native"] for one in read["results"]}


def test_every_changed_order_is_found_and_no_other(builds: Path, tmp_path: Path) -> None:
    config = tmp_path / "patch.conf"
    config.write_text(SAME_AS_PATCH)
    usual, wanted = (
        orders(run_json(*SCENARIOS, *more)[1]) for more in ((), ("--gai-conf", config))
    )
    expected = {
        place: (order, wanted[place]) for place, order in usual.items() if order != wanted[place]
    }
    assert 4 <= len(expected) < len(usual)

    status, read = run_json(*SCENARIOS, "--glibc", builds / "patched", "--against", "host")
    changes = read["against"]["changes"]
    assert status == 1
    found = {
        (one["scenario"], one["lookup"]): (one["old"]["order"], one["new"]["order"])
        for one in changes
    }
    assert found == expected
    for one in changes:
        assert one["old"]["rule"] == 6
        assert one["new"]["rule"] is None  # the model knows no patch, and says so
        assert "does not explain" in one["new"]["why"]
        assert one["old"]["where"].endswith("(host)")
        assert one["new"]["where"].endswith("(patched)")


def test_a_build_without_a_patch_has_no_change(builds: Path) -> None:
    status, read = run_json(*SCENARIOS, "--glibc", builds / "plain", "--against", "host")
    assert (status, read["against"]["changes"]) == (0, [])
    assert read["against"]["compared"] == len(read["results"]) / 2


def test_an_added_build_is_found_by_its_name(builds: Path, tmp_path: Path) -> None:
    cache = {"GAI_HARNESS_CACHE": str(tmp_path / "cache")}
    how = ("--name", "mine", "--no-probe")
    added = called("glibc", "add", builds / "patched", *how, env=cache)
    assert added.status == 0, added.err
    words = ("rule6-precedence-default", "--glibc", "mine", "--against", "host")
    status, read = run_json(*words, env=cache)
    assert status == 1
    assert {result["label"] for result in read["results"]} == {"mine", "host"}
    assert len(read["against"]["changes"]) == 2


def test_builds_of_one_version_are_told_apart_everywhere(builds: Path, tmp_path: Path) -> None:
    both = f"{builds / 'patched'},{builds / 'plain'}"
    reports = {name: tmp_path / name for name in ("junit", "html", "tap", "github", "json")}
    done = called(
        "run", "rule6-precedence-default", "--glibc", both, "--against", "host",
        *(word for name, file in reports.items() for word in ("--report", f"{name}={file}")),
        env={"GITHUB_STEP_SUMMARY": str(tmp_path / "summary")},
    )  # fmt: skip
    assert done.status == 1
    texts = {name: file.read_text() for name, file in reports.items()}
    texts |= {"text": done.out, "summary": (tmp_path / "summary").read_text()}
    for name, text in texts.items():
        for label in ("patched", "plain", "host"):
            assert label in text, name
    where = {one["label"]: one["build"] for one in json.loads(texts["json"])["results"]}
    assert len(set(where.values())) == 3


def test_a_patch_is_accepted_and_news_is_not(builds: Path, tmp_path: Path) -> None:
    baseline = tmp_path / "baseline.yaml"
    mine = tmp_path / "mine"  # the same place for every state of the build
    shutil.copytree(builds / "patched", mine)
    build: list[str | Path] = ["--glibc", mine, "--against", "host", "--baseline", baseline]
    words: list[str | Path] = ["rule6-precedence-default", "rule1-no-route", SIX_TO_FOUR, *build]

    made = called("run", *words, "--update-baseline")
    assert made.status == 0, made.err
    first = baseline.read_text()
    numbers = [part.count("\n  - scenario:") for part in first.split("\nchanges:")]
    counts = "{} accepted results and {} accepted changes written\n".format(*numbers)
    assert made.err.endswith(f": {counts}")
    baseline.write_text(first.replace('reason: ""', 'reason: "distribution patch 7"'))
    status, read = run_json(*words)
    assert status == 0
    assert read["summary"]["accepted"] == read["summary"]["disagree"] > 0
    assert {one["reason"] for one in read["results"] if one["accepted"]} == {"distribution patch 7"}
    assert all(change["accepted"] for change in read["against"]["changes"])
    assert [one["kind"] for one in read["notices"]] == ["cause"]

    # a second patch: what it changes is news, what the first did is still accepted
    patch(mine, "2002::/16", 30, 45)
    status, read = run_json(*words)
    assert status == 1
    news = {
        one["scenario"]
        for one in (*read["results"], *read["against"]["changes"])
        if not one["accepted"] and one.get("verdict") != "agree"
    }
    assert news == {SIX_TO_FOUR}

    # without any patch every entry is stale, which fails on demand only
    shutil.rmtree(mine)
    shutil.copytree(builds / "plain", mine)
    entries = first.count("\n  - scenario:")
    status, read = run_json(*words)
    assert (status, len(read["notices"])) == (0, entries)
    assert {one["text"] for one in read["notices"]} == {"the difference is gone"}
    assert called("run", *words, "--baseline-strict").status == 1

    # a run of something else leaves the entries alone, an update of this one takes them out
    part = called("run", "presort-numeric", *build, "--update-baseline")
    assert part.status == 0
    assert baseline.read_text() == first.replace('reason: ""', 'reason: "distribution patch 7"')
    assert called("run", *words, "--update-baseline").status == 0
    assert "scenario:" not in baseline.read_text()
