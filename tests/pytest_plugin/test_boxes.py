"""The fixtures, as people's own tests use them: this run of pytest has loaded the plugin."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from harness.model.lookup import Request  # any class that a test module knows
from harness.pytest_plugin.children import ChildError
from harness.pytest_plugin.hosts import HostOrder
from harness.sandbox import SandboxError
from harness.scenario import ScenarioError
from tests.pytest_plugin.kit import FAR_FIRST, HOST, HOST_VERSION, NAMES, NEAR_FIRST, GaiHost
from tests.sandbox import network
from tests.sandbox.network import add_address, flush_ipv6, ipv4_addresses

pytestmark = pytest.mark.gai_namespaces


def order(name: str) -> list[str]:
    """Code of somebody's own."""
    return [str(info[4][0]) for info in socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)]


def test_closures_lambdas_and_what_is_in_memory(gai_host: GaiHost, tmp_path: Path) -> None:
    box = gai_host(HOST, names=NAMES)
    names, seen = ["web"], []
    (tmp_path / "written").write_text("before")

    def inside() -> tuple[list[str], str, int, Request]:
        seen.append("the child's own copy")
        (tmp_path / "written").write_text("after")
        return order(names[0]), str(Path.cwd()), os.getuid(), Request(name="web")

    here = str(Path.cwd())
    assert box.run(inside) == (NEAR_FIRST, here, 0, Request(name="web"))
    assert seen == []
    assert (tmp_path / "written").read_text() == "after"  # files are the machine's
    assert box.run(lambda a, b: a + b, 1, 2) == 3
    assert box.run(partial(int, base=16), "ff") == 255
    assert box.run(socket.gethostname) == "sandbox"


def test_commands_that_end_fail_or_hang(gai_host: GaiHost) -> None:
    box = gai_host(HOST)
    done = box.command([sys.executable, "-P", "-c", "print(input()[::-1]); exit(3)"], input="abc\n")
    assert isinstance(done, subprocess.CompletedProcess)
    assert (done.stdout, done.stderr, done.returncode) == ("cba\n", "", 3)
    assert box.command(["pwd"], cwd="/").stdout == "/\n"
    with pytest.raises(subprocess.CalledProcessError, match="status 2"):
        box.command([sys.executable, "-P", "-c", "exit(2)"], check=True)
    with pytest.raises(subprocess.TimeoutExpired):
        box.command(["sleep", "60"], timeout=0.1)
    with pytest.raises(FileNotFoundError, match="no-such-command"):
        box.command(["no-such-command"])
    with pytest.raises(TypeError, match="a list of words was expected"):
        box.command("sleep 60")


@pytest.mark.parametrize("resolver", ["files", "dns", "nss"])
def test_every_resolver_answers_functions_and_commands(gai_host: GaiHost, resolver: str) -> None:
    """Whatever other threads there are."""
    box = gai_host(HOST, names=NAMES, resolver=resolver)
    with ThreadPoolExecutor(1) as threads:
        stop = threading.Event()
        threads.submit(stop.wait)
        try:
            assert box.run(order, "web") == NEAR_FIRST
        finally:
            stop.set()
    done = box.command(["getent", "ahostsv4", "web"], timeout=300, check=True)
    assert [one.split()[0] for one in done.stdout.splitlines() if "STREAM" in one] == NEAR_FIRST


@pytest.mark.bare
def test_the_network_stays_from_call_to_call(gai_host: GaiHost) -> None:
    box = gai_host(HOST)
    box.run(add_address, "eth0", "10.1.1.1/24")
    listed = [sys.executable, "-P", "-c", "import network; print(network.ipv4_addresses())"]
    beside = {**os.environ, "PYTHONPATH": str(Path(network.__file__).parent)}
    assert "10.1.1.1/24" in box.command(listed, env=beside, check=True).stdout
    assert "10.1.1.1/24" not in gai_host(HOST).run(ipv4_addresses)


