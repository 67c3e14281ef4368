"""What sandboxes this host can make, how getaddrinfo can be called, and the main job."""

import errno
import os
import platform
import subprocess
import sys
import sysconfig
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import partial
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path

from harness.doctor.rows import CheckFinding, CheckRow, Found
from harness.kernel.netlink import Netlink
from harness.native.cffi_lane import CffiLane, other_getaddrinfo
from harness.native.record import Query
from harness.native.trace import TraceUnavailable, traced
from harness.native.worker_lane import bundled_module, bundled_worker
from harness.sandbox import Box, devices, programs, syscalls, sysctls, userns_diagnosis
from harness.sandbox.devices import TUN
from harness.sandbox.values import SandboxError, SandboxUnavailable

_TRIAL = "seed-rule9-dual-stack"
_DEVICE_TYPES = (
    "dummy", "veth", "ifb", "bridge", "macvlan", "tun", "sit", "ipip", "ip6tnl", "vrf", "nlmon",
)  # fmt: skip
# the kinds of interface that differ for the ordering
_KINDS = ("ethernet", "sit", "tunnel", "tunnel6", "vrf")
_FIRST_INDEX = 1000


def _kernel() -> Found:
    found = f"{platform.system()} {platform.release()} on {platform.machine()}"
    return found if sys.platform.startswith("linux") else CheckFinding(found)


def _namespaces(uid: int, _box: Box) -> Found:
    who = "root" if uid == 0 else f"uid {uid}, an ordinary user"
    return f"user, network, mount, process, host name and IPC, as {who}"


def _mounts(box: Box) -> Found:
    layers = {name: box.tmpdir() / name for name in ("lowerdir", "upperdir", "workdir", "merged")}
    for layer in layers.values():
        layer.mkdir()
    merged = str(layers.pop("merged"))
    without = {}
    try:
        data = ",".join(f"{name}={layer}" for name, layer in layers.items())
        syscalls.mount("overlay", merged, "overlay", 0, f"{data},userxattr")
    except OSError:
        without["overlay"] = "overlay"
    if not _has_own_proc():
        without["proc"] = "proc"
    # neither is needed: /proc/sys/net of the machine's /proc follows the reader's namespace
    return _parts(("tmpfs", "overlay", "proc"), without, "nothing here needs those")


def _has_own_proc() -> bool:
    """False where a sandbox cannot mount it, and /proc is that of the machine."""
    return str(Path("/proc/self").readlink()) == str(os.getpid())


def _parts(wanted: Sequence[str], without: Mapping[str, str], meaning: str) -> Found:
    """What there is of some things that can all be done without."""
    have = ", ".join(name for name in wanted if name not in without) or "none"
    if not without:
        return have
    return CheckFinding(f"{have}; not {', '.join(without.values())}", "ok", meaning)


def _settings(_box: Box) -> Found:
    sysctls.write("net.ipv4.conf.default.route_localnet", "0")
    return "/proc/sys/net of a sandbox can be written"


def _tun(_box: Box) -> Found:
    try:
        os.close(os.open(TUN, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK))
    except OSError as problem:
        return CheckFinding(f"{TUN}: {problem.strerror}")
    return f"{TUN} can be opened"


def _device_types(_box: Box) -> Found:
    without = {}
    with closing(Netlink()) as sock:
        # macvlan and the like sit on another device
        below = devices.make(sock, "below", "ethernet", _FIRST_INDEX - 1)
        for index, kind in enumerate(_DEVICE_TYPES, _FIRST_INDEX):
            refusal = devices.offered(sock, kind, index, below)
            if refusal == errno.EOPNOTSUPP:
                without[kind] = kind
            elif refusal:
                without[kind] = f"{kind} ({os.strerror(refusal)})"
    return _parts(_DEVICE_TYPES, without, "others stand for those: see interfaces")


def _interface(kind: str, _box: Box) -> Found:
    index = _FIRST_INDEX
    try:
        with closing(Netlink()) as sock:
            return f"made as {devices.make(sock, 'try', kind, index, table=index).used}"
    except SandboxError as problem:
        remedy = problem.hint if isinstance(problem, SandboxUnavailable) else problem.message
    from harness.scenario import library, load

    files = library()
    # loading them all takes as long as the rest of the table: what has such an interface names it
    few = files if kind == "ethernet" else [one for one in files if kind in one.read_text("utf-8")]
    hosts = [load(path).scenario.host for path in few]
    kinds = [{"ethernet", *(one.kind for one in host.interfaces.values())} for host in hosts]
    number = sum(kind in each for each in kinds)
    if not number:
        meaning = "a scenario that has one ends with status 3; none of the library has"
        return CheckFinding("cannot be made", "missing", meaning, remedy)
    meaning = f"{number} of the {len(files)} scenarios of the library need one and end with"
    meaning += f" status 3; the other {len(files) - number} run"
    return CheckFinding("cannot be made", "cannot", meaning, remedy)


def _ipv6(box: Box) -> Found:
    from harness.scenario.schema import Host

    addresses = ["192.0.2.1/24", "2001:db8::1/64"]
    box.build(Host.model_validate({"interfaces": {"eth0": {"addresses": addresses}}}))
    if ip_address("2001:db8::1") in [one.address for one in box.observe().addresses]:
        return "a sandbox's host can have IPv6 addresses"
    return CheckFinding("the address given did not stay")


def _capture(box: Box) -> Found:
    capturing = box.capture()
    box.observe()
    capturing.pcap()
    return "explain --pcap records the netlink traffic"


