"""What becomes of each language's blocks when a page is run, as docs/testing.md says."""

import configparser
import difflib
import doctest
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import platformdirs
import yaml

from harness.advice.lint import lint
from harness.scenario import ScenarioError, load
from tests.docs.pages import ROOT, Block, Page, page
from tests.docs.shell import Hung, Ran, Shell

HERE = Path(__file__).parent
# The host's glibc in the pages' outputs.
WRITTEN_ON = "2.36"
# elsewhere than on that glibc no version of an output is compared, and no list of them
VERSIONS = re.compile(r"2\.\d\d\b(?: amd64)?(?:,? 2\.\d\d\b(?: amd64)?)*")
KINDS = ("another machine", "root", "an hour", "network", "itself")


class Untrue(Exception):
    """A block does not do what its page says; the text says where, and the difference."""


@dataclass(slots=True)
class Scene:
    """What the blocks of one page share."""

    folder: Path
    shell: Shell
    host_glibc: str
    globals: dict[str, object] = field(default_factory=dict)


def environment(private: Path, cache: Path | None) -> dict[str, str]:
    """The environment of a page's commands: a home of their own, a copy of the glibc cache."""
    home = private / "home"
    home.mkdir()
    for name in (".config/pip", ".pip"):  # how packages are found belongs to the machine
        if (Path.home() / name).is_dir():
            (home / name).parent.mkdir(exist_ok=True)
            (home / name).symlink_to(Path.home() / name)
    for part in ("builds", "roots", "qemu"):
        if cache is not None and (cache / part).is_dir():
            own = home / ".cache/gai-harness" / part
            shutil.copytree(cache / part, own, symlinks=True, copy_function=os.link)
    # where CI is set, pytest cuts no line short
    usual = ("COLUMNS", "CI", "BUILD_NUMBER")
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("XDG_", "PYTEST_", "COV_", "GAI_HARNESS_")) and key not in usual
    }
    # what zig has compiled of the C library for seven processors takes it a minute
    kept.setdefault("ZIG_GLOBAL_CACHE_DIR", str(platformdirs.user_cache_path("zig")))
    path = [HERE / "stand-ins", Path(sysconfig.get_path("scripts")), kept.get("PATH", "")]
    return kept | {
        "HOME": str(home),
        "PATH": os.pathsep.join(map(str, path)),
        "PYTHON": sys.executable,  # for the stand-ins
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "TERM": "dumb",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "PIP_COMPILE": "0",  # most of what is installed is never imported
    }


def run_page(shown: Page, private: Path, cache: Path | None) -> list[str]:
    """Run the blocks of a page in order; gives a line for each of what became of it.

    Parameters: ``private`` an empty folder, ``cache`` the glibc cache to begin with.
    Raises Untrue.
    """
    variables = environment(private, cache)
    folder, notes = private / "work", private / "notes"
    folder.mkdir()
    notes.mkdir()
    host_glibc = (os.confstr("CS_GNU_LIBC_VERSION") or "").removeprefix("glibc ")
    scene = Scene(folder, Shell(folder, notes, variables), host_glibc)
    told = []
    for block in shown.blocks:
        try:
            told.append(f"{block.where} {block.language}: {_run_block(scene, block)}")
        except Untrue as error:
            raise Untrue(f"{block.where}: {error}") from None
        except Exception as error:
            raise Untrue(f"{block.where}: {type(error).__name__}: {error}") from error
    return told


def _run_block(scene: Scene, block: Block) -> str:
    """Do with one block what its language and its directives ask for."""
    if "not-run" in block.directives:
        return "not run: " + not_run_kind(block)
    if "same-as" in block.directives:
        return _same_as(block)
    if block.language.startswith("{"):
        return "built by the site"
    if block.language not in ACTIONS | PARSERS:
        known = ", ".join(ACTIONS | PARSERS)
        raise Untrue(f"{block.language or 'no language'!r}: one of {known} was expected")
    if block.file is not None and block.language != "console":
        place = scene.folder / block.file
        if not place.resolve().is_relative_to(scene.folder.resolve()):
            raise Untrue(f"{block.file} is outside the page's folder")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(block.text, encoding="utf-8")
    if block.language in PARSERS:
        PARSERS[block.language](block.text)
        return "parsed"
    return ACTIONS[block.language](scene, block)