def test_a_server_of_one_call_serves_the_next(gai_host: GaiHost) -> None:
    box = gai_host(HOST, names={"me": ["172.18.45.2"]})

    def serve() -> None:
        server = socket.create_server(("172.18.45.2", 8080))
        if os.fork() == 0:
            connection, _ = server.accept()
            connection.sendall(b"hello")
            os._exit(0)

    def ask() -> bytes:
        with socket.create_connection(("me", 8080), 10) as connection:
            return connection.recv(5)

    box.run(serve)
    assert box.run(ask) == b"hello"


@pytest.mark.bare
def test_the_machines_own_files_are_there_but_its_names_are_not(gai_host: GaiHost) -> None:
    box = gai_host(HOST, names=NAMES)
    assert box.run(lambda: Path("/etc/passwd").read_text()) == Path("/etc/passwd").read_text()
    assert box.run(lambda: Path("/etc/hosts").read_text().split()) == [
        "172.31.80.8", "web", "172.18.45.6", "web",
    ]  # fmt: skip
    # read-only for root, who may else write it
    with pytest.raises(OSError, match=r"Read-only|Permission denied"):
        box.run(lambda: Path("/etc/passwd").open("a").close())


def raises_deep_down() -> None:
    raise LookupError("deep down")


def test_an_exception_comes_with_the_childs_traceback(gai_host: GaiHost) -> None:
    with pytest.raises(LookupError, match="deep down") as caught:
        gai_host(HOST).run(lambda: raises_deep_down())
    (note,) = caught.value.__notes__
    assert "in the sandbox:" in note
    assert "in raises_deep_down" in note
    assert str(Path(__file__)) in note
    assert "pytest_plugin/children.py" not in note

    def inside() -> None:
        try:
            raises_deep_down()
        except LookupError as problem:
            raise RuntimeError("on top") from problem

    with pytest.raises(RuntimeError, match="on top") as caught_too:
        gai_host(HOST).run(inside)
    assert "LookupError: deep down" in caught_too.value.__notes__[0]  # what led to it


class LockedError(Exception):
    def __init__(self) -> None:
        super().__init__("cannot be sent")
        self.lock = threading.Lock()


def raises_what_holds_a_lock() -> None:
    raise LockedError


ENDS: list[tuple[Callable[[], Any], type[BaseException], str]] = [
    (lambda: os.kill(os.getpid(), signal.SIGSEGV), ChildError, "process died of SIGSEGV"),
    (lambda: os.kill(os.getpid(), 40), ChildError, "process died of signal 40"),
    (lambda: os.killpg(0, signal.SIGKILL), ChildError, "process died of SIGKILL"),
    (lambda: os.kill(os.getppid(), signal.SIGKILL), ChildError, "process died of SIGKILL"),
    (lambda: os._exit(7), ChildError, "process ended with status 7"),
    (lambda: os._exit(0), ChildError, "process ended with status 0"),
    (threading.Lock, ChildError, "result cannot be sent out of the sandbox: cannot pickle"),
    (raises_what_holds_a_lock, ChildError, "LockedError: cannot be sent"),
    (lambda: pytest.skip("not here"), pytest.skip.Exception, "not here"),
    (lambda: pytest.fail("so it is"), pytest.fail.Exception, "so it is"),
    (lambda: pytest.xfail("known"), pytest.xfail.Exception, "known"),
    (lambda: sys.exit("3"), SystemExit, "3"),
]


def test_a_function_without_a_result_or_without_an_end(gai_host: GaiHost) -> None:
    box = gai_host(HOST)
    for function, kind, said in ENDS:
        with pytest.raises(kind, match=said):
            box.run(function)
    with pytest.raises(TimeoutError, match=r"within 0\.1 s"):
        box.run(time.sleep, 60, timeout=0.1)
    assert box.run(lambda: "the host goes on", timeout=float("inf")) == "the host goes on"


