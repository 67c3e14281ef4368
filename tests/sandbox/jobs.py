"""The functions the tests run inside sandboxes."""

import ctypes
import errno
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any

from harness.model.host import Route, Target
from harness.native.cffi_lane import CffiLane
from harness.native.record import Query
from harness.native.worker_lane import bundled_module
from harness.sandbox import Box, SandboxError, sysctls
from harness.scenario.schema import Host
from harness.scenario.sysctls import WHOLE, parts


def _network() -> str:
    return str(Path("/proc/self/ns/net").readlink())


def built(box: Box, host: Host) -> Iterator[Any]:
    """The notes, what is observed, and the kernel's own type of each interface."""
    yield box.build(host)
    yield box.observe()
    yield {link.name: link.kind for link in box._netlink.links()}


def connected(box: Box, spec: tuple[Host, list[Target]]) -> Iterator[Any]:
    """What observe() says of each target, and what real sockets meet."""
    host, targets = spec
    box.build(host)
    view = box.observe(targets)
    yield view
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        yield {target: _connect(sock, target, view.bindv6only) for target in targets}


def _connect(sock: socket.socket, target: Target, only_ipv6: bool) -> Route:
    """As glibc does it: one AF_INET6 socket for all, an AF_INET one where that is refused."""
    address = str(target.address)
    if ":" in address:
        return _met(sock, (address, 80, 0, target.scope_id))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        plain = _met(own, (address, 80))
    if not only_ipv6:
        both = _met(sock, (f"::ffff:{address}", 80, 0, 0))
        mapped = both.source.ipv4_mapped if isinstance(both.source, IPv6Address) else None
        assert plain == Route(mapped, both.error), (target, plain, both)
    return plain


def _met(sock: socket.socket, where: Any) -> Route:
    # Python has no way to connect to AF_UNSPEC, which disconnects
    ctypes.CDLL(None).connect(sock.fileno(), bytes(16), 16)
    try:
        sock.connect(where)
    except OSError as problem:
        return Route(None, errno.errorcode[problem.errno or 0])
    return Route(ip_address(sock.getsockname()[0].partition("%")[0]))


def surroundings(box: Box, host: Host) -> Iterator[Any]:
    """What a process sees of the machine around it."""
    box.build(host)
    etc, run, pids = (
        sorted(one.name for one in Path(at).iterdir()) for at in ("/etc", "/run", "/proc")
    )
    yield {
        "etc": etc, "run": run, "hostname": socket.gethostname(), "pid": os.getpid(),
        "pids": [pid for pid in pids if pid.isdigit()], "uid": (os.getuid(), os.getgid()),
    }  # fmt: skip


Names = dict[str, list[str]]
Steps = list[tuple[Names, str, str]]
"""Names, their resolver and whose reply comes first."""


def resolved(box: Box, spec: tuple[Host, Steps, list[str], str]) -> Iterator[Any]:
    """The answers of getent, a process of its own, after each change of the names.

    The last part of ``spec`` is added to resolv.conf. It dies of an answer that takes 2 s.
    """
    host, steps, questions, options = spec
    box.build(host)
    box.set_gai_conf(b"precedence ::/0 40\n")
    for names, resolver, first in steps:
        box.set_names(names, resolver, first)  # type: ignore[arg-type]
        with (box.etc / "resolv.conf").open("a") as file:
            file.write(options)
        for question in questions:
            command = ["getent", *question.split()]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=2)
            answers = [line.split() for line in done.stdout.splitlines()]
            found = [words[0] for words in answers if words[1:2] == ["STREAM"]]
            yield done.returncode, found or done.stdout.split()


def module_files(box: Box, spec: tuple[Host, list[tuple[Names, str]]]) -> Iterator[Any]:
    """What the private /etc holds after each change of the names, and the links."""
    host, steps = spec
    box.build(host)
    yield {link.name: link.index for link in box.observe().links}
    for names, resolver in steps:
        box.set_names(names, resolver)  # type: ignore[arg-type]
        texts = {name: (box.etc / name) for name in ("gaiharness.names", "hosts", "nsswitch.conf")}
        yield {name: path.read_text() if path.exists() else None for name, path in texts.items()}


def module_asked(box: Box, spec: tuple[Host, list[Names], list[tuple[str, int]]]) -> Iterator[Any]:
    """What this interpreter's glibc gets from the module, in one session, as names change."""
    host, versions, questions = spec
    box.build(host)
    links = {link.name: link.index for link in box.observe().links}
    box.set_names(versions[0], "nss")
    with CffiLane([bundled_module()]) as lane, lane.open() as session:
        for names in versions:
            box.set_names(names, "nss")
            for name, family in questions:
                answer = session.lookup(Query(name, family=family, socktype=1))
                found = [(one.address, one.scope_id) for one in answer.addrinfos]  # type: ignore[union-attr]
                yield links, answer.error or found  # type: ignore[union-attr]
        yield sorted(link.name for link in Path(f"/proc/{session.pid}/fd").iterdir())


