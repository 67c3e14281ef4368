"""Wrong use and bad input: status 2 (or 3) and one line that says what was expected."""

import json
import re
import shlex
from pathlib import Path

import pytest

from harness.glibcs.build import GlibcUnavailable
from harness.glibcs.catalog import host_distribution
from tests.conftest import Call
from tests.processes import Done, called

GOOD = (
    "name: x\nhost: {interfaces: {eth0: {addresses: [192.0.2.2/24]}}}\n"
    "names: {web: [192.0.2.7]}\nlookups: [{name: web}]\n"
)
LONG = "a" * 300
MANY = ", ".join(f"10.0.{i // 250}.{i % 250}" for i in range(300))
SEED = "seed-rule9-dual-stack"
ODD = "a\nb\x1b[31m\N{RIGHT-TO-LEFT OVERRIDE}"

# a command line, and a part of the line it is answered with
WRONG_USE = {
    "frobnicate": "invalid choice: 'frobnicate'",
    "--frobnicate": "COMMAND",
    "findings --check docs/findings.md": "python -P tools/findings",
    "run --format xml": "'xml'",
    "run --jobs 0": "from 1 to 256",
    "run --jobs ²": "from 1 to 256",
    "fuzz --cases 0": "a number from 1 was expected",
    "explain web -5": "unrecognized arguments: -5",
    "whatif web -4 --set x": "a name was expected, got '-4'",
    "explain web --as getent -4": "--family: --as getent asks this host with getent's own hints",
    "explain good.yaml --as getent": "which this host's getent is asked for",
    "explain 10.0.0.1 --as getent": "getent hosts asks for the name of a number",
    "kubelet node-1 --node-name node-2": "node-1: no other name of the node beside it",
    f"kubelet {SEED} good.yaml": "one scenario was expected",
    "run --timeout 1e-9": "from 0.001",
    "run --glibc host,,": "--glibc",
    "run --glibc ''": "--glibc",
    "run -o missing/report.txt": "missing/report.txt: cannot be written",
    "run -o ''": "a file was expected",
    "run --baseline ''": "a file was expected",
    "run --baseline no/b --update-baseline": "a folder that is there was expected",
    "run --quiet --format tap": "--format text was expected",
    "run -q -v": "no --quiet beside it",
    "run --list --format tap": "--format text or json was expected",
    "run --list missing.yaml": "missing.yaml",
    "run --glibc 2.36 2.41": "with a comma between them: --glibc 2.36,2.41",
    "run 2.41:s390x": "a build is named by --glibc 2.41:s390x",
    **{f"{words} --glibc 2.36 2.41": "2.41: a scenario was expected; builds go with a comma between"
       for words in (f"explain {SEED}", f"whatif {SEED} --set x", f"kubelet {SEED}",
                     f"suggest --want 192.0.2.7 {SEED}")},
    "fuzz --glibc 2.36 2.41": "2.41; builds of --glibc go with a comma between them",
    f"explain {SEED} --pair 192.0.2.1 192.0.2.2 192.0.2.3": "192.0.2.3: one of the scenario's",
    f"kubelet {SEED} --node-ip 192.0.2.1 192.0.2.2": "--node-ip 192.0.2.1,192.0.2.2: one address",
    # of two values none is dropped
    "explain web -4 -6": "argument -6: one value was expected, not inet and inet6",
    "explain web --in pid:1 --in pid:2": "argument --in: one value was expected, not 1 and 2",
    "explain web --pair ::1,::2 --pair ::1,::3": "not ::1,::2 and ::1,::3",
    "run --suite smoke,rul9": "--suite rul9: one of rule9, smoke, findings was expected",
    "run good.yaml --gai-conf none,nnoe": "nnoe: a gai.conf that can be read was expected",
    "help frobnicate": "invalid choice: 'frobnicate'",
    "run missing.yaml": "missing.yaml",
    "run empty": "a folder with scenario files",
    "run ''": "a path was expected",
    f"run {LONG}": "File name too long",
    "run nosuch": "nosuch: file: expected a regular file that can be read, or a name that gai-"
    "harness run --list has (got No such file or directory)",
    "run /dev/null": "a regular file that can be read (got a device, pipe or socket)",
    "run good.yaml -o ./good.yaml": "./good.yaml: is read here",
    "run good.yaml --report json=./good.yaml": "./good.yaml: is read here",
    "run good.yaml --report json=a --report tap=./a": "is written twice",
    "run good.yaml --report xml=a": "FORMAT=FILE (text, json, junit, html, tap",
    "run good.yaml --report json=empty": "empty: cannot be written: Is a directory",
    "run good.yaml --baseline missing.yaml": "--update-baseline makes one",
    "run good.yaml --baseline good.yaml": "good.yaml: is read here",
    "run good.yaml --baseline many.yaml": "schema: expected this required field",
    "run good.yaml --update-baseline": "--baseline FILE was expected",
    "run good.yaml --baseline-strict": "--baseline FILE was expected",
    "run good.yaml --baseline b --update-baseline --report json=./b": "b: is written twice",
    "run good.yaml --against host": "another build than --glibc's",
    "run good.yaml --against all": "one build was expected",
    "run good.yaml --against two": "names no glibc",
    "run many.yaml --gai-conf good.yaml -o good.yaml": "is read here",
    "run good.yaml --gai-conf /dev/zero": "more than 1048576 bytes",
    "run pair": "pair/b.yaml:5: extra: expected",  # the good file beside it is not run
    "schema extra": "extra",
    "bench --plot curves": ".svg or .png",
    **{f"run --scheduler {address}": "tcp://host:8786 was expected"
       for address in ("somewhere", "tcp://host")},
    f"whatif --scenario {SEED}": "--gai-conf NEW or --set LINE",
    "whatif --gai-conf none": "a NAME to look up or a SCENARIO",
    "watch good.yaml": "-- COMMAND was expected",
    "watch -- true": "a NAME to look up or a SCENARIO",
    "watch good.yaml -- no-such-program": "no-such-program: a program was expected",
    "watch good.yaml -- ./good.yaml": "./good.yaml: a program was expected",
    "watch good.yaml many.yaml -- true": "one scenario was expected, not 2",
    "watch good.yaml other -- true": "one of the scenario's look-ups",
    "watch good.yaml --timeout 0 -- true": "a number of seconds",
    "watch good.yaml --gai-conf no-such.conf -- true": "a gai.conf that can be read",
    "watch --glibc 2.31 good.yaml -- true": "--glibc",
    "watch process-no-netlink -- true": "neither nss_by_family nor netlink: refused",
    f"whatif --set 'a\nb' --scenario {SEED}": "one line of a gai.conf",
    "suggest --want 10.1.1.1 --scenario rule9-ipv4-in-subnet --lookup subnet":
        "one of subnet's addresses was expected",
    "suggest --want 10.1.1.1 --scenario rule9-ipv4-in-subnet --lookup no":
        "one of the scenario's look-ups",
    "suggest --want 10.1.1.1 --lookup no": "a SCENARIO was expected",
    "suggest a b --want 10.1.1.1": "what must stay as it is goes with --keep b",
    "suggest good.yaml many.yaml --want 10.1.1.1": "one scenario was expected",
    "snapshot": "a NAME to look up was expected, or a SCENARIO",
    "snapshot pair/a.yaml good.yaml": "one scenario was expected, not 2",
    "suggest --scenario many.yaml --want 10.0.0.1": "at most 256 addresses",
    "suggest web --want 10.0.0.1,x": "an address was expected, got 'x'",
    "kubelet --family inet --node-ip ::": "--family",
    "kubelet --glibc 2.31": "--glibc",
    "kubelet --kubelet-version new": "--kubelet-version",
    "kubelet --want x": "--want",
    "kubelet --want 172.18.45.3,172.18.45.9": "--want 172.18.45.3,172.18.45.9: one address or",
    "kubelet --scenario kubelet-look-up --node-ip 172.18.45.3,172.18.45.9": "--node-ip",
    "kubelet --scenario kubelet-look-up --hostname-override ' '": "--hostname-override",
    "kubelet --scenario good.yaml --node-name a\x1b": "the node's name",
    "kubelet --node /dev/zero": "more than",
    "explain": "SCENARIO",
    f"explain {SEED} --lookup 4": "--lookup 4: one of the scenario's look-ups was expected (1 web",
    f"explain localhost {SEED}": "localhost: one of the scenario's look-ups was expected (1 web, ",
    "explain 'a\nb'": "NAME: expected text without control characters",
    "explain \udcff": "NAME: expected text in UTF-8",
    "explain localhost --protocol 999": "--protocol: expected a number of at most",
    f"explain {SEED} --pair ::1": "a pair of addresses was expected",
    "explain reload-no --trace": "a scenario without after was expected",
    f"explain {SEED} --pair a b": "an address was expected",
    f"explain {SEED} --pair 172.31.80.8 172.18.45.7":
        "--pair 172.18.45.7: one of the answer's addresses was expected (172.18.45.6, 172.31.80.8)",
    "explain --family inet": "a NAME, a SCENARIO or --service was expected",
    "explain --service 80 --trace": "only scenarios have this, and --service is none",
    "explain nss-same-address-two-bridges --pair fe80::5%br7 fe80::5":
        "--pair fe80::5%br7: one of the answer's addresses",
    f"explain {SEED} --pair [::1] ::1": "two different addresses",
    "lint": "FILE",
    "lint --accept GAI12 x": "a code of lint, such as GAI012, was expected",
    "lint prefer-ip4.conf": "did you mean prefer-ipv4.conf?",
    "lint /": "/: a file that can be read was expected (Is a directory)",
    "lint a\0b": "no file has a NUL in its name",
    "lint /dev/zero": "more than 1048576 bytes",
    "glibc": "ACTION",
    "glibc fetch": "name a version",
    "glibc fetch nosuite": "neither a version nor a suite",
    "glibc add ''": "a directory or an image was expected",
    "glibc add missing": "missing: does not exist",
    "glibc add empty": "expected a root file system",
    "glibc add . --row mptcp_know=true": "NAME=VALUE of a row of the dialect table was expected;"
        " did you mean mptcp_known?",
    "glibc add . --row shift_by_32=modul": "modulo or zero; did you mean shift_by_32=modulo?",
    "glibc add . --row zzz": "was expected: rule9_ipv4_in_subnet_only, ",
    "glibc probe": "BUILD",
    "glibc probe nope": "names no glibc",
    "glibc prboe host": "did you mean probe?",
    "probe host": "did you mean gai-harness glibc probe?",
    # what may have been meant
    "rnu": "did you mean run?",
    "my-node.yaml": "did you mean gai-harness run my-node.yaml?",
    SEED: f"did you mean gai-harness run {SEED}?",
    "fetch 2.41": "did you mean gai-harness glibc fetch?",
    "--glibc 2.41": "a COMMAND was expected before --glibc",
    "run --glbc=2.41": "did you mean --glibc?",
    "run --format jsno": "did you mean json?",
    "run seed-rule9-dual-stak": f"did you mean '{SEED}'?",
    "explain mien.yaml": "did you mean 'mine.yaml'?",
    "run --glibc hots": "did you mean host?",
    "glibc fetch bookwrom": "did you mean bookworm?",
    "glibc fetch --siute bookworm": "did you mean --suite?",
    **{f"{words} pair/b.yaml": "pair/b.yaml:5: extra: expected one of the keys"
       for words in ("run", "explain", "whatif --set 'reload no' --scenario",
                     "suggest --want ::1 --scenario", "kubelet --scenario")},
    # an odd name stays on its line
    **{f"{words} {shlex.quote(f'--missing/{ODD}'[2 * bool(words):])}": "a\\nb\\x1b[31m\\u202e"
       for words in ("", "lint", "run -o", "run --gai-conf", "run --baseline", "run --suite",
                     "glibc add", "glibc fetch")},
}  # fmt: skip
NOT_MEANT = [
    "zzz", "run --zzzzz", "run --format q", "run nothing-like-it", "run --gai-conf q",
    "run --suite q", "run --glibc q",
]  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("empty", "pair"):
        (tmp_path / name).mkdir()
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "pair/a.yaml").write_text(GOOD)
    (tmp_path / "pair/b.yaml").write_text(f"{GOOD}extra: 1\n")
    (tmp_path / "many.yaml").write_text(GOOD.replace("192.0.2.7", MANY))
    for name in ("mine.yaml", "pair/mine.yaml"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GAI_HARNESS_CACHE", str(tmp_path / "cache"))


def the_line(done: Done, status: int = 2) -> str:
    """The one line on standard error of a command that wrote nothing else."""
    assert (done.status, done.out) == (status, "")
    assert done.err.startswith("gai-harness")
    assert done.err.count("\n") == 1, done.err
    assert done.err.endswith("\n")
    return done.err


@pytest.mark.parametrize("line", WRONG_USE, ids=lambda line: ascii(line)[1:40])
def test_wrong_use_is_one_line(line: str, call: Call) -> None:
    assert WRONG_USE[line] in the_line(call(*shlex.split(line)))


@pytest.mark.parametrize("line", NOT_MEANT)
def test_nothing_near_is_nothing_suggested(line: str, call: Call) -> None:
    assert "did you mean" not in the_line(call(*line.split()))


def test_nothing_looked_up_is_said_so(call: Call) -> None:
    Path("a.yaml").write_text(
        GOOD.replace("host: {", "host: {sysctls: {net.ipv4.conf.all.nope: 1}, ")
    )
    done = call("run", "a.yaml")
    assert done.out == "0 lookups: 0 agree, 0 disagree, 0 error, 1 scenario not run\n"
    github = call("run", "a.yaml", "a.yaml", "good.yaml", "--format", "github").out
    assert "1 agree, 0 disagree, 0 error, 2 scenarios not run" in github
    said = the_line(Done(done.status, "", done.err))
    assert "net.ipv4.conf.all.nope" in said
    assert "no such setting" in said


def test_a_fetch_is_suggested_where_it_would_work_only(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        distribution = host_distribution()
    except GlibcUnavailable:
        pytest.skip("no glibc packages are known for this distribution")
    newest, oldest = distribution.suites[-1], distribution.suites[0]
    foreign = f"{newest.glibc}:s390x"
    named = the_line(call("run", "--glibc", oldest.name))
    meant = f"did you mean {oldest.glibc}, the glibc of {oldest.name}?"
    assert named.endswith(f"'{oldest.name}' is a suite, and no glibc; {meant}\n")
    unknown = the_line(call("run", "--glibc", "9.99"), 3)
    assert f"is known to have {oldest.glibc}, " in unknown
    mistyped = the_line(call("run", "--glibc", f"{oldest.glibc}:amr64"), 3)
    assert mistyped.endswith(f"; did you mean {oldest.glibc}:arm64?\n")
    monkeypatch.setenv("PATH", str(tmp_path))  # there is no apt-get on it
    without = the_line(call("run", "--glibc", foreign), 3)
    assert "gai-harness glibc add DIR" in without
    assert not any("glibc fetch" in said for said in (unknown, mistyped, without))


def test_a_host_name_nobody_knows() -> None:
    # without a DNS server to ask it is the other of the two
    why = r"the name service (knows no address|did not answer)"
    done = called("explain", "seed-rule9-dual-stak")
    assert "(EAI_" in done.out
    meant = f"; did you mean the scenario {SEED}\\?\n"
    assert re.fullmatch(f"'seed-rule9-dual-stak': {why}{meant}", done.err)
    done = called("explain", "zzz.invalid", "--json")
    assert json.loads(done.out)
    assert done.status == 1
    assert re.fullmatch(f"'zzz.invalid': {why}\n", done.err)
    assert called("explain", "localhost").err == ""
    nameless = called("explain", "--service", "80", "--flags", "AI_PASSIVE")
    assert nameless.out.startswith("this host: :80 AI_PASSIVE")
    assert (nameless.status, nameless.err) == (0, "")
    done = called("explain", LONG)  # for a file it would be too long
    assert done.status == 1
    assert "EAI_NONAME" in done.out
    assert re.fullmatch(rf".{{1,400}}: {why}\n", done.err)


def test_a_name_nobody_knows_is_a_finding_of_who_copies(tmp_path: Path) -> None:
    done = called("snapshot", "zzz.invalid", "-o", tmp_path / "x.yaml")
    assert (done.status, "zzz.invalid" in done.err) == (1, True)
    # what it replays is that error, and to a run that is as it should be
    assert called("run", tmp_path / "x.yaml").status == 0
    assert called("snapshot", tmp_path / "x.yaml").status == 0


def test_without_arguments_the_help_begins_with_what_to_begin_with(call: Call) -> None:
    done = call()
    assert done == call("--help")
    assert (done.status, done.err) == (0, "")
    first = [line for line in done.out.splitlines() if "gai-harness " in line][:5]
    # as the README: kubelet before explain
    assert [line.split()[1] for line in first[1:]] == ["doctor", "kubelet", "explain", "run"]
