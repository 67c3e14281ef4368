"""The self-test of foreign lanes notices what is seen wrongly; a lane that fails is marked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields, replace
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import pytest

from harness.cli import main
from harness.compare import plan, selftest
from harness.compare.evidence import LaneSpec
from harness.compare.plan import host_lane, load_scenarios, make_jobs
from harness.compare.results import Result, Summary, Verdict
from harness.compare.run import run
from harness.compare.verdict import judge
from harness.glibcs.catalog import native_arch
from harness.kernel.netlink import Netlink
from harness.native.kernel_view import Seen, View
from harness.native.record import LaneError
from harness.native.worker_lane import WorkerLane, bundled_worker
from harness.sandbox import Pool, SandboxError, SandboxUnavailable
from harness.scenario.schema import Host
from tests.compare.kit import evidence_of

if TYPE_CHECKING:
    from harness.native.lanes import Session
    from harness.sandbox import Box


class Glass:
    """A session seen through something that changes one view: its entries, or all of it."""

    def __init__(self, session: Session, number: int, pane: Any) -> None:
        self._session = session
        self._left = number
        self._pane = pane

    def view(self, request: bytes) -> Any:
        view = self._session.view(request)
        assert isinstance(view, View)
        self._left -= 1
        return self._pane(view) if self._left == -1 else view


def differences(box: Box, host: Host) -> Iterator[tuple[str, str]]:
    """What is changed in a view, and what the self-test then says; first nothing is."""
    box.build(host)
    with (
        closing(Netlink()) as netlink,
        WorkerLane([bundled_worker()]) as lane,
        lane.open() as session,
    ):
        yield "", selftest.first_difference(session, box, netlink)
        for number in range(4):
            for what, pane in panes(session, number, box, netlink):
                glass = cast("Session", Glass(session, number, pane))
                yield what, selftest.first_difference(glass, box, netlink)


def panes(session: Session, number: int, box: Box, netlink: Netlink) -> Iterator[tuple[str, Any]]:
    """Ways to spoil one of the four views."""
    kept: list[View] = []

    def keep(view: View) -> View:
        kept.append(view)
        return view

    selftest.first_difference(cast("Session", Glass(session, number, keep)), box, netlink)
    entries = kept[0].entries
    last = len(entries) - 1
    yield f"view {number}: nothing", lambda _: View(0, ())
    yield f"view {number}: one too few", lambda view: View(0, view.entries[:-1])
    yield f"view {number}: one too many", lambda view: View(0, (*view.entries, view.entries[-1]))
    yield f"view {number}: an error", lambda _: View(71, ())
    for at in {0, last // 2, last}:
        for field in fields(entries[at]):
            if field.compare:
                changed = spoilt(entries[at], field.name)
                spoiled = (*entries[:at], changed, *entries[at + 1 :])
                yield f"view {number}: entry {at} {field.name}", lambda _, s=spoiled: View(0, s)


def spoilt(entry: Seen, name: str) -> Seen:
    value = getattr(entry, name)
    other: Any
    if isinstance(value, str):
        other = value[:-1]
    elif isinstance(value, int):
        other = value ^ 0x100  # as a byte out of its place would be
    elif isinstance(value, IPv4Address | IPv6Address):
        other = type(value)(value.packed[::-1]) if value.packed[::-1] != value.packed else None
    else:
        other = IPv4Address("0.0.0.0")
    changed: dict[str, Any] = {name: other}
    return replace(entry, **changed)


@pytest.fixture(scope="module")
def said() -> dict[str, str]:
    with Pool() as pool:
        return dict(pool.run(differences, selftest.with_tunnels()))


def test_what_is_seen_rightly_passes(said: dict[str, str]) -> None:
    assert said.pop("") == ""


def test_anything_seen_wrongly_is_noticed_and_named(said: dict[str, str]) -> None:
    """Every field that glibc's order may rest on, in the first, a middle and the last entry."""
    spoilt = {what: found for what, found in said.items() if what}
    assert len(spoilt) > 60
    assert [what for what, found in spoilt.items() if not found] == []
    views = ("address dump", "link dump", "sources of an AF_INET socket", "sources of an AF_INET6")
    for what, found in spoilt.items():
        assert found.startswith(views[int(what.split()[1].rstrip(":"))]), (what, found)
        if "entry" in what:
            assert what.split()[-1] in found
        if what.endswith("an error"):
            assert found.endswith(": EPROTO")


def test_its_host_has_something_of_everything() -> None:
    """Or the comparison would hold by having nothing to compare."""
    host = selftest.with_tunnels()
    addresses = [one for each in host.interfaces.values() for one in each.addresses]
    flags = {flag for one in addresses for flag in one.flags}
    assert {"deprecated", "home", "noprefixroute"} <= flags
    assert any(one.peer for one in addresses)
    assert any(one.label for one in addresses)
    assert {"sit", "tunnel", "tunnel6"} <= {each.kind for each in host.interfaces.values()}
    assert max(map(len, host.interfaces)) == 15
    # 72 bytes a message, and the kernel sends no more than 32 KiB at a time
    assert len(addresses) * 72 > 2 * 4096


FOREIGN = "s390x" if native_arch() != "s390x" else "amd64"


