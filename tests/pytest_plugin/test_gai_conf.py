"""gai.conf in boxes. glibc reads it once per process, so these run in processes of their own."""

import sys
from pathlib import Path

import pytest

from tests.pytest_plugin.kit import PREFER_FAR

HEAD = f"""
import socket
import sys
from pathlib import Path

import pytest

sys.path.append({str(Path(__file__).parents[2])!r})
from tests.pytest_plugin.kit import FAR_FIRST, HOST, NAMES, NEAR_FIRST, PREFER_FAR

FIRST = "import socket; print(socket.getaddrinfo('web', 80, type=socket.SOCK_STREAM)[0][4][0])"


def order(name="web"):
    return [info[4][0] for info in socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)]
"""

FRESH = """
def test_each_call_reads_the_gai_conf_of_its_host(gai_host):
    plain = gai_host(HOST, names=NAMES)
    far = gai_host(HOST, names=NAMES, gai_conf=PREFER_FAR)
    for _ in range(2):
        assert plain.run(order) == NEAR_FIRST
        assert far.run(order) == FAR_FIRST
    done = far.command([sys.executable, "-P", "-c", FIRST])
    assert done.stdout.strip() == FAR_FIRST[0]


@pytest.mark.parametrize("make", [
    lambda path: PREFER_FAR, lambda path: PREFER_FAR.strip(), lambda path: PREFER_FAR.encode(),
    lambda path: path, str, lambda path: "far.conf", lambda path: Path("beside/far.conf"),
], ids=["text", "line", "bytes", "path", "file", "beside the test", "in rootdir"])
def test_ways_to_give_it(gai_host, tmp_path, make):
    path = tmp_path / "far.conf"
    for one in (path, Path(__file__).with_name("far.conf")):
        one.write_text(PREFER_FAR)
    assert gai_host(HOST, names=NAMES, gai_conf=make(path)).run(order) == FAR_FIRST


def test_a_scenario_has_its_own(gai_host):
    own = {"host": HOST, "names": NAMES, "gai_conf": PREFER_FAR}
    assert gai_host(own).run(order) == FAR_FIRST
    assert gai_host(own, gai_conf=None).run(order) == NEAR_FIRST


def test_the_catalogue(gai_host):
    box = gai_host(HOST, gai_conf="prefer-ipv4.conf")
    lines = box.run(lambda: Path("/etc/gai.conf").read_text()).splitlines()
    assert ["precedence", "::ffff:0:0/96", "100"] in [line.split() for line in lines]
"""

STALE = """
from harness.pytest_plugin.children import StaleGaiConf


@pytest.fixture(scope="module", autouse=True)
def sorted_before():
    assert len(order("two")) == 2


def test_another_gai_conf_is_refused(gai_host):
    box = gai_host(HOST, names=NAMES, gai_conf=PREFER_FAR)
    with pytest.raises(StaleGaiConf, match="this pytest process has sorted addresses before"):
        box.run(order)


def test_the_same_is_not(gai_host):
    assert gai_host(HOST, names=NAMES).run(order) == NEAR_FIRST
    assert gai_host(HOST, names=NAMES, gai_conf="# nothing else").run(order) == NEAR_FIRST


def test_commands_and_orders_go_on(gai_host, gai_order):
    box = gai_host(HOST, names=NAMES, gai_conf=PREFER_FAR)
    done = box.command([sys.executable, "-P", "-c", FIRST])
    assert done.stdout.strip() == FAR_FIRST[0]
    assert gai_order(box, "web").native == FAR_FIRST
"""

# a machine whose hosts file makes getaddrinfo sort, and whose gai.conf says nothing
_MACHINE = """
import os, sys
from pathlib import Path
from harness.sandbox import syscalls, namespaces
from harness.sandbox.names import write_names
uid, gid = os.geteuid(), os.getegid()
syscalls.unshare(syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWNS)
Path("/proc/self/setgroups").write_text("deny")
Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
syscalls.mount("none", "/", flags=syscalls.MS_REC | syscalls.MS_PRIVATE)
kept = os.open("/etc", os.O_RDONLY)
namespaces.mount_tmpfs("/etc")
for entry in os.listdir(kept):
    if entry in ("ld.so.cache", "passwd", "group"):
        Path("/etc", entry).touch()
        syscalls.mount(f"/proc/self/fd/{kept}/{entry}", f"/etc/{entry}", flags=syscalls.MS_BIND)
write_names(Path("/etc"), {"two": ["192.0.2.1", "198.51.100.7"]}, "files")
os.execv(sys.executable, [sys.executable, "-P", "-m", "pytest", *sys.argv[1:]])
"""


def test_a_fresh_process_reads_each_hosts_own(project: pytest.Pytester) -> None:
    (project.path / "beside").mkdir()
    (project.path / "beside/far.conf").write_text(PREFER_FAR)
    project.makepyfile(test_fresh=HEAD + FRESH)
    project.runpytest_subprocess("test_fresh.py").assert_outcomes(passed=10)


def test_a_process_that_keeps_another_says_so(project: pytest.Pytester) -> None:
    project.makepyfile(test_stale=HEAD + STALE)
    result = project.run(sys.executable, "-P", "-c", _MACHINE, "test_stale.py")
    result.assert_outcomes(passed=3)
