"""``watch``: what real programs make of the order, as strace sees it on a host of a scenario.

Nobody listens there: a host's own addresses refuse, and from the others comes no answer.
"""

import json
import os
import shlex
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from harness.report.documents import json_schema
from tests.conftest import Call
from tests.e2e.kit import COMMAND, as_ordinary_user
from tests.processes import Program, everybody, machine, marked, namespaces, until

pytestmark = pytest.mark.needs("strace")

# rule 6 puts IPv6 first, whatever the order before; rule 10 keeps that order within a family
SCENARIO = """
name: two-families
host:
  interfaces:
    eth0: {addresses: [192.0.2.2/24, 192.0.2.3/24, "2001:db8:1::2/64", "2001:db8:1::3/64"]}
  routes: [{to: default, via: 192.0.2.1}, {to: default, via: "2001:db8:1::1"}]
names:
  here: [192.0.2.2, 192.0.2.3, "2001:db8:1::2", "2001:db8:1::3"]
  half: [192.0.2.2, "2001:db8:9::1"]
lookups: [{name: here}, {name: half}]
"""
HERE = ["2001:db8:1::2", "2001:db8:1::3", "192.0.2.2", "192.0.2.3"]
HALF = ["2001:db8:9::1", "192.0.2.2"]


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "two-families.yaml"
    path.write_text(SCENARIO)
    return path


class Watch:
    """Calls ``gai-harness watch --json`` on the scenario, and holds the answer to its schema."""

    def __init__(self, call: Call, scenario: Path) -> None:
        self._call, self._scenario = call, scenario

    def __call__(self, *command: str | Path, options: str = "") -> dict[str, Any]:
        before = shlex.split(options)
        done = self._call("watch", self._scenario, *before, "--json", "--", *command)
        assert (done.status, done.err) == (0, "")
        read: dict[str, Any] = json.loads(done.out)
        Draft202012Validator(json_schema("watch")).validate(read)
        assert read["command"] == [*map(str, command)]
        return read


@pytest.fixture
def watch(call: Call, scenario: Path) -> Watch:
    return Watch(call, scenario)


def tried(read: dict[str, Any]) -> list[tuple[str, str]]:
    """Address and result of each contact."""
    return [(one["address"], one["result"]) for one in read["contacts"]]


def python(source: str) -> list[str]:
    return [sys.executable, "-I", "-c", source]


def refused(addresses: list[str]) -> list[tuple[str, str]]:
    return [(address, "ECONNREFUSED") for address in addresses]


# --- Python

CREATE = """
import socket
try: socket.create_connection(("here", 80), timeout={})
except OSError: pass
"""


@pytest.mark.parametrize("timeout", ["None", "5"])
def test_create_connection_goes_through_glibcs_order(timeout: str, watch: Watch) -> None:
    read = watch(*python(CREATE.format(timeout)))
    assert tried(read) == refused(HERE)
    assert {one["protocol"] for one in read["contacts"]} == {"tcp"}
    # with a timeout Python's sockets do not wait
    assert {one["in_progress"] for one in read["contacts"]} == {timeout != "None"}
    assert [one["native"] for one in read["results"]] == [HERE, HALF]
    assert [one["verdict"] for one in read["results"]] == ["agree", "agree"]
    assert read["tried"] == [
        {"lookup": "here", "addresses": HERE, "as_ordered": True},
        {"lookup": "half", "addresses": ["192.0.2.2"], "as_ordered": False},
    ]
    # the sort has looked at each once, and found a source
    assert sorted(one["address"] for one in read["looks"]) == sorted(HERE)
    assert all(one["source"] and one["error"] is None for one in read["looks"])
    times = [one["at_ms"] for one in (*read["looks"], *read["contacts"])]
    assert times == sorted(times)
    assert times[-1] < read["elapsed_ms"]


ASYNCIO = """
import asyncio
async def main():
    try: await asyncio.wait_for(asyncio.open_connection({}), 1)
    except (OSError, TimeoutError): pass
asyncio.run(main())
"""


