"""Bare Debian roots, and what an engine would do with a Containerfile in them.

A root is made by mmdebstrap out of the machine's own mirror; a process gets it as its root
folder by pivot_root in namespaces of its own, with an overlay that takes the changes. No engine,
no daemon, and as an ordinary user no root rights.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from harness.glibcs.catalog import host_distribution, native_arch
from harness.glibcs.sources import choose, host_sources

ROOT = Path(__file__).resolve().parents[2]
ENTER = Path(__file__).with_name("enter.sh")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# what a machine may need to reach its mirror and its package index: never in the project's files
_VARIABLES = re.compile(r"PIP_.*|SSL_CERT_.*|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|.*_proxy", re.I)
_APT = re.compile(r"^Acquire::(?:Check-.*|https?(?:::.*)?|Retries.*|Force.*) ", re.I)
_PLACES = re.compile(r"(?:(file://)|(?<![\w:/]))(/[\w./+-]+)")

_KNOWN = {"ARG", "FROM", "RUN", "COPY", "WORKDIR", "ENV", "USER", "ENTRYPOINT", "CMD"}
_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")

Mount = tuple[Path, str, str]
"""What is seen where in a root: read-only ("ro"), or with changes that are dropped ("fresh")."""


@dataclass
class Machine:
    """What of this machine's settings a root needs to reach its mirror and package index.

    Files and folders that they name are seen below /.machine, out of everything's way.
    """

    environment: dict[str, str] = field(default_factory=dict)
    mounts: list[Mount] = field(default_factory=list)

    @classmethod
    def here(cls, folder: Path) -> Machine:
        """This machine's; ``folder`` takes what is written for it."""
        found = cls()
        for name, value in os.environ.items():
            if _VARIABLES.fullmatch(name):
                found.environment[name] = found._moved(value)
        own = Path("~/.config/pip/pip.conf").expanduser()
        for source, target in (
            (Path("/etc/pip.conf"), "/etc/pip.conf"),
            (own, "/etc/xdg/pip/pip.conf"),
        ):
            if source.is_file():
                copy = folder / target.replace("/", "-")
                copy.write_text(found._moved(source.read_text()))
                found.mounts.append((copy, target, "ro"))
        return found

    def _moved(self, text: str) -> str:
        def place(match: re.Match[str]) -> str:
            named = Path(match[2])
            if not named.exists():
                return match[0]
            # the pages of an index in a folder name files beside it
            seen = named.parent if named.name == "simple" else named
            mount = (seen, f"/.machine{seen}", "ro")
            if mount not in self.mounts:
                self.mounts.append(mount)
            return f"{match[1] or ''}/.machine{named}"

        return _PLACES.sub(place, text)


def make_base(suite: str, folder: Path, *packages: str) -> Path:
    """A bare root of a suite: what the engine's debian:SUITE-slim is, and ``packages``.

    Raises LookupError where this machine has no mirror of it.
    """
    distribution = host_distribution()
    chosen = choose(host_sources(), distribution, suite, native_arch())
    if distribution.id != "debian" or not chosen:
        raise LookupError(f"this machine has no mirror of Debian {suite}")
    entry = ["Types: deb", f"URIs: {chosen[0].uri}", f"Suites: {suite}", "Components: main"]
    if chosen[0].signed_by:
        entry.append(f"Signed-By: {chosen[0].signed_by}")
    settings = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True)
    options = [f"--aptopt={line}" for line in settings.stdout.splitlines() if _APT.match(line)]
    done = subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=minbase",
         *(f"--include={package}" for package in packages), *options, suite, str(folder), "-"],
        input="\n".join(entry) + "\n", capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    if done.returncode != 0:
        raise LookupError(f"mmdebstrap: {done.stderr.strip().splitlines()[-1:]}")
    return folder


