"""Two foreign architectures, as a user runs them: big-endian s390x, and armhf of 32 bits."""

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from csrc import toolchain
from harness.compare import plan, selftest
from harness.compare.run import run
from harness.glibcs.catalog import native_arch
from harness.report.writer import Summary
from tests.e2e.kit import ROOT, as_ordinary_user, document
from tests.processes import called

pytestmark = [pytest.mark.network, pytest.mark.xdist_group("foreign")]

ARCHES = [arch for arch in ("s390x", "armhf") if arch != native_arch()]
BUILDS = ",".join(["2.36", *(f"2.36:{arch}" for arch in ARCHES)])
# what byte order, word size and the processor's shift can change, and what goes through the
# kernel: sources, the address and the link dump, scope ids, the name service module, a crash
SCENARIOS = (
    "arch-scopev4-byte-order", "arch-service-number", "arch-strtoul-range",
    "arch-top-bit-of-the-first", "seed-rule9-ipv4-only", "seed-rule9-dual-stack",
    "rule3-deprecated-across-families", "rule4-home-ipv6", "rule7-native-sit",
    "rule9-ipv4-prefix-lengths", "rule9-ipv6-longest-match", "fact-1.3-same-address-twice",
    "fact-1.5-peer", "fact-2.3-private-scope-by-gai-conf", "fact-3.4-no-length-label",
    "fact-3.4-no-length-precedence", "fact-3.5-wrap-around", "nss-link-local",
    "nss-same-address-two-bridges", "presort-v4mapped-dns",
)  # fmt: skip


@pytest.fixture(scope="module")
def fetched(fetch_glibcs: Callable[..., str]) -> str:
    return fetch_glibcs("2.36", "--arch", ",".join([native_arch(), *ARCHES]))


@pytest.fixture(scope="module")
def report(fetched: str) -> dict[str, Any]:
    status, read = document("run", *SCENARIOS, "--glibc", BUILDS, "--format", "json")
    assert status == 0
    return read


def test_fetch_brings_the_qemu_too_and_list_shows_the_builds(fetched: str) -> None:
    lines = fetched.splitlines()
    assert len(lines) == 1 + len(ARCHES)
    assert "qemu" not in lines[0]
    for arch, line in zip(ARCHES, lines[1:], strict=True):
        assert line.startswith(f"glibc 2.36 {arch} (")
        assert ", runs through qemu-" in line
    _, listed = document("glibc", "list", "--format", "json")
    have = {(one["version"], one["arch"]) for one in listed["builds"] if one["state"] == "cached"}
    assert {("2.36", arch) for arch in ARCHES} <= have


def test_every_lookup_agrees(report: dict[str, Any]) -> None:
    summary = report["summary"]
    assert summary["disagree"] == summary["error"] == summary["untrusted"] == 0
    for arch in ARCHES:
        results = [one for one in report["results"] if one["arch"] == arch]
        assert {one["scenario"] for one in results} == set(SCENARIOS)
        for one in results:
            assert one["verdict"] == "agree" or one["predicted"]
            assert one["emulator"].startswith("qemu-")
    assert {one["emulator"] for one in report["results"] if one["arch"] == native_arch()} == {None}
    # 2.36 on armhf dies of some files; qemu-user hands the signal on
    crashed = [one for one in report["results"] if one["verdict"] == "crashed"]
    assert "armhf" in {one["arch"] for one in crashed}
    assert {(one["error"], one["predicted"]) for one in crashed} == {("SIGSEGV", True)}


@pytest.mark.needs("strace")
def test_a_trace_shows_what_reaches_the_kernel(fetched: str) -> None:
    """strace sees qemu's own calls, which are the guest's translated ones."""
    build = f"2.36:{ARCHES[0]}"
    done = called("explain", "seed-rule9-dual-stack", "--glibc", build, "--trace")
    assert done.status == 0, done.err
    assert "nlmsg_type=RTM_GETADDR" in done.out
    assert "connect 172.18.45.6: source 172.18.45.2, as the kernel's route look-up" in done.out


@pytest.fixture
def bare(home: Path) -> Path:
    """A home of an ordinary user, with a folder of this host's programs but any qemu."""
    programs = home / "bin"
    programs.mkdir()
    for folder in reversed(os.environ["PATH"].split(os.pathsep)):
        for program in Path(folder).glob("*"):
            if not program.name.startswith("qemu-"):
                (programs / program.name).unlink(missing_ok=True)
                (programs / program.name).symlink_to(program)
    return home


def test_an_ordinary_user_without_any_qemu(fetched: str, bare: Path) -> None:
    """Into a cache of one's own, and from there; nothing of the machine is needed but apt."""
    run_as_user = partial(as_ordinary_user, bare, PATH=str(bare / "bin"))
    build = f"2.36:{ARCHES[0]}"
    missing = run_as_user("run", "seed-rule9-ipv4-only", "--glibc", build)
    assert missing.returncode == 3
    assert f"gai-harness glibc fetch {build}" in missing.stderr
    fetched_now = run_as_user("glibc", "fetch", build)
    assert fetched_now.returncode == 0, fetched_now.stderr
    (qemu,) = (bare / "cache/qemu").glob("*/qemu-s390x*" if "s390x" in build else "*/qemu-arm*")
    assert qemu.stat().st_uid == qemu.parent.stat().st_uid == (bare / "cache").stat().st_uid
    ran = run_as_user("run", "seed-rule9-ipv4-only", "--glibc", build)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ": 2 agree, 0 disagree, 0 error" in ran.stdout
    qemu.parent.rename(bare / "cache/away")
    without = run_as_user("run", "seed-rule9-ipv4-only", "--glibc", build)
    assert without.returncode == 3
    assert "qemu-user" in without.stderr
    assert len(without.stderr.splitlines()) == 1


@pytest.mark.usefixtures("fetched")
def test_a_lane_that_sees_wrongly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker with a planted fault: prefix lengths off by one, as a wrong translation's."""
    pytest.importorskip("ziglang")
    sources = shutil.copytree(ROOT / "csrc", tmp_path / "csrc")
    text = (sources / "view.c").read_text()
    assert text.count("= fixed.ifa_prefixlen;") == 1
    (sources / "view.c").write_text(text.replace("ifa_prefixlen;", "ifa_prefixlen ^ 1;"))
    monkeypatch.setattr(toolchain, "HERE", sources)
    (target,) = (one for one in toolchain.TARGETS if one.debian == ARCHES[0])
    worker = tmp_path / "worker"
    toolchain.compile_worker(worker, target, tmp_path / "scratch")
    monkeypatch.setattr(plan, "bundled_worker", lambda *_: worker)
    selftest._objection.cache_clear()

    lanes = plan.lanes_for(f"2.36:{ARCHES[0]}", "worker")
    assert len(lanes) == 1
    assert lanes[0].untrusted.startswith(f"{lanes[0].emulator}: address dump: ")
    assert "prefixlen" in lanes[0].untrusted
    jobs = plan.make_jobs(plan.load_scenarios([Path("seed-rule9-ipv4-only")]), lanes)
    (outcome,) = run(jobs, 1)
    results = [result for one in outcome.reports for result in one.results]
    assert {result.untrusted for result in results} == {lanes[0].untrusted}
    assert Summary.of(results) == Summary(untrusted=len(results))
    assert not any(one.failed for one in outcome.reports)