def lane(arch: str, glibc: str = "2.36") -> LaneSpec:
    return LaneSpec(glibc, arch, "worker", "made", ("/worker",), Path("/none"), emulator="qemu 9")


def test_only_foreign_lanes_are_tried_and_each_emulator_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[LaneSpec] = []

    def objection(one: LaneSpec) -> str:
        tried.append(one)
        return "seen upside down"

    monkeypatch.setattr(selftest, "_objection", objection)
    own = lane(native_arch())
    lanes = (host_lane(), own, lane(FOREIGN), lane(FOREIGN, "2.41"))
    marked = selftest.marked(lanes)
    assert [one.untrusted for one in marked] == ["", "", "seen upside down", "seen upside down"]
    assert [replace(one, untrusted="") for one in marked] == list(lanes)
    assert set(tried) == {lane(FOREIGN)}


def test_what_only_counts_findings_refuses_a_lane_that_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fuzzing and suggestions: there a wrong lane would be taken for a wrong model."""
    wrong = replace(lane(FOREIGN), untrusted="seen upside down")
    monkeypatch.setattr(plan, "lanes_for", lambda *_: (lane(FOREIGN),))
    assert plan.trusted_lanes("2.36", "auto") == (lane(FOREIGN),)
    monkeypatch.setattr(plan, "lanes_for", lambda *_: (lane(FOREIGN), wrong))
    with pytest.raises(SandboxUnavailable, match="cannot be trusted here: seen upside down"):
        plan.trusted_lanes("2.36", "auto")


class _Pool:
    """Stands for the sandboxes: each host gives or raises the next of ``outcomes``."""

    outcomes: list[str | Exception]
    hosts: list[Host]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(self, _function: object, spec: tuple[LaneSpec, Host]) -> list[str]:
        self.hosts.append(spec[1])
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return [outcome]


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> type[_Pool]:
    monkeypatch.setattr(selftest, "Pool", _Pool)
    _Pool.hosts = []
    selftest._objection.cache_clear()
    return _Pool


def test_a_machine_without_tunnels_is_tried_without_them(pool: type[_Pool]) -> None:
    pool.outcomes = [SandboxUnavailable("no /dev/net/tun", "load it"), ""]
    assert selftest.marked([lane(FOREIGN)])[0].untrusted == ""
    assert ["sit0a" in host.interfaces for host in pool.hosts] == [True, False]


def test_what_cannot_be_tried_is_not_trusted(pool: type[_Pool]) -> None:
    pool.outcomes = [SandboxError("the sandbox died")]
    (marked,) = selftest.marked([lane(FOREIGN)])
    assert marked.untrusted == "the self-test could not be made: the sandbox died"


def test_a_lane_that_does_not_start_is_named_and_nothing_is_run() -> None:
    """A damaged build, a qemu that dies: nothing can be shown, and no scenario is to blame."""
    selftest._objection.cache_clear()
    (own,) = plan.lanes_for("host", "worker")
    broken = replace(
        lane(FOREIGN), skeleton=own.skeleton, command=(*own.command[:-1], "/not-there")
    )
    with pytest.raises(LaneError, match=rf"^glibc 2\.36:{FOREIGN} \(made, qemu 9\) does not run"):
        selftest.marked([broken])
    jobs = make_jobs(load_scenarios([Path("seed-rule9-ipv4-only")]), (broken,))
    (outcome,) = run(jobs, 1)
    assert outcome.reports == ()
    assert outcome.error is not None
    assert outcome.error.exit_status == 3
    assert str(outcome.error).startswith(f"glibc 2.36:{FOREIGN} (made, qemu 9) does not run here: ")


def test_a_machine_without_sandboxes_says_so(pool: type[_Pool]) -> None:
    refused = SandboxUnavailable("no user namespaces", "allow them")
    pool.outcomes = [refused, refused]
    with pytest.raises(SandboxUnavailable):
        selftest.marked([lane(FOREIGN)])


@pytest.fixture(scope="module")
def result() -> Result:
    jobs = make_jobs(load_scenarios([Path("seed-rule9-ipv4-only")]), (host_lane(),))
    return judge(evidence_of(jobs)[0])


@pytest.mark.parametrize("verdict", Verdict)
def test_an_untrusted_result_is_shown_and_not_counted(result: Result, verdict: Verdict) -> None:
    one = replace(result, verdict=verdict, unmet=("native: otherwise",), untrusted="why")
    assert not one.failed
    assert not one.differs
    assert one.verdict is verdict
    assert Summary.of([one]) == Summary(untrusted=1)
    assert Summary.of([one]).words == "0 agree, 0 disagree, 0 error, 1 not counted"
    both = Summary.of([one, replace(one, untrusted="")])
    assert (both.untrusted, both.failed, both.expectation_failed) == (1, 1, 1)


def test_a_run_in_which_nothing_counts_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    doubtful = replace(host_lane(), untrusted="seen upside down")
    monkeypatch.setattr(plan, "lanes_for", lambda *_: (doubtful,))
    assert main(["run", "seed-rule9-ipv4-only"]) == 3
    assert "no result is counted" in capsys.readouterr().err
    monkeypatch.setattr(plan, "lanes_for", lambda *_: (host_lane(), doubtful))
    assert main(["run", "seed-rule9-ipv4-only"]) == 0