def _same_as(block: Block) -> str:
    """A block whose lines are part of what another page shows: that page has them tried."""
    other = block.directives["same-as"]
    shown = "\n".join(
        one.text
        for one in page(other).blocks
        if one.language == "sh" and "same-as" not in one.directives
    )
    missing = [line for line in block.text.splitlines() if line not in shown]
    if missing:
        raise Untrue(f"{other} shows nothing with {missing[0]!r}")
    return f"as in {other}"


def not_run_kind(block: Block) -> str:
    """The kind of reason why a block is not run. Raises Untrue for one that is none."""
    kind, colon, reason = block.directives["not-run"].partition(":")
    if kind.strip() not in KINDS or not colon or len(reason.split()) < 3:
        known = ", ".join(KINDS)
        raise Untrue(f"not-run: one of {known}, a colon and the reason in words were expected")
    if block.language not in ("console", "sh"):
        raise Untrue("only commands can be left out")
    return kind.strip()


def commands(block: Block) -> list[tuple[str, str]]:
    """The commands of a console block, each with the output shown under it. Raises Untrue."""
    found: list[tuple[str, str]] = []
    for line in block.text.splitlines(keepends=True):
        if line.startswith("$ "):
            found.append((line[2:].rstrip("\n"), ""))
            continue
        if not found:
            raise Untrue("a console block begins with '$ '")
        command, output = found[-1]
        if not output and (line.startswith("> ") or command.endswith("\\")):
            more = line.removeprefix("> ").rstrip("\n")
            found[-1] = f"{command}\n{more}", ""
        else:
            found[-1] = command, output + line
    return found


def mismatch(expected: str, printed: str) -> str | None:
    """None when a command printed what its page says, else the difference as a unified diff.

    A line that is … alone stands for any number of lines, … inside a line for any characters
    of that line. Blanks at the ends of lines do not count.
    """
    said = [line.rstrip() for line in expected.splitlines()]
    came = [line.rstrip() for line in printed.splitlines()]
    pattern = "".join(
        r"(?:[^\n]*\n)*?" if line.strip() == "…"
        else r"[^\n]*".join(map(re.escape, line.split("…"))) + r"\n"
        for line in said
    )  # fmt: skip
    if re.fullmatch(pattern, "".join(f"{line}\n" for line in came)):
        return None
    return "\n".join(difflib.unified_diff(said, came, "the page", "the run", lineterm=""))


def _console(scene: Scene, block: Block) -> str:
    asked = commands(block)
    for number, (command, expected) in enumerate(asked, 1):
        if "…" in expected and not expected.replace("…", "").strip():
            raise Untrue(f"{command}: the whole output is elided")
        ran = _run(scene, block, command)
        if number == len(asked):
            _check_status(block, ran)
        elif ran.status != 0 and asked[number][0] != "echo $?":
            raise Untrue(f"{command}: status {ran.status}, and 0 was expected\n{ran.output}")
        printed = ran.output
        if scene.host_glibc != WRITTEN_ON:
            expected, printed = VERSIONS.sub("2.X", expected), VERSIONS.sub("2.X", printed)
        difference = mismatch(expected, printed)
        if difference is not None:
            raise Untrue(f"{command}\n{difference}")
    return f"{len(asked)} commands run and compared"


def _sh(scene: Scene, block: Block) -> str:
    _check_status(block, _run(scene, block, block.text, strict=True))
    return "run"


def _check_status(block: Block, ran: Ran) -> None:
    wanted = int(block.directives.get("exit", 0))
    if ran.status != wanted:
        raise Untrue(f"status {ran.status}, and {wanted} was expected\n{ran.output}")


