"""A hostile text in every place that outside text comes from, through every command and format."""

import json
import re
import subprocess
import unicodedata
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.e2e.kit import COMMAND
from tests.processes import called

# what acts: a colour, another direction, a hidden space, line breaks of all kinds, commands of
# runners, half a character, a byte that is no UTF-8
EVIL = "\x1b[31m\u202e\u200b\n  ::error::x\r::warning::y\x85\u2028##[error]\udcff&<b>"
FORMATS = ("text", "json", "junit", "tap", "github", "html")
QUOTED = json.dumps("\x1b[31m\u202e\u200b\n  ::error::x\r::warning::y\x85\u2028##[error]&<b>")
GAI_CONF = f"label {EVIL}\n::error::\n{EVIL} 1\nprecedence ::1/128 {EVIL}\nlabel ::1/128 7\n"
SCENARIO = f"""\
name: hostile
description: {QUOTED}
host: {{interfaces: {{"\\e": {{}}, eth0: {{addresses: [10.0.0.2/24, "2001:db8::2/64"]}}}}}}
names: {{web: [10.0.0.9, "2001:db8::9", "::1"]}}
gai_conf: {QUOTED}
left_out: [{QUOTED}]
lookups:
  - {{name: web, expect: {{order: [10.0.0.9]}}}}
  - {{name: {QUOTED}, expect: [{{order: [10.0.0.9]}}, {{error: EAI_NONAME, glibc: "<2.0"}}]}}
"""


def good(*changes: tuple[str, str]) -> str:
    """The scenario, as far as the format lets such texts in."""
    text = SCENARIO.replace('"\\e": {}, ', "")
    text = "\n".join(
        line for line in text.splitlines() if QUOTED not in line or "{name" not in line
    )
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text + "\n"


def commands(folder: Path) -> list[list[str]]:
    """Every command, with such a text in each argument, file name and file that it takes."""
    ok, conf = str(folder / f"{EVIL}.yaml"), str(folder / f"{EVIL}.conf")
    found = [["run", ok, "--format", each] for each in FORMATS]
    found += [["run", ok, "--gai-conf", conf, "--format", each] for each in FORMATS]
    found += [["run", ok, "--glibc", str(folder / f"{EVIL}.glibc"), "--format", "text"]]
    found += [["run", str(path)] for path in sorted(folder.glob("bad*"))]
    found += [["lint", conf, "--format", each] for each in ("text", "json", "github")]
    found += (
        ["run", ok, "--baseline", ok], ["run", EVIL], ["run", "--suite", EVIL],
        ["run", ok, "--glibc", EVIL], ["run", ok, "--format", EVIL], ["run", f"--{EVIL}"],
        ["run", ok, "-o", f"{folder}/no/{EVIL}"], [EVIL], [f"--{EVIL}"],
        ["explain", ok], ["explain", ok, "--json"], ["explain", EVIL],
        ["whatif", ok, "--gai-conf", conf], ["whatif", ok, "--gai-conf", conf, "--json"],
        ["whatif", ok, "--set", EVIL], ["whatif", EVIL],
        ["watch", ok, "--", "echo", EVIL], ["watch", ok, "--json", "--", "echo", EVIL],
        ["watch", ok, "--", EVIL], ["watch", EVIL, "--", "true"],
        ["suggest", EVIL, "--want", "10.0.0.9"], ["suggest", ok, "--want", EVIL],
        ["suggest", ok, "--want", "10.0.0.9,::1"], ["lint", EVIL],
        ["snapshot", EVIL], ["snapshot", EVIL, "--redact", "--no-check"],
        ["snapshot", "localhost", "--no-check", "-o", f"{folder}/no/{EVIL}"],
        ["kubelet", "--node", f"{folder}/node.json", "--node-name", EVIL],
        ["kubelet", "--node", f"{folder}/node.json", "--json"],
        ["kubelet", "--node", ok], ["kubelet", "--node-ip", EVIL], ["kubelet", "--scenario", ok],
        ["glibc", "add", f"{folder}/{EVIL}.glibc"],
        ["glibc", "add", str(folder), "--name", EVIL],
        ["glibc", "remove", EVIL], ["glibc", "fetch", EVIL], ["glibc", EVIL], ["glibc", "list"],
        ["glibc", "list", "--format", "json"], ["fuzz", EVIL], ["bench", EVIL], ["schema", EVIL],
        ["completion", EVIL], ["completion", "bash"], ["schema"],
        ["doctor", EVIL], ["findings", EVIL],
    )  # fmt: skip
    return found


