"""Wrong use and bad input: status 2 (or 3) and one line that says what was expected."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.e2e.kit import COMMAND, gai_harness

GOOD = "name: x\nhost: {interfaces: {eth0: {addresses: [192.0.2.2/24]}}}\nlookups: [{name: web}]\n"
LONG = "a" * 300
MANY = ", ".join(f"10.0.{i // 250}.{i % 250}" for i in range(300))
LATIN = "name: caf\xe9\n".encode("latin-1")

# (arguments, a part of the line)
WRONG_USE = [
    (["frobnicate"], "invalid choice: 'frobnicate'"),
    (["--frobnicate"], "COMMAND"),
    (["run", "--frobnicate"], "--frobnicate"),
    (["run", "--format", "xml"], "'xml'"),
    (["run", "--lane", "carrier-pigeon"], "'carrier-pigeon'"),
    (["run", "--jobs", "0"], "from 1 to 256"),
    (["run", "--jobs", "many"], "from 1 to 256"),
    (["run", "--jobs", "²"], "from 1 to 256"),
    (["run", "--timeout", "-1"], "-1"),
    (["run", "--timeout", "1e-9"], "from 0.001"),
    (["run", "--glibc", "host,,"], "--glibc"),
    (["run", "--glibc", "two"], "names no glibc"),
    (["run", "--glibc", ""], "--glibc"),
    (["run", "-o", "missing/report.txt"], "missing/report.txt: cannot be written"),
    (["run", "-o", ""], "a file was expected"),
    (["run", "--baseline", ""], "a file was expected"),
    (["run", "--baseline", "no/b", "--update-baseline"], "a folder that is there was expected"),
    (["run", "--quiet", "--format", "tap"], "--format text was expected"),
    (["run", "--gai-conf", "missing.conf"], "missing.conf"),
    (["run", "missing.yaml"], "missing.yaml"),
    (["run", "empty"], "a folder with scenario files"),
    (["run", ""], "a path was expected"),
    (["run", LONG], "File name too long"),
    (["run", "/dev/null"], "a scenario in a regular file (got a device, pipe or socket)"),
    (["run", "good.yaml", "-o", "./good.yaml"], "./good.yaml: is read here"),
    (["run", "good.yaml", "--report", "json=./good.yaml"], "./good.yaml: is read here"),
    (["run", "good.yaml", "--report", "json=a", "--report", "tap=./a"], "is written twice"),
    (["run", "good.yaml", "--report", "json=a", "-o", "a"], "is written twice"),
    (["run", "good.yaml", "--report", "xml=a"], "FORMAT=FILE (text, json, junit, html, tap"),
    (["run", "good.yaml", "--report", "json"], "FORMAT=FILE"),
    (["run", "good.yaml", "--report", "json=empty"], "empty: cannot be written: Is a directory"),
    (["run", "good.yaml", "--report", "json=missing/a"], "missing/a: cannot be written"),
    (["run", "good.yaml", "--baseline", "missing.yaml"], "--update-baseline makes one"),
    (["run", "good.yaml", "--baseline", "good.yaml"], "good.yaml: is read here"),
    (["run", "good.yaml", "--baseline", "many.yaml"], "schema: expected this required field"),
    (["run", "good.yaml", "--update-baseline"], "--baseline FILE was expected"),
    (["run", "good.yaml", "--baseline-strict"], "--baseline FILE was expected"),
    (
        ["run", "good.yaml", "--baseline", "b", "--update-baseline", "--report", "json=./b"],
        "b: is written twice",
    ),
    (["run", "good.yaml", "--against", "host"], "another build than --glibc's"),
    (["run", "good.yaml", "--against", "all"], "one build was expected"),
    (["run", "good.yaml", "--against", "two"], "names no glibc"),
    (["schema", "--of", "nothing"], "'nothing'"),
    (["run", "many.yaml", "--gai-conf", "good.yaml", "-o", "good.yaml"], "is read here"),
    (["run", "good.yaml", "--gai-conf", "/dev/zero"], "more than 1048576 bytes"),
    (["whatif", "--scenario", "", "--set", "reload no"], "a path was expected"),
    (["suggest", "--scenario", "many.yaml", "--want", "10.0.0.1"], "at most 256 addresses"),
    (["kubelet", "--scenario", ""], "a path was expected"),
    (["kubelet", "--scenario", "good.yaml", "--node-name", "a\x1b"], "the node's name"),
    (["kubelet", "--node", "/dev/zero"], "more than"),
    (["explain"], "SCENARIO"),
    (["explain", ""], "a name was expected"),
    (["explain", "a\nb"], "NAME: expected text without control characters"),
    (["explain", "\udcff"], "NAME: expected text in UTF-8"),
    (["explain", "localhost", "--protocol", "999"], "--protocol: expected a number of at most"),
    (["explain", "seed-rule9-dual-stack", "--lookup", "nope"], "'nope'"),
    (["explain", "seed-rule9-dual-stack", "--pair", "a", "b"], "an address was expected"),
    (
        ["explain", "seed-rule9-dual-stack", "--pair", "172.31.80.8", "172.18.45.7"],
        "--pair 172.18.45.7: one of the answer's addresses was expected (172.18.45.6, 172.31.80.8)",
    ),
    (["explain", "seed-rule9-dual-stack", "--pair", "::1", "::1"], "two different addresses"),
    (["lint"], "FILE"),
    (["lint", "missing.conf"], "missing.conf"),
    (["lint", "/dev/zero"], "more than 1048576 bytes"),
    (["schema", "extra"], "extra"),
    (["glibc"], "ACTION"),
    (["glibc", "fetch"], "name a version"),
    (["glibc", "fetch", "nosuite"], "neither a version nor a suite"),
    (["glibc", "add", ""], "a path was expected"),
    (["glibc", "add", "missing"], "does not exist"),
    (["glibc", "add", "empty"], "expected a root file system"),
    (["glibc", "remove", "nope"], "names no glibc"),
]

# (what is wrong, the file, the field named)
BAD_INPUT: list[tuple[str, str | bytes, str]] = [
    ("empty", "", "document"),
    ("not YAML", "name: [x\n", "document"),
    ("a list", "- a\n", "document"),
    ("not UTF-8", LATIN, "file"),
    ("binary", bytes(range(256)), "file"),
    ("no look-ups", GOOD.partition("lookups")[0], "lookups"),
    ("unknown key", GOOD + "command: reboot\n", "command"),
    ("bad address", GOOD.replace("192.0.2.2/24", "192.0.2.256/24"), "host.interfaces.eth0"),
    ("bad length", GOOD.replace("192.0.2.2/24", "192.0.2.2/33"), "host.interfaces.eth0"),
    ("name too long", GOOD.replace("eth0", "e" * 16), "host.interfaces"),
    ("foreign sysctl", GOOD.replace("host: {", "host: {sysctls: {kernel.panic: 1}, "), "sysctls"),
    ("bad family", GOOD.replace("{name: web}", "{name: web, family: inet7}"), "family"),
    ("wrong type", GOOD.replace("[{name: web}]", "7"), "lookups"),
    ("outside file", GOOD + "gai_conf: {file: ../../etc/passwd}\n", "gai_conf"),
    ("tag", "name: !!python/object/apply:os.system [id]\n", "name"),
    ("bad rule", GOOD.replace("web}", "web, expect: {decided_by: 11}}"), "decided_by"),
]


@pytest.fixture(autouse=True)
def files(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "many.yaml").write_text(f"{GOOD}names: {{web: [{MANY}]}}\n")


def assert_one_line(stderr: str, *parts: str) -> None:
    assert stderr.endswith("\n")
    assert stderr.count("\n") == 1, stderr
    assert "Traceback" not in stderr
    for part in parts:
        assert part in stderr


@pytest.mark.parametrize(("arguments", "part"), WRONG_USE, ids=lambda v: " ".join(v)[:40])
def test_wrong_use(arguments: list[str], part: str, tmp_path: Path) -> None:
    done = gai_harness(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert_one_line(done.stderr, "gai-harness", part)


@pytest.mark.parametrize(
    ("content", "field"), [b[1:] for b in BAD_INPUT], ids=[b[0] for b in BAD_INPUT]
)
@pytest.mark.parametrize("command", ["run", "explain"])
def test_bad_input(command: str, content: str | bytes, field: str, tmp_path: Path) -> None:
    data = content if isinstance(content, bytes) else content.encode()
    (tmp_path / "bad.yaml").write_bytes(data)
    done = gai_harness(command, "bad.yaml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert_one_line(done.stderr, "bad.yaml", field, "expected")


def test_a_good_file_beside_a_bad_one_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yaml").write_text(GOOD + "extra: 1\n")
    done = gai_harness("run", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert_one_line(done.stderr, "b.yaml", "extra")


def test_a_name_too_long_for_a_file_is_still_a_name() -> None:
    done = gai_harness("explain", LONG)
    assert done.returncode == 0
    assert "EAI_NONAME" in done.stdout
    assert_one_line(done.stderr, "the name service knows no address")
    assert len(done.stderr) < 500


def test_nothing_looked_up_is_said_so(tmp_path: Path) -> None:
    sysctl = GOOD.replace("host: {", "host: {sysctls: {net.ipv4.conf.all.nope: 1}, ")
    (tmp_path / "a.yaml").write_text(sysctl)
    done = gai_harness("run", tmp_path / "a.yaml")
    assert (done.returncode, done.stdout) == (2, "0 lookups: 0 agree, 0 disagree, 0 error\n")
    assert_one_line(done.stderr, "net.ipv4.conf.all.nope", "no such setting")


def test_a_limit_of_the_machine_is_status_3(tmp_path: Path) -> None:
    limited = f"ulimit -n 8; exec '{COMMAND}' run '{tmp_path}/good.yaml'"
    done = subprocess.run(
        ["sh", "-c", limited], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 3
    assert_one_line(done.stderr, "Too many open files", "--jobs")


def test_a_missing_glibc_is_status_3_with_a_hint(tmp_path: Path) -> None:
    cache = {"GAI_HARNESS_CACHE": str(tmp_path / "cache")}
    done = gai_harness("run", "--glibc", "2.31:s390x", env=cache)
    assert (done.returncode, done.stdout) == (3, "")
    assert_one_line(done.stderr, "2.31:s390x", "gai-harness glibc fetch 2.31:s390x")


def test_a_closed_pipe_is_no_traceback() -> None:
    with subprocess.Popen(
        [str(COMMAND), "run", "--jobs", "2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141
