"""Hosts in which programs of one's own run: how they are built, what such a program gets."""

from collections.abc import Iterator, Mapping

from harness import sandbox
from harness.compare.run import JobOutcome, collect, reports, set_names
from harness.native.worker_lane import bundled_module
from harness.sandbox import DeviceNote, SandboxError
from harness.sandbox.pool import RESOLVER_VARIABLES
from harness.scenario import LoadedScenario
from harness.scenario.schema import Scenario


def no_place(scenario: Scenario) -> str:
    """Why programs of one's own cannot run on the host of a scenario; "" where they can."""
    if scenario.asks("nss_by_family") or scenario.netlink == "refused":
        why = "a program of one's own takes no part in that"
        return f"neither nss_by_family nor netlink: refused: {why}"
    return ""


def variables(given: Mapping[str, str]) -> dict[str, str]:
    """An environment without what changes glibc's resolver."""
    return {name: value for name, value in given.items() if name not in RESOLVER_VARIABLES}


def preloaded(scenario: Scenario) -> str:
    """The library for LD_PRELOAD with which a program sees a scenario's names; "" for none."""
    # glibc takes a loaded name service module by its soname
    return str(bundled_module()) if scenario.asks("nss") else ""


def build_for_programs(box: "sandbox.Box", scenario: Scenario) -> tuple[DeviceNote, ...]:
    """Inside a sandbox: build a scenario's host, on which the machine's other files are seen too.

    Raises as `Box.build`.
    """
    devices = box.build(scenario.host)
    box.show_machine_etc()
    return devices


def stand(
    box: "sandbox.Box", loaded: LoadedScenario
) -> Iterator[tuple[DeviceNote, ...] | JobOutcome]:
    """Inside a sandbox, for `Pool.converse`: build a scenario's host, which others work in.

    Yields the notes on the devices used and sends its namespaces. Then it answers each
    HostJob it hears with a JobOutcome, of this host as it is by then; the names and the
    gai.conf are put back after each.
    """

    def furnish() -> None:
        set_names(box, scenario)
        box.set_gai_conf(loaded.gai_conf)

    scenario = loaded.scenario
    devices = build_for_programs(box, scenario)
    furnish()
    yield devices
    box.send_namespaces()
    while True:
        try:
            job = box.hear()
        except EOFError:
            return
        try:
            outcome = JobOutcome(job, tuple(reports(job, collect(box, job, devices=devices))))
        except SandboxError as problem:
            outcome = JobOutcome(job, (), problem)
        except Exception as problem:  # one question must not end the host
            outcome = JobOutcome(job, (), SandboxError.unforeseen("no answer", problem))
        furnish()
        yield outcome