class Root:
    """A root folder with changes of its own over a base.

    Parameters: ``folder`` an empty one for the changes; ``base`` a folder or another root,
    stays as it is.
    """

    def __init__(self, folder: Path, base: Path | Root, machine: Machine) -> None:
        self.folder, self.machine = folder, machine
        # an overlay's lower folders, the uppermost first
        self.layers: list[Path] = [base] if isinstance(base, Path) else base.lower
        for name in ("upper", "work", "root"):
            (folder / name).mkdir(parents=True)
        (folder / "base").write_text(":".join(map(str, self.layers)))

    @property
    def lower(self) -> list[Path]:
        """The layers of a root that begins where this one is now."""
        return [self.folder / "upper", *self.layers]

    def over(self, folder: Path) -> Root:
        """A root that begins where this one is now."""
        return Root(folder, self, self.machine)

    def run(
        self,
        command: Sequence[str],
        *,
        user: str = "root",
        folder: str = "/",
        environment: Mapping[str, str] | None = None,
        mounts: Iterable[Mount] = (),
        timeout: float = 600,
        capture: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the root; the environment is that of an engine's container."""
        lines = [f"{source} {target} {mode}" for source, target, mode in mounts]
        lines += [f"{source} {target} {mode}" for source, target, mode in self.machine.mounts]
        (self.folder / "mounts").write_text("\n".join(lines) + "\n")
        home = "/root" if user == "root" else "/tmp"
        variables = {"PATH": PATH, "HOME": home, **self.machine.environment, **(environment or {})}
        given = [f"{name}={value}" for name, value in variables.items()]
        return subprocess.run(
            [ENTER, self.folder, user, "env", "-i", *given, *command],
            env={"PATH": os.environ["PATH"], "GAI_FOLDER": folder},
            stdin=subprocess.DEVNULL, capture_output=capture, text=True, check=False,
            timeout=timeout,
        )  # fmt: skip


@dataclass
class Image:
    """A built stage: its root, and how a container of it is started."""

    root: Root
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = "root"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)

    def run(
        self, *arguments: str, mounts: Iterable[Mount] = ()
    ) -> subprocess.CompletedProcess[str]:
        """As an engine's ``run IMAGE ARGUMENTS…``."""
        return self.root.run(
            [*self.entrypoint, *(arguments or self.command)], user=self.user, folder=self.folder,
            environment=self.environment, mounts=mounts,
        )  # fmt: skip


class Builder:
    """Carries the instructions of a stage out, in order, each in the root they have made so far.

    Parameters: ``image`` to build in; ``source`` the build context; ``arguments`` as
    --build-arg gives them; ``others`` the stages built before, by name; ``caches`` what this
    machine already has for a cache mount, by its target.
    """

    def __init__(
        self,
        image: Image,
        source: Path,
        arguments: Mapping[str, str],
        others: Mapping[str, Image],
        caches: Mapping[str, Path],
    ) -> None:
        self.image, self.source, self.arguments = image, source, arguments
        self.others, self.caches = others, caches
        self._values: dict[str, str] = {}

    def build(self, stage: Stage) -> Image:
        for instruction in stage.instructions:
            getattr(self, f"_{instruction.name.lower()}")(instruction)
        return self.image

    def _arg(self, instruction: Instruction) -> None:
        name, _, default = instruction.value.partition("=")
        self._values[name] = self.arguments.get(name, default)

    def _env(self, instruction: Instruction) -> None:
        for word in instruction.value.split():
            name, _, value = word.partition("=")
            self.image.environment[name] = value

    def _workdir(self, instruction: Instruction) -> None:
        self._do(["mkdir", "-p", instruction.value])
        self.image.folder = instruction.value

    def _user(self, instruction: Instruction) -> None:
        self.image.user = instruction.value

    def _entrypoint(self, instruction: Instruction) -> None:
        self.image.entrypoint = json.loads(instruction.value)

    def _cmd(self, instruction: Instruction) -> None:
        self.image.command = json.loads(instruction.value)

    def _run(self, instruction: Instruction) -> None:
        mounts: list[Mount] = []
        wanted = dict(
            part.split("=", 1) for part in instruction.options.get("mount", "").split(",") if part
        )
        if wanted:
            assert wanted["type"] == "cache"
            if wanted["target"] in self.caches:
                mounts.append((self.caches[wanted["target"]], wanted["target"], "fresh"))
        self._do(["/bin/sh", "-c", instruction.value], user=self.image.user, mounts=mounts)

    def _copy(self, instruction: Instruction) -> None:
        *sources, target = filled(instruction.value, self._values).split()
        stage = instruction.options.get("from")
        if stage is None:
            assert sources == ["."]
            self._do(
                ["cp", "-a", "/.context/.", target], mounts=[(self._context(), "/.context", "ro")]
            )
            return
        other = self.others[stage].root.folder / "upper"
        for source in sources:  # all that the stage has made since its base
            self._do(["cp", "-a", f"/.from{source}", target], mounts=[(other, "/.from", "ro")])

    def _context(self) -> Path:
        folder = self.image.root.folder / "context"
        ignore = (self.source / ".dockerignore").read_text()
        for path in context(self.source, ignore):
            copy = folder / path.relative_to(self.source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy, follow_symlinks=False)
        return folder

    def _do(self, command: list[str], *, user: str = "root", mounts: Sequence[Mount] = ()) -> None:
        done = self.image.root.run(
            command, user=user, folder=self.image.folder, mounts=mounts,
            environment={**self._values, **self.image.environment},
        )  # fmt: skip
        assert done.returncode == 0, f"{command}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


