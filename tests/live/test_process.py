"""``--in pid:N``: another process's network and /etc, and nothing of its code in this host's."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from harness.glibcs import find
from harness.live import process
from tests.conftest import Call
from tests.e2e.kit import COMMAND, start
from tests.sandbox import ordinary_user

# IPv4 before IPv6, and both lines of a name: neither is so on this host
ETC = {
    "hosts": "10.9.0.7 web\n2001:db8:9::7 web\n",
    "host.conf": "multi on\n",
    "nsswitch.conf": "hosts: files dns\n",
    "resolv.conf": "nameserver 127.0.0.1\n",
    "gai.conf": "precedence ::ffff:0:0/96 100\n",
}
# it makes its host, and is its DNS server, which knows one name more
PROGRAM = """
import json, os, subprocess, sys
from pathlib import Path
from dnslib import DNSRecord, QTYPE, RR
from dnslib.server import DNSLogger, DNSServer
from pyroute2 import IPRoute

etc, root = json.loads(sys.argv[1]), sys.argv[2]
with IPRoute() as ip:
    ip.link("add", ifname="eth0", kind="veth", peer="eth1")
    for name in ("lo", "eth1", "eth0"):
        (index,) = ip.link_lookup(ifname=name)
        ip.link("set", index=index, state="up")
    ip.addr("add", index=index, address="10.9.0.2", prefixlen=24)
    no_detection = 2
    ip.addr("add", index=index, address="2001:db8:9::2", prefixlen=64, flags=no_detection)

inner = RR.fromZone("inner 60 A 10.9.0.8")  # here: codecs are not in that root

class Resolver:
    def resolve(self, request, handler):
        reply = request.reply()
        if str(request.q.qname).rstrip(".") == "inner" and request.q.qtype == QTYPE.A:
            reply.add_answer(*inner)
        return reply

server = DNSServer(Resolver(), port=53, address="127.0.0.1",
                   logger=DNSLogger(logf=lambda *_: None))
server.start_thread()
if root:
    os.chroot(root)
else:
    subprocess.run(["mount", "-t", "tmpfs", "none", "/etc"], check=True)
    for name, text in etc.items():
        Path("/etc", name).write_text(text)