def _run(scene: Scene, block: Block, command: str, *, strict: bool = False) -> Ran:
    if "in" in block.directives:
        if block.directives["in"] != "clone":
            raise Untrue("in: only 'clone' is known")
        clone = scene.folder / "clone"
        if not clone.exists():
            _clone(clone)
        command = f"pushd {clone} >/dev/null\n{command}\nended=$?\npopd >/dev/null; (exit $ended)"
    if "on" in block.directives:
        script = scene.folder.parent / "notes" / "on-host.sh"
        script.write_text(("set -e -o pipefail\n" if strict else "") + command, encoding="utf-8")
        # the sandbox asks for a function by its module's name, which must not be __main__
        code = (
            f"import sys; sys.path.append({str(ROOT)!r}); from tests.docs.on_host import main; "
            "sys.exit(main(*sys.argv[1:]))"
        )
        command = shlex.join(
            [sys.executable, "-P", "-c", code, block.directives["on"], str(script)]
        )
        strict = False
    try:
        return scene.shell.run(command, strict=strict)
    except Hung as error:
        raise Untrue(f"{command}: did not end\n{error}") from None


def _clone(folder: Path) -> None:
    """The source folder as a clone of it would be, with what is not committed yet."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if os.path.lexists(ROOT / name):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)


def _yaml(scene: Scene, block: Block) -> str:
    documents = [one for one in yaml.safe_load_all(block.text) if isinstance(one, dict)]
    if not any({"host", "lookups"} & one.keys() for one in documents):
        return "parsed"
    place = scene.folder / (block.file or "block.yaml")
    place.write_text(block.text, encoding="utf-8")
    words = block.directives.get("refused")
    try:
        load(place)
    except ScenarioError as error:
        if words is None or words not in str(error):
            raise
        return "refused as a scenario"
    if words is not None:
        raise Untrue("loaded, and to be refused was expected")
    return "loaded as a scenario"


def _python(scene: Scene, block: Block) -> str:
    code = compile(block.text, block.where, "exec")
    if block.file is not None:
        return f"compiled, saved as {block.file}"
    with redirect_stdout(io.StringIO()):
        exec(code, scene.globals)
    return "run"


def _pycon(scene: Scene, block: Block) -> str:
    test = doctest.DocTestParser().get_doctest(
        block.text, scene.globals, block.where, block.page, block.line
    )
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(test, out=said.append, clear_globs=False)
    scene.globals.update(test.globs)
    if runner.failures or not test.examples:
        raise Untrue(f"\n{''.join(said) or 'no >>> in it'}")
    return f"{runner.tries} examples run and compared"


def _gai_conf(scene: Scene, block: Block) -> str:
    found = {finding.code for finding in lint(block.text.replace("\\0", "\0"))}
    code = block.section.partition(":")[0]
    if block.words in (("bad",), ("good",)):
        if (code in found) != (block.words == ("bad",)):
            raise Untrue(f"{code}: lint finds {found or 'nothing'}")
        return "as lint finds it"
    wanted = set(block.directives.get("lint", "").replace(",", " ").split())
    if found != wanted:
        shown = wanted or "nothing"
        raise Untrue(f"lint finds {found or 'nothing'}, and {shown} was expected")
    return "as lint finds it"


def _c(scene: Scene, block: Block) -> str:
    command = [
        sys.executable, "-P", "-m", "ziglang", "cc", "-c", "-o", os.devnull, "-std=c11",
        "-Wall", "-Wextra", "-Werror", "-x", "c", "-",
    ]  # fmt: skip
    done = subprocess.run(command, input=block.text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Untrue(done.stderr)
    return "compiled"


ACTIONS: dict[str, Callable[[Scene, Block], str]] = {
    "console": _console,
    "sh": _sh,
    "yaml": _yaml,
    "python": _python,
    "pycon": _pycon,
    "gai.conf": _gai_conf,
    "c": _c,
    "text": lambda *_: "free text",
}
PARSERS: dict[str, Callable[[str], object]] = {
    "json": json.loads,
    "toml": tomllib.loads,
    "xml": ElementTree.fromstring,
    "ini": configparser.ConfigParser().read_string,
}