def gai_conf_versions(box: Box, spec: list[bytes | None]) -> Iterator[Any]:
    for data in spec:
        box.set_gai_conf(data)
        path = box.etc / "gai.conf"
        yield (path.read_bytes(), path.stat().st_mtime_ns) if path.exists() else None


def rooted(box: Box, spec: tuple[Path, Any]) -> Iterator[Any]:
    """The files of a private root, and why nothing can be written there."""
    root = box.private_root(*spec)
    assert box.private_root(*spec) == root
    box.set_gai_conf(b"# changed later\n")
    files = {str(p.relative_to(root)): p.read_text() for p in root.rglob("*") if p.is_file()}
    refused = set()
    for path in [*(root / name for name in files), *(root / one / "new" for one in ("", "python"))]:
        try:
            path.write_text("changed")
        except OSError as problem:
            refused.add(errno.errorcode[problem.errno or 0])
        else:
            refused.add(str(path))
    yield files, refused


def counting(box: Box, upto: int) -> Iterator[int]:
    yield from range(upto)


def sleeping(box: Box, spec: float) -> Iterator[Any]:
    """Has children of its own while it sleeps."""
    child = subprocess.Popen(["sleep", "1000"])
    yield _network(), child.pid
    time.sleep(spec)
    yield "slept"


def timed(box: Box, spec: float) -> Iterator[Any]:
    """When it began and ended, on the clock that all processes share."""
    began = time.monotonic()
    time.sleep(spec)
    yield began, time.monotonic()


def failing(box: Box, spec: Any) -> Iterator[Any]:
    yield 1
    raise LookupError("nobody foresaw\nthis")


def evaluated(box: Box, expression: str) -> Iterator[Any]:
    yield eval(expression)


def crashing(box: Box, spec: Any) -> Iterator[Any]:
    """Dies of a signal when asked to, otherwise gives its spec back."""
    yield spec
    if spec == "crash":
        ctypes.string_at(0)
    yield "survived"


def built_twice(box: Box, host: Host) -> Iterator[Any]:
    box.build(host)
    yield box.build(host)


def churn(box: Box, host: Host) -> Iterator[Any]:
    box.build(host)
    box.set_names({"web": ["10.0.0.1"]}, "dns")
    yield _network()


def busy(box: Box, host: Host) -> Iterator[Any]:
    """Holds everything a sandbox can hold, and does not end by itself."""
    child = subprocess.Popen(["sleep", "1000"])
    yield from churn(box, host)
    child.wait()
    yield None


def echo(box: Box, spec: Any) -> Iterator[Any]:
    yield spec
    while (heard := box.hear()) != "stop":
        yield heard


def sysctls_changed(box: Box, host: Host) -> Iterator[set[str]]:
    """Write another value to every sysctl a scenario may set; the keys of those that took it."""
    box.build(host)
    found = Path("/proc/sys/net").glob("ipv[46]/[cn]*/*/*")
    keys = [*WHOLE, *(".".join(("net", *path.parts[-4:])) for path in found)]
    changed = set()
    for key in keys:
        path = Path("/proc/sys", *(parts(key) or ("none",)))
        if not path.is_file() or path.name == "stable_secret":
            continue
        before = path.read_text().split()
        for other in _others(before):
            with suppress(SandboxError):
                sysctls.write(key, other)
            with suppress(OSError):
                if path.read_text().split() != before:
                    changed.add(key)
                    break
    yield changed


def _others(words: list[str]) -> Iterator[str]:
    """Values that a setting may take instead."""
    if len(words) == 1 and words[0].lstrip("-").isdigit():
        value = int(words[0])
        yield from (str(each) for each in (1 - value, value + 1, value - 1, value * 2))
    yield from ("0 0", "0 1000", "20000 30000", "20000-20010", "1", "7")


def littering(box: Box, host: Host) -> Iterator[Any]:
    """What there is before a host is built, and the host's notes; then leaves all sorts of things.

    The network and the process tree come last.
    """
    processes = {entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit()}
    links = [link.name for link in box._netlink.links()]
    found = {str(path): path.read_bytes() for path in Path("/etc").iterdir() if path.is_file()}
    own = os.uname().nodename, box.tmpdir().name, [*box.tmpdir().iterdir()]
    yield processes, links, found, own, box.build(host)
    box.set_gai_conf(b"reload yes\n")
    box.set_names({"web": ["192.0.2.1"]}, "dns")
    (box.tmpdir() / "left").touch()
    box.private_root(_skeleton(box))
    subprocess.Popen(["sleep", "600"], start_new_session=True)
    yield _network(), str(Path("/proc/self/ns/pid").readlink())


def _skeleton(box: Box) -> Path:
    skeleton = box.tmpdir() / "skeleton"
    (skeleton / "etc").mkdir(parents=True)
    return skeleton
