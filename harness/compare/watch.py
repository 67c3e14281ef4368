"""``watch``: a command in the sandboxed copy of a host, beside what glibc and model say there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness import sandbox
from harness.compare.results import LookupReport, Result
from harness.compare.run import HostJob, collect, reports
from harness.compare.standing import build_for_programs, preloaded
from harness.native.calls import as_ipv4
from harness.native.command import Command, Ran, run
from harness.native.contacts import Contact
from harness.sandbox import Pool

DOMAIN = 53
"""The port of a name server: what is sent there is a look-up, and no use of its answer."""


@dataclass(frozen=True, slots=True)
class Tried:
    """The addresses of one look-up that a command came to, in its order, each once.

    ``as_ordered``: they are the first of glibc's order, in that order.
    """

    lookup: str
    addresses: tuple[str, ...]
    as_ordered: bool


@dataclass(frozen=True, slots=True)
class Watched:
    """What the look-ups of a host give, what a command did there, and how the two compare."""

    reports: tuple[LookupReport, ...]
    ran: Ran

    @property
    def results(self) -> tuple[Result, ...]:
        """The results of all look-ups."""
        return tuple(one for report in self.reports for one in report.results)

    @property
    def tried(self) -> tuple[Tried, ...]:
        """For each look-up of which an address was tried, in which order they were."""
        found = (_tried(one, self.ran.contacts) for one in self.results)
        return tuple(one for one in found if one.addresses)


def watch(job: HostJob, command: Command) -> Watched:
    """Ask for the look-ups of a job with one gai.conf, then run a command on the same host.

    Raises SandboxError, with the exit status of what went wrong.
    """
    if module := preloaded(job.scenario):
        environment = {**command.environment, "LD_PRELOAD": module}
        command = replace(command, environment=environment)
    with Pool(1) as pool:
        asked, ran = pool.run(_watch, (job.without_expectations(), command))
    return Watched(asked, ran)


def _watch(
    box: "sandbox.Box", spec: tuple[HostJob, Command]
) -> Iterator[tuple[LookupReport, ...] | Ran]:
    """Inside a sandbox, which ends with this and takes along what the command has left."""
    job, command = spec
    devices = build_for_programs(box, job.scenario)
    yield tuple(reports(job, collect(box, job, devices=devices)))
    yield run(command, box.tmpdir())


def _tried(result: Result, contacts: Sequence[Contact]) -> Tried:
    order = [*dict.fromkeys(map(as_ipv4, result.order))]
    came = dict.fromkeys(one.address for one in contacts if one.port != DOMAIN)
    addresses = tuple(one for one in came if one in order)
    return Tried(result.lookup, addresses, [*addresses] == order[: len(addresses)])