@dataclass(frozen=True)
class Instruction:
    """One instruction, its --options and the rest of its words as they are written."""

    name: str
    options: dict[str, str]
    value: str


@dataclass
class Stage:
    """What follows one FROM; ``base`` with the arguments before it filled in."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)


def stages(text: str, arguments: Mapping[str, str]) -> list[Stage]:
    """The stages of a Containerfile; ``arguments`` as --build-arg gives them.

    Source: the Dockerfile reference. Only what this project's file uses is understood; anything
    else is an error, so that nothing in the file goes untried.
    """
    found: list[Stage] = []
    values: dict[str, str] = {}
    for instruction in _instructions(text):
        if instruction.name == "ARG" and not found:
            name, _, default = instruction.value.partition("=")
            values[name] = arguments.get(name, default)
        elif instruction.name == "FROM":
            base, _, name = filled(instruction.value, values).partition(" AS ")
            found.append(Stage(base, name))
        else:
            found[-1].instructions.append(instruction)
    return found


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with its $NAME and ${NAME} replaced; KeyError for one that is not set."""
    return _VARIABLE.sub(lambda match: values[match[1] or match[2]], text)


def _instructions(text: str) -> Iterator[Instruction]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ")
    for line in whole.splitlines():
        name, _, rest = line.strip().partition(" ")
        assert name in _KNOWN, f"an instruction these tests do not know: {line}"
        options, rest = {}, " ".join(rest.split())
        while match := re.match(r"--([a-z]+)=(\S+) ", rest):
            options[match[1]] = match[2]
            rest = rest[match.end() :]
        yield Instruction(name, options, rest)


def context(root: Path, ignore: str) -> list[Path]:
    """The files of a folder that an engine is sent: .dockerignore's last fitting line decides."""
    rules = [line for line in ignore.splitlines() if line and not line.startswith("#")]
    return [
        path
        for path in sorted(root.rglob("*"))
        if (path.is_file() or path.is_symlink())
        and not _ignored(PurePosixPath(path.relative_to(root)), rules)
    ]


def _ignored(path: PurePosixPath, rules: list[str]) -> bool:
    verdict = False
    names = [str(path), *(str(parent) for parent in path.parents if parent != PurePosixPath("."))]
    for rule in rules:
        pattern = rule.removeprefix("!")
        inner = pattern.removeprefix("**/")
        fits = any(
            _match(name, inner) or (inner != pattern and _match(PurePosixPath(name).name, inner))
            for name in names
        )
        if fits:
            verdict = not rule.startswith("!")
    return verdict


def _match(name: str, pattern: str) -> bool:
    return name.count("/") == pattern.count("/") and fnmatchcase(name, pattern)