def test_prints_and_a_big_result(gai_host: GaiHost, capfd: pytest.CaptureFixture[str]) -> None:
    assert len(gai_host(HOST).run(lambda: print("from inside") or b"x" * 20_000_000)) == 20_000_000
    assert capfd.readouterr().out == "from inside\n"


def test_a_closed_host_leaves_nothing_and_lets_nothing_in(gai_host: GaiHost) -> None:
    box = gai_host(HOST)
    out, into = os.pipe()

    def linger() -> None:
        if os.fork() == 0:
            time.sleep(600)
            os._exit(0)

    box.run(linger)
    os.close(into)
    box.close()
    box.close()
    assert os.read(out, 1) == b""  # the last process with the other end has gone
    os.close(out)
    for enter in (lambda: box.run(os.getpid), lambda: box.command(["true"])):
        with pytest.raises(SandboxError, match="has been closed"):
            enter()


NO_HOSTS: list[tuple[object, dict[str, Any], type[Exception], str]] = [
    ({"interfaces": {"eth0": {"addresses": ["10.0.0.256/24"]}}}, {}, ScenarioError,
     r"gai_host: host.interfaces.eth0.addresses\[0\]: expected an address with its prefix "
     r"length, as 172.18.45.2/24 or 2001:db8:1::2/64 \(got '10.0.0.256/24'\)"),
    ("interfaces: [\n", {}, ScenarioError, "gai_host:2: document: expected valid YAML"),
    ("no/such.gai.yaml", {}, ScenarioError, "gai_host: host: expected a scenario file, a name of "
     r"the library, words or YAML text \(got 'no/such.gai.yaml'\)"),
    ({"host": {}, "name": "x y"}, {}, ScenarioError, "gai_host: name: expected letters, digits"),
    (7, {}, TypeError, ".*a path, a mapping or text was expected, got int"),
    (HOST, {"names": {"web": ["here"]}}, ScenarioError,
     r".*names\.web\[0\]: expected .* \(got 'here'\)"),
    (HOST, {"resolver": "nis"}, ScenarioError, ".*resolver: expected 'files', 'dns', 'nss' or"),
]  # fmt: skip


@pytest.mark.parametrize(("host", "more", "kind", "said"), NO_HOSTS)
def test_a_host_or_names_that_are_none(
    gai_host: GaiHost, host: object, more: dict[str, Any], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=f"^{said}"):
        gai_host(host, **more)


@pytest.mark.bare
def test_ways_to_name_a_host(gai_host: GaiHost, tmp_path: Path) -> None:
    text = 'interfaces: {eth0: {addresses: ["10.9.9.9/24"]}}\n'
    scenario = f"name: mine\nhost:\n  {text}names: {{a: [10.9.9.8]}}\nlookups: [{{name: a}}]\n"
    path = tmp_path / "mine.gai.yaml"
    path.write_text(scenario)
    for host in (text, text.strip(), scenario, path, str(path)):
        assert "10.9.9.9/24" in gai_host(host).run(ipv4_addresses)
    assert gai_host(path).run(order, "a") == ["10.9.9.8"]
    assert gai_host(path, names={"a": "10.9.9.7"}).run(order, "a") == ["10.9.9.7"]
    assert gai_host("seed-rule9-dual-stack").run(order, "web") == NEAR_FIRST


# --- the fixture gai_order: what it answers, of which host, and for which arguments

GaiOrder = Callable[..., HostOrder]


def test_native_model_and_reasons(gai_order: GaiOrder) -> None:
    found = gai_order("seed-rule9-dual-stack", "web")
    assert found.native == found.model == NEAR_FIRST
    assert [one.rule for one in found.decisions] == [9]
    assert found.agreed
    assert (found.error, found.glibc) == (None, HOST_VERSION)
    text = str(found)
    assert "seed-rule9-dual-stack: web" in text
    assert "rule 9: 172.18.45.6 shares 29 bits with 172.18.45.2/24" in text
    assert "web" in repr(found) or "172.18.45.6" in repr(found)


