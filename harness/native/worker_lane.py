"""The lane to any glibc, through the worker program and that glibc's own loader."""

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from harness.native.lanes import Lane
from harness.native.record import LaneError
from harness.sandbox import jail
from harness.versions import ResolverName, interpreter_arch, sorting

#: What glibc makes of the service name "gaiharness" in nsswitch.conf.
MODULE_NAME = "libnss_gaiharness.so.2"
#: Of "gai_family", the same module as a service that cannot give both families at once.
FAMILY_MODULE_NAME = "libnss_gai_family.so.2"


def bundled_worker(arch: str | None = None, resolver: ResolverName = "glibc") -> Path:
    """The worker program that was built with this package, for ``arch`` (Debian's name; this
    interpreter's by default) and a resolver. Raises LaneError when there is none.
    """
    resolver = sorting(resolver)
    if resolver == "glibc":
        return _bundled("worker", "worker-{}", arch)
    return _bundled("worker", f"worker-{resolver}-{{}}", arch, f"{resolver} on ")


def bundled_module(arch: str | None = None) -> Path:
    """The name service module that was built with this package; as `bundled_worker`.

    glibc finds it by the name ``MODULE_NAME`` in its library folder, or loaded already.
    """
    return _bundled("name service module", "nss-{}.so", arch)


def _bundled(what: str, form: str, arch: str | None, whose: str = "") -> Path:
    arch = arch or interpreter_arch()
    path = Path(__file__).with_name("bin") / form.format(arch)
    if not path.is_file():
        raise LaneError(f"this installation has no {what} for {whose}{arch}")
    return path


class WorkerLane(Lane):
    """Runs a worker program.

    Parameters:
        argv: the command, for example ``[loader, "--library-path", folder, worker]``.
        root: all that it is to see and have: its program is then somebody else's, and runs
            in a jail (`harness.sandbox.jail`). It is a mount, made by `Box.private_root`; None
            for a program of one's own, which sees what the caller does.
        preload: libraries the worker loads at its start, by name, so that its sessions have
            them already: loading our name service module is half of a session's cost.
        netlink: whether it may open netlink sockets.
    """

    def __init__(
        self,
        argv: Sequence[str | os.PathLike[str]],
        root: Path | None = None,
        preload: Sequence[str] = (),
        netlink: bool = True,
    ) -> None:
        words = [os.fspath(word) for word in argv]
        # the sessions clear their environment, so nothing of this reaches getaddrinfo
        environment = {"LD_PRELOAD": ":".join(preload)} if preload else {}
        super().__init__(partial(jail.start, words, root, netlink, env=environment))
