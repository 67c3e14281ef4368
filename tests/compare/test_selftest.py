"""The self-test of foreign lanes notices what is seen wrongly; a lane that fails is marked."""

from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import MagicMock

import pytest

from harness.compare import plan, selftest
from harness.compare.evidence import LaneSpec
from harness.compare.plan import load_scenarios, make_jobs
from harness.compare.results import Result, Verdict
from harness.compare.run import run
from harness.glibcs.catalog import native_arch
from harness.kernel.netlink import Netlink
from harness.native.kernel_view import Seen, View
from harness.native.lanes import Session
from harness.native.record import LaneError
from harness.native.worker_lane import WorkerLane, bundled_worker
from harness.report.writer import Summary
from harness.sandbox import Box, Pool, SandboxError, SandboxUnavailable
from harness.scenario.schema import Host
from tests.compare.kit import host_lane
from tests.conftest import Call, Patch


def differences(box: Box, host: Host) -> Iterator[tuple[str, str]]:
    """What is changed in a view, and what the self-test then says; first nothing is."""
    box.build(host)
    with (
        closing(Netlink()) as netlink,
        WorkerLane([bundled_worker()]) as lane,
        lane.open() as session,
    ):
        kept: list[View] = []

        def said(number: int = -1, spoiled: View | None = None) -> str:
            """What it says where one view is another one."""
            left = count()

            def view(request: bytes) -> View | None:
                whole = session.view(request)
                assert isinstance(whole, View)
                if spoiled is None:
                    kept.append(whole)
                return spoiled if next(left) == number else whole

            glass = cast("Session", SimpleNamespace(view=view))
            return selftest.first_difference(glass, box, netlink)

        yield "", said()
        for number, entries in enumerate(view.entries for view in kept):
            for what, status, spoiled in panes(entries):
                yield f"view {number}: {what}", said(number, View(status, spoiled))


def panes(entries: tuple[Seen, ...]) -> Iterator[tuple[str, int, tuple[Seen, ...]]]:
    """Ways to spoil a view that has these entries."""
    last = len(entries) - 1
    yield "nothing", 0, ()
    yield "one too few", 0, entries[:-1]
    yield "one too many", 0, (*entries, entries[-1])
    yield "an error", 71, ()
    for at in {0, last // 2, last}:
        for name in entries[at]:
            changed = spoilt(entries[at], name)
            yield f"entry {at} {name}", 0, (*entries[:at], changed, *entries[at + 1 :])


def spoilt(entry: Seen, name: str) -> Seen:
    value = entry[name]
    other: Any
    if isinstance(value, str):
        other = value[:-1]
    elif isinstance(value, int):
        other = value ^ 0x100  # as a byte out of its place would be
    elif isinstance(value, IPv4Address | IPv6Address):
        other = type(value)(value.packed[::-1]) if value.packed[::-1] != value.packed else None
    else:
        other = IPv4Address("0.0.0.0")
    return {**entry, name: other}


def test_anything_seen_wrongly_is_noticed_and_named() -> None:
    """Every field that glibc's order may rest on, in the first, a middle and the last entry."""
    with Pool() as pool:
        said = dict(pool.run(differences, selftest.with_tunnels()))
    assert said.pop("") == ""
    assert len(said) > 60
    views = ("address dump", "link dump", "sources of an AF_INET socket", "sources of an AF_INET6")
    for what, found in said.items():
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


def test_only_foreign_lanes_are_tried_and_each_emulator_once(monkeypatch: Patch) -> None:
    objection = MagicMock(return_value="seen upside down")
    monkeypatch.setattr(selftest, "_objection", objection)
    own = lane(native_arch())
    lanes = (host_lane(), own, lane(FOREIGN), lane(FOREIGN, "2.41"))
    marked = selftest.marked(lanes)
    assert [one.untrusted for one in marked] == ["", "", "seen upside down", "seen upside down"]
    assert [replace(one, untrusted="") for one in marked] == list(lanes)
    assert {one.args for one in objection.call_args_list} == {(lane(FOREIGN),)}


def test_what_only_counts_findings_refuses_a_lane_that_fails(monkeypatch: Patch) -> None:
    """Fuzzing and suggestions: there a wrong lane would be taken for a wrong model."""
    wrong = replace(lane(FOREIGN), untrusted="seen upside down")
    monkeypatch.setattr(plan, "lanes_for", lambda *_, **__: (lane(FOREIGN),))
    assert plan.trusted_lanes("2.36", "auto") == (lane(FOREIGN),)
    monkeypatch.setattr(plan, "lanes_for", lambda *_, **__: (lane(FOREIGN), wrong))
    with pytest.raises(SandboxUnavailable, match="cannot be trusted here: seen upside down"):
        plan.trusted_lanes("2.36", "auto")


NO_TUNNELS = SandboxUnavailable("no /dev/net/tun", "load it")


@pytest.mark.parametrize(
    ("outcomes", "said", "tunnels"),
    [
        ([NO_TUNNELS, [""]], "", [True, False]),
        (
            [SandboxError("the sandbox died")],
            "the self-test could not be made: the sandbox died",
            [True],
        ),
        ([NO_TUNNELS, NO_TUNNELS], None, [True, False]),
    ],
    ids=["no tunnels", "cannot be tried", "no sandboxes"],
)
def test_what_cannot_be_tried_is_not_trusted(
    outcomes: list[Any], said: str | None, tunnels: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = MagicMock()
    run = pool.return_value.__enter__.return_value.run
    run.side_effect = outcomes
    monkeypatch.setattr(selftest, "Pool", pool)
    selftest._objection.cache_clear()
    with nullcontext() if said is not None else pytest.raises(SandboxUnavailable):
        assert selftest.marked([lane(FOREIGN)])[0].untrusted == said
    hosts = [call.args[1][1] for call in run.call_args_list]
    assert ["sit0a" in host.interfaces for host in hosts] == tunnels


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
    assert not outcome.reports
    assert outcome.error is not None
    assert outcome.error.exit_status == 3
    assert str(outcome.error).startswith(f"glibc 2.36:{FOREIGN} (made, qemu 9) does not run here: ")


@pytest.mark.parametrize("verdict", Verdict)
def test_an_untrusted_result_is_shown_and_not_counted(verdict: Verdict) -> None:
    one = Result(
        "host", "web", "conf", "2.36", "amd64", "worker", "debian", verdict, ("a",), ("a",),
        unmet=("native: otherwise",), untrusted="why",
    )  # fmt: skip
    assert not one.failed
    assert not one.differs
    assert one.verdict is verdict
    assert Summary.of([one]) == Summary(untrusted=1)
    assert Summary.of([one]).words == "0 agree, 0 disagree, 0 error, 1 not counted"
    both = Summary.of([one, replace(one, untrusted="")])
    assert (both.untrusted, both.failed, both.expectation_failed) == (1, 1, 1)


def test_a_run_in_which_nothing_counts_is_no_success(monkeypatch: Patch, call: Call) -> None:
    doubtful = replace(host_lane(), untrusted="seen upside down")
    monkeypatch.setattr(plan, "lanes_for", lambda *_, **__: (doubtful,))
    done = call("run", "seed-rule9-ipv4-only")
    assert done.status == 3
    assert "no result is counted" in done.err
    monkeypatch.setattr(plan, "lanes_for", lambda *_, **__: (host_lane(), doubtful))
    assert call("run", "seed-rule9-ipv4-only").status == 0
