"""systemd's nss-myhostname on real glibcs, held against the model and what was reasoned by hand."""

from pathlib import Path

import pytest

from harness.compare.plan import lanes_for, make_jobs
from harness.compare.verdict import judge
from harness.scenario import load
from tests.compare.kit import evidence_of
from tests.conftest import Call

FILES = sorted(Path(__file__).with_name("myhostname").iterdir())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_build_that_has_the_module_gives_what_was_reasoned(path: Path) -> None:
    lanes = tuple(lane for lane in lanes_for("all", "auto") if lane.myhostname)
    if not lanes:
        pytest.skip("no glibc here has libnss_myhostname.so.2: glibc fetch --all --refresh")
    evidences = evidence_of(make_jobs([load(path)], lanes))
    assert len(evidences) == len(lanes) * len(load(path).scenario.lookups)
    results = [judge(one) for one in evidences]
    assert [one for one in results if one.failed] == []
    known = [one for one in results if not any(each.kind == "chance" for each in one.remarks)]
    for one in known:  # nothing that came is without an account
        told = [each.returned for each in one.presence.addresses] if one.presence else []
        assert sorted(filter(None, told)) == sorted(one.native)


def test_a_build_without_the_module_is_named(tmp_path: Path, call: Call) -> None:
    """With what brings it; others of the run go on."""
    lanes = lanes_for("all", "auto")
    without = [lane for lane in lanes if not lane.myhostname]
    if not without:
        pytest.skip("every glibc here has libnss_myhostname.so.2")
    done = call(
        "run", FILES[0], "--glibc", f"{without[0].glibc}" if without[0].build != "host" else "host"
    )
    assert (done.status, done.out.startswith("0 lookups")) == (3, True)
    assert "has no libnss_myhostname.so.2" in done.err
    if len(without) < len(lanes):
        done = call("run", FILES[0], "--glibc", "all")
        assert done.status == 0
        assert "left out where a scenario asks for it" in done.err
        for words in ("explain", "whatif --gai-conf none", "suggest --lookup 1 --want 192.0.2.1"):
            done = call(*words.split(), FILES[0], "--glibc", "all")
            assert "left out where a scenario asks for it" in done.err, words