def _core() -> Found:
    try:
        from harness.native._core import lib

        lib.gai_worker_main  # noqa: B018 - the extension is loaded by its first use
    except (ImportError, OSError, AttributeError) as problem:
        return CheckFinding(f"the extension cannot be loaded: {problem}")
    other = other_getaddrinfo()
    if other is not None:
        return CheckFinding(
            f"getaddrinfo is {other}'s here, a preloaded library's", None,
            "this host's own look-ups cannot be explained",
            "start without LD_PRELOAD, or take it out of /etc/ld.so.preload",
        )  # fmt: skip
    return "the extension is built: the host's glibc, in process"


def _worker() -> Found:
    bundled_module()
    try:
        # it greets and leaves when nobody speaks to it
        done = subprocess.run(
            [bundled_worker()], stdin=subprocess.DEVNULL, capture_output=True, timeout=10,
            check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as problem:
        return CheckFinding(str(problem))
    if not done.stdout:
        return CheckFinding("the worker program says nothing")
    return "the worker program starts: any glibc, in a private root"


def _strace(box: Box) -> Found:
    if programs.find("strace") is None:
        return CheckFinding("not installed", remedy=programs.install("strace"))
    if not _has_own_proc():
        return CheckFinding(
            "a sandbox cannot mount a /proc of its own, in which strace finds it",
            remedy=userns_diagnosis.unconfined("systempaths"),
        )
    try:
        with CffiLane() as lane:
            calls = len(traced(lane, Query("localhost"), box.tmpdir()).calls)
    except TraceUnavailable as problem:
        return CheckFinding(str(problem).splitlines()[-1])
    said = f"attaches: {calls} system calls of a look-up were recorded"
    return said if calls else CheckFinding("strace recorded nothing")


def _headers() -> Found:
    there = Path(sysconfig.get_path("include"), "Python.h").is_file()
    return "there, for a build from source" if there else CheckFinding("not installed", "ok")


def _optional(name: str, module: str, package: str, use: str) -> CheckRow:
    def attempt() -> Found:
        return f"installed, for {use}" if find_spec(module) else CheckFinding("not installed")

    return CheckRow(f"optional: {name}", attempt, f"for {use}", f"pip install {package}")


def _main_job() -> Found:
    from harness.compare.plan import lanes_for, load_scenarios, make_jobs
    from harness.compare.run import run

    jobs = make_jobs(load_scenarios([Path(_TRIAL)]), lanes_for("host", "auto"))
    (outcome,) = run(jobs, 1)
    if outcome.error is not None:
        raise outcome.error
    results = [result for report in outcome.reports for result in report.results]
    said = Counter(f"{result.verdict} on glibc {result.glibc}" for result in results)
    counted = ", ".join(f"{number} {words}" for words, number in said.items())
    return f"{_TRIAL}: {len(results)} look-ups: {counted}"


_SWITCHES = ", ".join(f"{one.key} = {one.value}" for one in userns_diagnosis.SWITCHES if one.value)
_AGAIN = "install again: pip install --force-reinstall gai-harness"
_HOSTS = ("sysctls",)  # without them no host can be built
ROWS = (
    CheckRow("kernel", _kernel, "sandboxes need Linux", "run this on a Linux machine", "cannot"),
    CheckRow(
        "namespaces", inside=partial(_namespaces, os.geteuid()), verdict="cannot",
        meaning=f"no scenario can be run without them; settings here: {_SWITCHES}",
        remedy="report this as a bug", needs=("kernel",),
    ),
    CheckRow("mounts", inside=_mounts, needs=("namespaces",)),
    CheckRow(
        "sysctls", inside=_settings, verdict="cannot", needs=("namespaces",),
        meaning="every host of a scenario begins with some settings of its network",
    ),
    CheckRow(
        "tun", inside=_tun, needs=("namespaces",),
        meaning="tunnels, which fuzz draws too, need it where the kernel has none: see interfaces",
        remedy=f"modprobe tun && chmod 666 {TUN}; a container needs --device {TUN}",
    ),
    CheckRow("device types", inside=_device_types, needs=_HOSTS),
    *(CheckRow(f"interfaces: {kind}", inside=partial(_interface, kind), needs=_HOSTS)
      for kind in _KINDS),
    CheckRow(
        "IPv6", inside=_ipv6, verdict="cannot", needs=_HOSTS,
        meaning="most scenarios have IPv6 addresses",
        remedy="load the kernel module ipv6; it must not be switched off by ipv6.disable=1",
    ),
    CheckRow(
        "packet capture", inside=_capture, meaning="explain --pcap cannot be used", needs=_HOSTS
    ),
    CheckRow("cffi lane", _core, "the host's own glibc is called through it", _AGAIN, "cannot"),
    CheckRow("worker lane", _worker, "no other glibc can be called", _AGAIN),
    CheckRow(
        "strace", inside=_strace, meaning="explain --trace and watch cannot be used",
        remedy="a container must allow ptrace(2): --cap-add SYS_PTRACE",
    ),
    CheckRow(
        "Python headers", _headers,
        "only a build from source asks for them, and takes them from apt-get by itself",
    ),
)  # fmt: skip
LAST_ROWS = (
    _optional("cluster", "distributed", "'gai-harness[cluster]'", "run and fuzz --scheduler"),
    _optional("plot", "matplotlib", "'gai-harness[plot]'", "bench --plot"),
    _optional(
        "pytest", "pytest", "pytest", "scenario files and hosts in a test suite of your own"
    ),
    CheckRow(
        "the main job", _main_job, "no scenario can be run", verdict="cannot",
        needs=("IPv6", "cffi lane"),
    ),
)  # fmt: skip