print(os.getpid(), flush=True)
server.thread.join()
"""
AS_ROOT = ("unshare", "--net", "--mount")
IN_USERS = ("unshare", "--user", "--map-root-user", "--net", "--mount")
OWN = IN_USERS if os.geteuid() else AS_ROOT


@contextmanager
def living(
    root: Path | None = None, unshare: tuple[str, ...] = OWN, etc: dict[str, str] | None = None
) -> Iterator[int]:
    """The number of a process with a network and an /etc of its own, or all of a root."""
    words = [*unshare, sys.executable, "-I", "-c", PROGRAM, json.dumps(etc or ETC), root or ""]
    with subprocess.Popen(list(map(str, words)), stdout=subprocess.PIPE, text=True) as one:
        try:
            assert one.stdout is not None
            yield int(one.stdout.readline())
        finally:
            one.kill()


def _root(folder: Path, version: str) -> Path:
    """A root file system with a glibc and the files of name service."""
    (build,) = find(version)
    (folder / "lib").mkdir(parents=True)
    for name, path in build.files:
        shutil.copy(path, folder / "lib" / name)
    (folder / "etc").mkdir()
    for name, text in ETC.items():
        (folder / "etc" / name).write_text(text)
    return folder


def _orders(out: str) -> dict[tuple[str, str, str], list[str]]:
    """Each native order of an explanation in JSON, by scenario, glibc and name."""
    return {
        (one["scenario"], one["glibc"], one["lookup"]): one["native"]
        for one in json.loads(out)["explanations"]
    }


@pytest.mark.bare
@pytest.mark.parametrize("unshare", [OWN, *([IN_USERS] if OWN is AS_ROOT else [])])
def test_with_the_glibc_of_this_host_it_is_live(unshare: tuple[str, ...], call: Call) -> None:
    with living(unshare=unshare) as pid:
        done = call("explain", "web", "inner", "--in", f"pid:{pid}", "--json")
        assert (done.status, done.err) == (0, "")
        (own,) = find("host")
        where = f"pid-{pid}"
        assert _orders(done.out) == {
            (where, own.version, "web"): ["10.9.0.7", "2001:db8:9::7"],
            (where, own.version, "inner"): ["10.9.0.8"],
        }
        # without its gai.conf the default precedences decide
        done = call("explain", "web", "--in", f"pid:{pid}", "--json", "--gai-conf", "none")
        assert [*_orders(done.out).values()] == [["2001:db8:9::7", "10.9.0.7"]]
    assert call("explain", "web", "--json").status == 1  # here nobody knows it


@pytest.mark.bare
def test_an_ordinary_user_asks_in_a_process_of_theirs() -> None:
    words = ["explain", "web", "inner", "--json", "--in"]
    script = (
        "import subprocess, sys\nsys.path.append('.')\n"
        "from tests.live.test_process import IN_USERS, living\n"
        "with living(unshare=IN_USERS) as pid:\n"
        "    sys.exit(subprocess.run([*sys.argv[1:], f'pid:{pid}']).returncode)\n"
    )
    command = [sys.executable, "-P", "-c", script, str(COMMAND), *words]
    with tempfile.TemporaryDirectory() as home:  # pytest's own folders are closed to others
        Path(home).chmod(0o777)
        env = {"HOME": home, "GAI_HARNESS_CACHE": f"{home}/cache"}
        own = os.geteuid() != 0
        done = start(*command, env=env) if own else ordinary_user.run(command, environment=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert [*_orders(done.stdout).values()] == [["10.9.0.7", "2001:db8:9::7"], ["10.9.0.8"]]


@pytest.mark.network
def test_another_glibc_is_asked_on_a_copy(
    tmp_path: Path, call: Call, fetch_glibcs: Callable[..., str]
) -> None:
    """And links of that root lead to its own files: the one out of it to none."""
    (own,) = find("host")
    for version in ("2.36", "2.41"):
        fetch_glibcs(version)
    other = "2.36" if own.version == "2.41" else "2.41"
    root = _root(tmp_path / "root", other)
    with living(root) as pid:
        done = call("explain", "web", "inner", "--in", f"pid:{pid}", "--json")
        assert done.status == 0
        assert f"glibc {other}:amd64" in done.err
        assert "is asked on a copy of its network" in done.err
        where = f"copy-of-pid-{pid}"
        assert _orders(done.out) == {
            (where, other, "web"): ["10.9.0.7", "2001:db8:9::7"],
            (where, other, "inner"): ["10.9.0.8"],
        }
        outside = tmp_path / "outside.conf"
        outside.write_text(ETC["gai.conf"])
        (root / "etc/gai.conf").unlink()
        (root / "etc/gai.conf").symlink_to(outside)
        done = call("explain", "web", "--in", f"pid:{pid}", "--json", "--glibc", "2.36,2.41")
        assert {*map(tuple, _orders(done.out).values())} == {("2001:db8:9::7", "10.9.0.7")}
        (root / "etc/hosts").unlink()
        os.mkfifo(root / "etc/hosts")
        done = call("explain", "web", "--in", f"pid:{pid}", "--glibc", "host")
        assert done.status == 3
        assert "cannot be entered (/etc/hosts: a device, pipe or socket)" in done.err


def test_a_snapshot_of_its_network(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "pod.yaml"
    with living() as pid:
        done = call("snapshot", "web", "inner", "--in", f"pid:{pid}", "-o", path)
        assert (done.status, done.err) == (0, "")
    assert "addresses, links and the source for every address" in path.read_text()
    done = call("run", path, "--json")
    found = {one["lookup"]: one["native"] for one in json.loads(done.out)["results"]}
    assert found == {"web": ["10.9.0.7", "2001:db8:9::7"], "inner": ["10.9.0.8"]}


def _state(*_: Any) -> tuple[str, str, list[str]]:
    status = Path("/proc/self/status").read_text().splitlines()
    (rights,) = (line.split()[1] for line in status if line.startswith("CapEff:"))
    return (
        rights,
        str(Path("/proc/self/ns/net").readlink()),
        sorted(one.name for one in Path("/etc").iterdir()),
    )


@pytest.mark.parametrize("unshare", [OWN, IN_USERS])
def test_who_asks_there_has_no_right(unshare: tuple[str, ...]) -> None:
    before = _state()
    with living(unshare=unshare) as pid:
        rights, network, files = process.inside(pid, _state)
        assert int(rights, 16) == 0
        assert network == str(Path(f"/proc/{pid}/ns/net").readlink()) != before[1]
        assert files == sorted(ETC)
        # what root of that namespace could attach to would be this user to the host
        owner = process.inside(pid, lambda: Path("/proc/self/mem").stat().st_uid)
        assert owner == (65534 if unshare is IN_USERS and os.geteuid() else 0)
    assert _state() == before


def _fails(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(("error", "kind", "line"), [
    (process.ProcessUnavailable("no"), Exception, "^no$"),
    (PermissionError(1, "refused", "x"), PermissionError, "refused"),
    (KeyError("bug"), RuntimeError, "KeyError"),
])  # fmt: skip
def test_an_error_there_is_one_here(error: Exception, kind: type[Exception], line: str) -> None:
    with pytest.raises(kind, match=line) as caught:
        process.inside(os.getpid(), lambda: _fails(error))
    expected = 3 if "no" in line else None
    assert getattr(caught.value, "exit_status", None) == expected


@pytest.mark.parametrize(("words", "status", "said"), [
    (["x", "--in", "12"], 2, "a process, pid:NUMBER, was expected, got '12'"),
    (["x", "--in", "pid:-1"], 2, "a process, pid:NUMBER, was expected"),
    (["seed-rule9-dual-stack", "--in", "pid:1"], 2, "--in: only a name is looked up there"),
    (["x", "--in", "pid:9999999999", "--glibc", "host"], 3, "ask as root"),
])  # fmt: skip
@pytest.mark.parametrize("command", ["explain", "snapshot"])
def test_wrong_use_is_one_line(
    command: str, words: list[str], status: int, said: str, call: Call
) -> None:
    if command == "snapshot":
        words = words[:3]
    done = call(command, *words)
    assert (done.status, done.err.count("\n")) == (
        status,
        1 if status == 3 else done.err.count("\n"),
    )
    assert said in done.err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes such a process")
def test_only_a_hosts_file_may_be_large(tmp_path: Path) -> None:
    """Of 8 MiB of options of resolv.conf, each was told: in 2 GiB."""
    etc, large = tmp_path / "etc", b"#" * (1 << 21)
    etc.mkdir()
    (etc / "hosts").write_bytes(large)
    root = os.open(tmp_path, os.O_RDONLY)
    try:
        found = process._in_child(partial(process._name_service, root))
        assert found == {"hosts": large}
        (etc / "resolv.conf").write_bytes(large)
        with pytest.raises(OSError, match="more than 1 MiB"):
            process._in_child(partial(process._name_service, root))
    finally:
        os.close(root)


def test_a_network_of_roots_is_refused_to_others() -> None:
    """A process of that user in a network that root made."""
    words = ["unshare", "--net", "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    with subprocess.Popen([*words, "sh", "-c", "echo; exec sleep 60"], stdout=-1) as one:
        try:
            assert one.stdout is not None
            one.stdout.readline()
            command = [str(COMMAND), "snapshot", "web", "--in", f"pid:{one.pid}"]
            done = ordinary_user.run(command)
        finally:
            one.kill()
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "cannot be entered (setns: Operation not permitted); name a running" in done.stderr
