"""A host that stands while others work in it, and answers for itself in between."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.compare.run import HostJob, JobOutcome, gather, reports
from harness.sandbox import SandboxError

if TYPE_CHECKING:
    from harness.sandbox import Box, DeviceNote
    from harness.scenario.schema import Scenario


@dataclass(frozen=True, slots=True)
class Standing:
    """A scenario whose host is to stand, and the gai.conf it has: None for no file at all."""

    scenario: Scenario
    gai_conf: bytes | None


def stand(box: Box, spec: Standing) -> Iterator[tuple[DeviceNote, ...] | JobOutcome]:
    """Inside a sandbox, for `Pool.converse`: build the host and keep it.

    Yields the notes on the devices used and sends its namespaces. Then it answers each
    HostJob it hears with a JobOutcome, of this host as it is by then; the names and the
    gai.conf are put back after each.
    """
    topology = box.build(spec.scenario.host)
    box.show_machine_etc()
    _furnish(box, spec)
    yield topology.notes
    box.send_namespaces()
    while True:
        try:
            job = box.hear()
        except EOFError:
            return
        outcome = _answer(box, job, topology.notes)
        _furnish(box, spec)
        yield outcome


def _furnish(box: Box, spec: Standing) -> None:
    scenario = spec.scenario
    box.set_names(scenario.names, scenario.resolver, scenario.dns.first_reply)
    box.set_gai_conf(spec.gai_conf)


def _answer(box: Box, job: HostJob, devices: tuple[DeviceNote, ...]) -> JobOutcome:
    try:
        return JobOutcome(job, tuple(reports(job, gather(box, job, devices))))
    except SandboxError as problem:
        return JobOutcome(job, (), problem)
    except Exception as problem:  # one question must not end the host
        last = " ".join(traceback.format_exception_only(problem)[-1].split())
        details = "".join(traceback.format_exception(problem))
        return JobOutcome(job, (), SandboxError(f"no answer: {last}", details))


def visit(box: Box, spec: object) -> Iterator[None]:  # noqa: ARG001
    """Inside a sandbox: nothing. It shows that one can be made."""
    yield None
