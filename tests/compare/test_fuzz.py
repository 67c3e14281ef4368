"""Fuzzing: no disagreement, the same cases for a seed, and nothing left behind."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.cli import main
from harness.compare.fuzz.driver import BatchSpec, examine, fuzz, write_scenario
from harness.compare.fuzz.engine import FuzzReport
from harness.compare.fuzz.shrink import shrink
from harness.compare.fuzz.tally import known_keys
from harness.compare.plan import lanes_for
from harness.sandbox import Pool
from harness.scenario import load
from harness.scenario.fuzz import draw_batch, scenario_of, weights
from harness.scenario.fuzz.dice import Dice

if TYPE_CHECKING:
    from harness.compare.evidence import LaneSpec


@pytest.fixture(scope="module")
def lanes() -> tuple[LaneSpec, ...]:
    return lanes_for("host", "worker")


def total(steps: object) -> FuzzReport:
    report = FuzzReport()
    for step in steps:  # type: ignore[attr-defined]
        report += step
    return report


@pytest.mark.fuzz
@pytest.mark.parametrize("seconds", [15, pytest.param(300, marks=pytest.mark.slow)])
def test_some_time_without_a_disagreement(seconds: int) -> None:
    seed = int(time.time())  # another one each time; the message says which
    report = total(fuzz(lanes_for("all", "worker"), seed, seconds=seconds, jobs=2))
    assert not report.differing, (seed, report.disagreements[0].result)
    assert len(report.refused) <= report.batches // 20, (seed, report.refused)
    rules = {f"rule {number}" for number in range(1, 11)}
    assert not rules & set(report.left_out), (seed, report.left_out)


def test_same_cases_whatever_the_jobs(lanes: tuple[LaneSpec, ...]) -> None:
    one = total(fuzz(lanes, 5, cases=1500, jobs=1))
    two = total(fuzz(lanes, 5, cases=1500, jobs=2))
    assert (one.batches, one.cases, one.counts) == (two.batches, two.cases, two.counts)
    assert one.cases >= 1500


def test_a_batch_is_drawn_alike_and_differs_from_others() -> None:
    first = draw_batch(3, 14)
    assert first == draw_batch(3, 14)
    assert first != draw_batch(3, 15)
    assert first != draw_batch(4, 14)


def test_what_is_drawn_stays_within_bounds() -> None:
    sizes = set()
    for number in range(60):
        batch = draw_batch(9, number)
        own = sum(len(each.addresses) for each in batch.host.interfaces.values())
        assert own <= weights.MOST_ADDRESSES
        assert 1 <= len([name for name in batch.host.interfaces if name != "lo"]) <= 8
        sizes |= {len(addresses) for addresses in batch.names.values()}
        for each in batch.rounds:
            assert len(each.lookups) == weights.LOOKUPS_A_ROUND
            scenario_of(batch, each.gai_conf, batch.lookups[:1])
    assert {1, 2, 8, 64} <= sizes


def test_dice_do_not_change() -> None:
    # another version of Python must draw the same cases for a seed
    dice = Dice("gai-harness fuzz 1 2")
    drawn = [dice.randint(0, 999), dice.getrandbits(64), dice.one("abcdef"), dice.pick({"x": 1})]
    assert drawn == EXPECTED_DRAWS


EXPECTED_DRAWS = [623, 8512260564149269904, "f", "x"]


def test_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status = main(["fuzz", "--cases", "400", "--seed", "2", "-o", str(tmp_path / "f"), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert status == 0
    assert found["cases"] >= 400
    assert found["disagreements"] == 0
    assert set(found["counts"]) | set(found["left_out"]) >= set(known_keys())
    assert not (tmp_path / "f").exists()
    assert main(["fuzz", "--cases", "280", "--seed", "2", "-j", "1"]) == 0
    text = capsys.readouterr().out
    assert "0 disagreements" in text
    assert "Left out: " in text


def test_what_is_found_becomes_a_scenario_file(
    lanes: tuple[LaneSpec, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # sandboxes import nothing from the current folder
    mutation = "tests.compare.planted:rule9_dropped"
    steps = fuzz(lanes, 7, seconds=60, jobs=2, mutation=mutation)
    found = next(d for step in steps for d in step.disagreements)
    steps.close()  # type: ignore[attr-defined]
    with Pool(2) as pool:
        small = shrink(pool, found, mutation=mutation)
    path = write_scenario(small, tmp_path, "found-rule9", "a test")
    loaded = load(path)
    assert loaded.gai_conf == small.evidence.conf.data
    assert loaded.scenario.names == small.evidence.scenario.names
    text = path.read_text()
    assert "answers:" in text
    assert "the model says:" in text
    # the bug was planted in sandboxes only: here glibc and the model agree
    assert main(["run", str(path)]) == 0


# --- soak -------------------------------------------------------------------------------


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in tasks.read_text().split()]


def _resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError(pid)


def _open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208


def _mounts() -> int:
    return len(Path("/proc/self/mountinfo").read_text().splitlines())


def test_nothing_is_left_behind(
    lanes: tuple[LaneSpec, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    mounts, own_files = _mounts(), _open_files(os.getpid())
    with Pool(2) as pool:
        assert pool._forkserver is not None
        forkserver = pool._forkserver.pid
        own_files_at_work = _open_files(os.getpid())
        memory = []
        for start in range(0, 60, 20):
            specs = [BatchSpec(21, number, lanes) for number in range(start, start + 20)]
            assert all(out.values or out.error for out in pool.outcomes(examine, specs))
            deadline = time.monotonic() + 10
            while _children(forkserver) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert _children(forkserver) == []
            memory.append((_resident(forkserver), _resident(os.getpid())))
            assert _open_files(os.getpid()) == own_files_at_work
        files_of_forkserver = _open_files(forkserver)
        assert files_of_forkserver < 12
        assert max(forkservers for forkservers, _ in memory) - memory[0][0] < 2_000
        assert max(own for _, own in memory) - memory[0][1] < 6_000
    assert not Path(f"/proc/{forkserver}").exists()
    assert _open_files(os.getpid()) == own_files
    assert _mounts() == mounts
    assert list(tmp_path.iterdir()) == []