def acts(text: str, *, github: bool = False) -> list[str]:
    """What of an output would act on a terminal or a runner, or be seen by nobody."""
    text = re.sub(r"<(style|script)\b.*?</\1>", "", text, flags=re.DOTALL)  # ours, in HTML
    found = [
        repr(c) for c in text
        if c not in "\n\t" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    ]  # fmt: skip
    ours = r"(?!::(?:error|warning|notice) (?:file=[^:]*|title=[^:]*)::)" if github else ""
    found += re.findall(rf"^{ours}\s*::.*", text, re.MULTILINE)
    return found + re.findall(r"##\[.*", text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of hostile files."""
    (tmp_path / f"{EVIL}.yaml").write_text(good())
    (tmp_path / f"{EVIL}.conf").write_bytes(GAI_CONF.encode("utf-8", "surrogateescape"))
    for name, change in (
        ("key", ("host:", f"{QUOTED}: 1\nhost:")), ("name", ("name: hostile", f"name: {QUOTED}")),
        ("link", ("eth0:", f"{QUOTED}:")), ("address", ("10.0.0.2/24", QUOTED)),
        ("host", ("web: [", f"{QUOTED}: [")), ("yaml", ("host:", f"*{EVIL.strip()[:1]}host: [")),
        ("conf", (f"gai_conf: {QUOTED}", f"gai_conf: {{file: {QUOTED}}}")),
    ):  # fmt: skip
        (tmp_path / f"bad-{name}.yaml").write_text(good(change))
    (tmp_path / "bad-bytes.yaml").write_bytes(EVIL.encode("utf-8", "surrogateescape"))
    glibc = tmp_path / f"{EVIL}.glibc"
    glibc.mkdir()
    (glibc / "libc.so.6").write_bytes(b"\x7fELF" + EVIL.encode("utf-8", "surrogateescape"))
    node = {
        "metadata": {"name": EVIL[:-1], "annotations": {EVIL[:5]: EVIL[:9]}},
        "spec": {"providerID": "aws:///\x1b[31m\u202e\n::error::x"},
        "status": {"addresses": [{"type": EVIL[:9], "address": "\u202e10.0.0.2"}]},
    }
    (tmp_path / "node.json").write_text(json.dumps(node))
    return tmp_path


def said(folder: Path, words: list[str]) -> tuple[int, str, str, str]:
    """The status, output, errors and job summary of a command, run in this process."""
    summary = folder / "summary.md"
    summary.unlink(missing_ok=True)
    done = called(*words, cwd=folder, env={"GITHUB_STEP_SUMMARY": str(summary)})
    table = summary.read_bytes() if summary.exists() else b""
    return done.status, done.out, done.err, table.decode("utf-8", "surrogateescape")


def test_nothing_acts_whatever_is_asked(folder: Path) -> None:
    wrong = []
    for words in commands(folder):
        status, out, err, summary = said(folder, words)
        if status not in (0, 1, 2, 3) or "Traceback" in err:
            wrong.append((words, status, err))
        for text in (out, err, summary):
            found = acts(text, github="github" in words and text is out)
            if found:
                wrong.append((words, status, str(found[:4])))
    assert not wrong, "\n".join(map(str, wrong))


def test_files_are_as_harmless_and_whole(folder: Path) -> None:
    reports = [f"--report={each}={folder / each}" for each in FORMATS]
    status, *_ = said(folder, ["run", str(folder / f"{EVIL}.yaml"), *reports])
    assert status == 1
    for each in FORMATS:
        text = (folder / each).read_text()
        assert not acts(
            text.replace("##[", "") if each == "json" else text, github=each == "github"
        ), each
    assert json.loads((folder / "json").read_text())["results"]
    ET.parse(folder / "junit")
    tap = (folder / "tap").read_text().splitlines()
    assert all(re.match(r"TAP version 13|1\.\.\d+|(not )?ok \d+ - |#| ", line) for line in tap)


@pytest.mark.needs("ip", "iproute2")
def test_an_interface_may_be_called_anything(folder: Path) -> None:
    script = "\n".join(
        f"ip link add $(printf '{name}') type bridge && ip link set $(printf '{name}') up;"
        for name in (r"\033[31m", r"\342\200\256abc", r"::error::", r"a\302\205b")
    )
    base = ["unshare", "-rn", "sh", "-c"]
    if subprocess.run([*base, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs user namespaces")
    subprocess.run([*base, f"set -e; {script}"], check=True)
    for words in ("snapshot localhost", "snapshot --redact --no-check localhost",
                  "explain localhost", "kubelet", "doctor"):  # fmt: skip
        done = subprocess.run(
            [*base, f"{script} '{COMMAND}' {words}"],
            capture_output=True, check=False, timeout=600, cwd=folder,
        )  # fmt: skip
        for data in (done.stdout, done.stderr):
            assert not acts(data.decode("utf-8", "surrogateescape")), words