def test_happy_eyeballs_takes_the_families_by_turns(watch: Watch) -> None:
    """RFC 8305 section 4, and asyncio's documentation: interleave is 1 where there is a delay."""
    read = watch(*python(ASYNCIO.format('"here", 80, happy_eyeballs_delay=0.2')))
    assert tried(read) == refused([HERE[0], HERE[2], HERE[1], HERE[3]])
    assert read["tried"][0]["as_ordered"] is False
    first, second = watch(*python(ASYNCIO.format('"half", 80, happy_eyeballs_delay=0.2')))[
        "contacts"
    ]
    assert (first["address"], second["address"]) == (*HALF,)
    assert 200 <= second["at_ms"] - first["at_ms"] < first["after_ms"]
    plain = watch(*python(ASYNCIO.format('"here", 80')))
    assert tried(plain) == refused(HERE)


DATAGRAMS = """
import socket
for family, place in ((socket.AF_INET, "192.0.2.2"), (socket.AF_INET6, "2001:db8:1::3")):
    looking = socket.socket(family, socket.SOCK_DGRAM)
    looking.connect((place, 9))
    looking.getsockname()
sending = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
sending.connect(("2001:db8:1::2", 9))
sending.send(b"x")
try: sending.send(b"x")
except ConnectionRefusedError: pass
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("198.51.100.7", 9))
"""


def test_datagrams_are_contacts_once_they_are_sent(watch: Watch) -> None:
    read = watch(*python(DATAGRAMS))
    assert [one["address"] for one in read["looks"]] == ["192.0.2.2", "2001:db8:1::3"]
    assert tried(read) == [("2001:db8:1::2", "ECONNREFUSED"), ("198.51.100.7", "sent")]
    assert [(one["protocol"], one["port"]) for one in read["contacts"]] == [("udp", 9)] * 2


# --- other programs

NODE = 'require("http").get("http://half/").on("error", () => process.exit(5)).end()'


@pytest.mark.needs("curl")
def test_curl(watch: Watch) -> None:
    read = watch("curl", "-s", "http://here/")
    assert read["status"] == 7  # CURLE_COULDNT_CONNECT
    assert (HERE[0], "ECONNREFUSED") == tried(read)[0]
    assert sorted(tried(read)) == sorted(refused(HERE))
    later = watch("curl", "-s", "--max-time", "2", "--happy-eyeballs-timeout-ms", "300",
                  "http://half/")  # fmt: skip
    first, second = later["contacts"][:2]
    assert (first["address"], second["address"]) == (*HALF,)
    assert first["in_progress"]
    assert 0 < second["at_ms"] - first["at_ms"] < first["after_ms"]
    only = watch("curl", "-s4", "http://here/")
    assert tried(only) == refused(HERE[2:])
    assert only["tried"][0]["as_ordered"] is False
    own = watch("curl", "-s", "http://half.localhost/")
    assert {address for address, _ in tried(own)} == {"127.0.0.1", "::1"}


@pytest.mark.needs("node", "nodejs")
def test_node_takes_the_order_as_it_is_or_ipv4_first_and_from_20_on_by_turns(watch: Watch) -> None:
    took = {
        order: watch("node", f"--dns-result-order={order}", "-e", NODE, options="--timeout 10")
        for order in ("verbatim", "ipv4first")
    }
    assert took["verbatim"]["contacts"][0]["address"] == HALF[0]
    assert tried(took["ipv4first"])[0] == (HALF[1], "ECONNREFUSED")
    version = watch("node", "--version")["output"].strip()
    turns = int(version.removeprefix("v").partition(".")[0]) >= 20
    read = watch("node", "--dns-result-order=verbatim", "-e", NODE.replace("half", "here"))
    wanted = [HERE[0], HERE[2], HERE[1], HERE[3]] if turns else HERE[:1]
    assert tried(read) == refused(wanted)


@pytest.mark.needs("keytool", "default-jre-headless")
@pytest.mark.parametrize(
    ("option", "first"), [("false", "192.0.2.2"), ("true", HERE[0]), ("system", HERE[0])]
)
def test_java_puts_a_family_first(option: str, first: str, watch: Watch) -> None:
    """The first address alone is tried; false is the default (networking properties of Java)."""
    flag = f"-J-Djava.net.preferIPv6Addresses={option}"
    read = watch("keytool", flag, "-printcert", "-sslserver", "here:443")
    assert tried(read)[0] == (first, "ECONNREFUSED")