@pytest.mark.bare
def test_a_box_answers_as_it_is_by_then(gai_host: GaiHost, gai_order: GaiOrder) -> None:
    box = gai_host(HOST, names=NAMES)
    assert gai_order(box, "web").decisions[0].rule == 9
    box.run(flush_ipv6, "eth0")
    found = gai_order(box, "web")
    assert (found.native, found.decisions[0].rule) == (FAR_FIRST, 10)
    # a gai.conf for one question only
    found = gai_order(box, "web", gai_conf="precedence ::ffff:172.18.0.0/112 90")
    assert (found.native, found.decisions[0].rule) == (NEAR_FIRST, 6)
    assert gai_order(box, "web").native == FAR_FIRST
    assert box.command(["cat", "/etc/gai.conf"]).returncode != 0
    with pytest.raises(TypeError, match="a box has its names already"):
        gai_order(box, "web", names=NAMES)


@pytest.mark.parametrize(("words", "expected"), [
    ({"family": "inet6"}, []), ({"family": socket.AF_INET6}, []),
    ({"family": socket.AF_INET, "flags": socket.AI_ADDRCONFIG}, NEAR_FIRST),
    ({"socktype": "any"}, [one for one in NEAR_FIRST for _ in range(3)]),
    ({"socktype": 0}, [one for one in NEAR_FIRST for _ in range(3)]),
    ({"socktype": socket.SOCK_DGRAM, "service": 53}, NEAR_FIRST),
    ({"service": "https", "flags": ["AI_ADDRCONFIG", "AI_CANONNAME"]}, NEAR_FIRST),
    ({"family": "inet6", "flags": "AI_V4MAPPED"},
     [f"::ffff:{one}" for one in ("172.18.45.6", "172.31.80.8")]),
])  # fmt: skip
def test_arguments_in_words_and_numbers(
    gai_host: GaiHost, gai_order: GaiOrder, words: dict[str, Any], expected: list[str]
) -> None:
    found = gai_order(gai_host(HOST, names=NAMES), "web", **words)
    assert found.agreed, str(found)
    assert sorted(found.native) == sorted(expected)
    assert (found.error is None) == bool(expected)


@pytest.mark.parametrize(("words", "said"), [
    ({"family": "ipv6"}, "gai_order: family: expected 'unspec', 'inet' or 'inet6'"),
    ({"family": 99}, r"gai_order: family: expected .* \(got '99'\)"),
    ({"protocol": 999}, "gai_order: protocol: expected a number of at most 262"),
    ({"name": None}, "gai_order: name: expected a name, a service or both"),
    ({"glibc": "9.99"}, "gai_order: glibc 9.99 is not on this host; "),
    ({"glibc": "host,/"}, "gai_order: glibc: one build was expected, got 'host,/'"),
])  # fmt: skip
def test_arguments_of_no_lookup(gai_order: GaiOrder, words: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        gai_order(HOST, **({"name": "web"} | words))


@pytest.mark.network
def test_another_glibc(gai_order: GaiOrder, fetched: tuple[str, str]) -> None:
    for version in fetched:
        found = gai_order("seed-rule9-dual-stack", "web", glibc=version)
        assert (found.native, found.glibc, found.agreed) == (NEAR_FIRST, version, True)


class TestOwnFixtureOfThatName:
    """A fixture of the user's own that replaces or wraps the plugin's."""

    @pytest.fixture
    def gai_host(self) -> str:
        """Something else."""
        return "mine"

    def test_the_order_is_asked_all_the_same(self, gai_host: str, gai_order: GaiOrder) -> None:
        assert gai_host == "mine"
        assert gai_order(HOST, "web", names=NAMES).native == NEAR_FIRST
