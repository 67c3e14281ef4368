"""Opening a lane inside a sandbox: this interpreter's own glibc, or a worker in a private root."""

from collections.abc import Collection, Sequence
from pathlib import Path

from harness import sandbox
from harness.compare.evidence import LaneSpec
from harness.kernel.own_names import IPV6_FILES
from harness.model.services import Kind
from harness.native.cffi_lane import CffiLane  # here, and not by every sandbox anew
from harness.native.lanes import Lane
from harness.native.record import LaneError
from harness.native.worker_lane import FAMILY_MODULE_NAME, MODULE_NAME, WorkerLane, bundled_module


def open_lane(
    box: "sandbox.Box", spec: LaneSpec, kinds: Collection[Kind] = (), netlink: bool = True
) -> Lane:
    """Inside a sandbox: the lane of a spec, ready for the name services that are asked.

    Without ``netlink`` its processes may open no such socket.

    Raises LaneError for a worker that does not start, or lacks a module, with the build's name.
    """
    myhostname = "myhostname" in kinds and spec.resolver == "glibc"
    if myhostname and not spec.myhostname:
        raise LaneError(lacks_module(spec))
    if not spec.command:
        # a private root has the module in its library folder
        modules = [bundled_module()] if "nss" in kinds else []
        if "nss_by_family" in kinds:  # glibc looks for it by the name it calls itself
            own, other = MODULE_NAME.encode(), FAMILY_MODULE_NAME.encode()
            modules.append(box.tmpdir() / FAMILY_MODULE_NAME)
            modules[-1].write_bytes(bundled_module().read_bytes().replace(own, other))
        return CffiLane(modules, netlink)
    lane = worker_lane(box, spec, (), IPV6_FILES if myhostname else (), netlink)
    try:
        lane.start()
    except LaneError as problem:
        who = "glibc " if spec.resolver == "glibc" else ""
        raise LaneError(f"{who}{spec.name} does not run here: {problem}") from None
    return lane


def lacks_module(spec: LaneSpec) -> str:
    """What is said of a lane without systemd's module, and what helps."""
    hint = f"gai-harness glibc fetch {spec.glibc} --refresh brings it"
    if spec.build == "host":
        hint = "the distribution's package libnss-myhostname has it"
    return f"glibc {spec.name} has no libnss_myhostname.so.2: {hint}"


def worker_lane(
    box: "sandbox.Box",
    spec: LaneSpec,
    preload: Sequence[str] = (),
    proc: Sequence[Path] = (),
    netlink: bool = True,
) -> WorkerLane:
    """Inside a sandbox: the worker of a spec in its private root; it is started when used."""
    root = None if spec.skeleton is None else box.private_root(spec.skeleton, spec.parts, proc)
    return WorkerLane(spec.command, root=root, preload=preload, netlink=netlink)