@pytest.mark.needs("ssh", "openssh-client")
def test_ssh_goes_through_glibcs_order(watch: Watch) -> None:
    read = watch("ssh", "-F", "none", "-o", "BatchMode=yes", "here")
    assert (tried(read), read["status"]) == (refused(HERE), 255)
    assert {one["port"] for one in read["contacts"]} == {22}


# --- names and files of the host


def test_names_of_the_name_service_module_are_seen(call: Call) -> None:
    """Addresses of two zones, numbered as in results."""
    source = (
        "import socket\n"
        "for *_, place in socket.getaddrinfo('web', 80, type=socket.SOCK_STREAM):\n"
        "    one = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)\n"
        "    one.setblocking(False)\n"
        "    one.connect_ex(place)\n"
    )
    done = call("watch", "nss-same-address-two-bridges", "web", "--json", "--", *python(source))
    read = json.loads(done.out)
    assert len(read["results"]) == 1
    assert [one["address"] for one in read["contacts"]] == read["results"][0]["native"]
    assert all("%" in one["address"] for one in read["contacts"])


def test_name_servers_are_no_destination(call: Call, scenario: Path) -> None:
    scenario.write_text(SCENARIO.replace("names:", "resolver: dns\nnames:"))
    done = call("watch", scenario, "here", "--", *python(CREATE.format("None")))
    lines = done.out.splitlines()
    (server,) = (line.split() for line in lines if "name server" in line)
    assert server[3:6] == ["127.0.0.1", "53", "answered"]
    assert f"  tried for here: {', '.join(HERE)}: glibc's order" in lines
    assert not any("of no look-up" in line for line in lines)


def test_another_gai_conf(watch: Watch) -> None:
    read = watch(*python(CREATE.format("None")), options="here --gai-conf prefer-ipv4.conf")
    assert tried(read) == refused(HERE[2:] + HERE[:2])
    assert read["results"][0]["native"] == HERE[2:] + HERE[:2]
    assert read["results"][0]["gai_conf"] == "prefer-ipv4.conf"


def test_a_copy_of_this_host(call: Call) -> None:
    source = "import socket; socket.create_connection(('localhost', 1))"
    done = call("watch", "localhost", "--json", "--", *python(source))
    read = json.loads(done.out)
    assert read["status"] == 1
    assert set(tried(read)) <= {("127.0.0.1", "ECONNREFUSED"), ("::1", "ECONNREFUSED")}
    assert read["contacts"]


