"""What builds share is what each of them would have for itself."""

from collections.abc import Sequence
from dataclasses import replace

from harness.compare.evidence import Evidence
from harness.compare.sharing import Shared
from harness.compare.verdict import analyse, judge
from harness.model.dialects import dialect
from harness.model.watched import WatchedDialect
from harness.native.record import Answer

OTHERS = ("2.5", "2.17", "2.31", "2.36", "2.41", "2.44")


def on(one: Evidence, glibc: str, arch: str = "amd64") -> Evidence:
    return replace(one, lane=replace(one.lane, glibc=glibc, arch=arch, label=f"{glibc}:{arch}"))


def every(one: Evidence) -> list[Evidence]:
    return [on(one, glibc) for glibc in OTHERS] + [on(one, "2.36", "s390x")]


def test_a_shared_analysis_is_what_each_dialect_gives(library_evidence: Sequence[Evidence]) -> None:
    fewer = 0
    for one in library_evidence[::15]:
        shared = Shared()
        for build in every(one):
            assert shared.analysis(build, analyse) == analyse(build), build.scenario.name
        fewer += len({id(each) for each in shared.analyses.values()}) < len(shared.analyses)
    assert fewer > 30  # else it is a test of nothing


def test_a_shared_result_is_what_each_build_gets(library_evidence: Sequence[Evidence]) -> None:
    for one in library_evidence[1::40]:
        known = Shared()
        natives = [one.native]
        if isinstance(one.native, Answer):
            natives += [
                replace(one.native, elapsed_ns=1), replace(one.native, error="EAI_AGAIN"),
                replace(one.native, addrinfos=one.native.addrinfos[::-1]),
            ]  # fmt: skip
        for build in (replace(each, native=native) for each in every(one) for native in natives):
            assert judge(build, known=known) == judge(build), build.scenario.name


def test_what_is_read_of_a_dialect_is_noted() -> None:
    old, new = dialect("2.36"), dialect("2.44")
    assert old.mptcp_known is not new.mptcp_known
    watched = WatchedDialect(old)
    assert watched.word_bits == 64
    assert watched.holds_for(new)
    assert watched.mptcp_known is old.mptcp_known
    assert watched.holds_for(old)
    assert not watched.holds_for(new)


def test_what_a_method_of_a_dialect_reads_is_noted() -> None:
    near, far = dialect("2.36", "amd64"), dialect("2.36", "s390x")
    assert near.netmask(0) != far.netmask(0)
    watched = WatchedDialect(near)
    assert watched.netmask(24) == near.netmask(24)
    assert watched.holds_for(far)
    assert watched.netmask(0) == near.netmask(0)
    assert not watched.holds_for(far)