def test_the_command_is_this_users_with_its_files(
    watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").write_text("of my own\n")
    monkeypatch.setenv("OF_MINE", "set")
    monkeypatch.setenv("RES_OPTIONS", "single-request")
    script = 'cat mine "$1" && echo "$OF_MINE $RES_OPTIONS" && grep -c here /etc/hosts'
    monkeypatch.chdir(tmp_path)
    read = watch("sh", "-c", script, "-", tmp_path / "mine")
    assert read["output"].splitlines() == ["of my own", "of my own", "set ", "4"]


# --- how it ends


@pytest.mark.parametrize(
    ("script", "status", "killed"),
    [("exit 0", 0, None), ("exit 9", 9, None), ("kill -9 $$", None, "SIGKILL")],
)
def test_its_status_is_shown_and_not_taken_over(
    script: str, status: int | None, killed: str | None, watch: Watch
) -> None:
    read = watch("sh", "-c", script)
    assert (read["status"], read["signal"], read["timed_out"]) == (status, killed, False)


def test_the_end_of_the_time_ends_all_of_it(watch: Watch) -> None:
    mark = f"GAI_TEST_MARK=gai-test-watch-{os.getpid()}"
    before = machine()
    script = "(setsid sleep 300 &) ; sleep 300 & trap '' TERM; {}"
    read = watch("env", mark, "sh", "-c", script.format("exit 3"), options="--timeout 1")
    assert (read["status"], read["timed_out"]) == (3, True)
    read = watch("env", mark, "sh", "-c", script.format("wait"), options="--timeout 1")
    assert (read["status"], read["signal"], read["timed_out"]) == (None, None, True)
    assert read["elapsed_ms"] == 1000
    assert until(lambda: not marked(mark))
    assert machine() == before


def test_a_sigkill_leaves_nothing(scenario: Path) -> None:
    before, spaces = machine(), namespaces(everybody())
    sleeping = b"sleep\x00300\x00"
    with Program(COMMAND, "watch", scenario, "--", "sh", "-c", "setsid sleep 300") as program:

        def slept() -> bool:
            for pid in program.family():
                with suppress(OSError):  # one that has ended meanwhile
                    if Path(f"/proc/{pid}/cmdline").read_bytes() == sleeping:
                        return True
            return False

        assert until(slept)
        inside = namespaces(program.family()) - spaces
        assert inside
        os.kill(program.pid, signal.SIGKILL)
        assert until(lambda: not program.family())
        # another sandbox may have got a number of theirs for a moment
        assert until(lambda: not inside & namespaces(everybody()))
    assert machine() == before


# --- what it prints


def test_what_it_prints_is_shown_behind_the_report_and_harmless(call: Call, scenario: Path) -> None:
    done = call("watch", scenario, "--", "printf", r"\033[31mred\n::error::x\n\377\n")
    assert done.err == ""
    lines = done.out.splitlines()
    at = lines.index("it printed:")
    assert lines[at + 1 :] == [r"  \x1b[31mred", r"  \x3a:error::x", "  \N{REPLACEMENT CHARACTER}"]
    assert "ended with status 0" in lines[at - 2]
    long = call("watch", scenario, "--", "seq", "100").out.splitlines()
    assert long[-2:] == ["  40", "  … (60 more lines)"]


def test_a_flood_is_cut_and_counted(watch: Watch) -> None:
    read = watch("head", "-c", "300000", "/dev/zero")
    assert (len(read["output"]), read["output_left_out"]) == (65536, 300000 - 65536)


# --- what cannot be


def test_a_strace_that_may_not_trace_is_one_line(
    call: Call, scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "strace"
    fake.write_text("#!/bin/sh\necho 'strace: PTRACE_TRACEME: Operation not permitted' >&2\nexit 1")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    done = call("watch", scenario, "--", "true")
    assert (done.status, done.out, done.err.count("\n")) == (3, "", 1)
    assert "strace cannot trace a command: strace: PTRACE_TRACEME" in done.err
    assert "gai-harness doctor" in done.err


def test_a_command_that_the_kernel_refuses_is_one_line(
    call: Call, scenario: Path, tmp_path: Path
) -> None:
    script = tmp_path / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    done = call("watch", scenario, "--", script)
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert f"{script}: cannot be started: ENOENT" in done.err


def test_as_an_ordinary_user(tmp_path: Path) -> None:
    done = as_ordinary_user(tmp_path, "watch", "seed-rule9-dual-stack", "--", "true")
    assert (done.returncode, done.stderr) == (0, "")
    assert "true: ended with status 0" in done.stdout


def test_a_name_nobody_knows_is_said(call: Call) -> None:
    done = call("watch", "zzz.invalid", "localhost", "--json", "--", "true")
    assert (done.status, json.loads(done.out)["status"]) == (1, 0)
    assert done.err.count("zzz.invalid': the name service ") == 1


def test_no_scenario_names_a_command(call: Call, scenario: Path) -> None:
    scenario.write_text(f"{SCENARIO}command: [touch, {scenario.parent}/touched]\n")
    done = call("watch", scenario, "--", "true")
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert "command" in done.err
    assert not (scenario.parent / "touched").exists()


def test_its_words_are_its_own(call: Call, scenario: Path) -> None:
    """What stands behind ``--`` is no option of this command, and a second one is the command's."""
    done = call("watch", scenario, "--", "echo", "--json", "--help", "--", "-4")
    assert done.out.splitlines()[-1] == "  --json --help -- -4"
    help_ = subprocess.run([COMMAND, "watch", "--help"], capture_output=True, text=True, check=True)
    assert "[-- COMMAND ...]" in help_.stdout
