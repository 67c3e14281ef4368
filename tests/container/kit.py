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
from pathlib import Path
from typing import NamedTuple

from harness.glibcs.apt_sources import choose, host_sources
from harness.glibcs.catalog import host_distribution, native_arch

ROOT = Path(__file__).resolve().parents[2]
ENTER = Path(__file__).with_name("enter.sh")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# what a machine may need to reach its mirror and its package index: never in the project's files
_VARIABLES = re.compile(r"PIP_.*|SSL_CERT_.*|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|.*_proxy", re.I)
_APT = re.compile(r"^Acquire::(?:Check-.*|https?(?:::.*)?|Retries.*|Force.*) ", re.I)
_PLACES = re.compile(r"(?:(file://)|(?<![\w:/]))(/[\w./+-]+)")

_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")

Mount = tuple[Path, str, str]
"""What is seen where in a root: read-only ("ro"), or with changes that are dropped ("fresh")."""


@dataclass
class Machine:
    """What of this host's settings a root needs to reach its mirror and package index.

    Files and folders that they name are seen below /.machine, out of everything's way.
    """

    environment: dict[str, str] = field(default_factory=dict)
    mounts: list[Mount] = field(default_factory=list)

    @classmethod
    def here(cls, folder: Path) -> Machine:
        """This host's; ``folder`` takes what is written for it."""
        found = cls()
        for name, value in os.environ.items():
            if _VARIABLES.fullmatch(name):
                found.environment[name] = found._moved(value)
        for name, target in (
            ("/etc/pip.conf", "/etc/pip.conf"),
            ("~/.config/pip/pip.conf", "/etc/xdg/pip/pip.conf"),
        ):
            if (source := Path(name).expanduser()).is_file():
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

    Raises LookupError where this host has no mirror of it.
    """
    distribution = host_distribution()
    chosen = choose(host_sources(), distribution, suite, native_arch())
    if distribution.id != "debian" or not chosen:
        raise LookupError(f"this host has no mirror of Debian {suite}")
    entry = ["Types: deb", f"URIs: {chosen[0].uri}", f"Suites: {suite}", "Components: main"]
    if chosen[0].signed_by:
        entry.append(f"Signed-By: {chosen[0].signed_by}")
    settings = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True)
    options = [f"--include={package}" for package in packages]
    options += [f"--aptopt={line}" for line in settings.stdout.splitlines() if _APT.match(line)]
    # as the -slim images are
    options += ['--aptopt=Acquire::Languages "none"', "--dpkgopt=path-exclude=/usr/share/man/*",
                "--dpkgopt=path-exclude=/usr/share/doc/*"]  # fmt: skip
    done = subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=minbase", *options, suite, str(folder), "-"],
        input="\n".join(entry) + "\n", capture_output=True, text=True, check=False, timeout=1200,
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
        lines = (f"{source} {target} {mode}\n" for source, target, mode in
                 (*mounts, *self.machine.mounts))  # fmt: skip
        (self.folder / "mounts").write_text("".join(lines))
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


@dataclass
class Builder:
    """Carries the instructions of a stage out, in order, each in the root they have made so far.

    Parameters: ``image`` to build in; ``source`` the build context; ``arguments`` as
    --build-arg gives them; ``others`` the stages built before, by name; ``caches`` what this
    machine already has for a cache mount, by its target.
    """

    image: Image
    source: Path
    arguments: Mapping[str, str]
    others: Mapping[str, Image]
    caches: Mapping[str, Path]
    values: dict[str, str] = field(default_factory=dict)

    def build(self, stage: Stage) -> Image:
        image = self.image
        for name, options, value in stage.instructions:
            match name:
                case "ARG":
                    variable, _, default = value.partition("=")
                    self.values[variable] = self.arguments.get(variable, default)
                case "ENV":
                    image.environment |= dict(word.split("=", 1) for word in value.split())
                case "WORKDIR":
                    self._do(["mkdir", "-p", value])
                    image.folder = value
                case "USER":
                    image.user = value
                case "ENTRYPOINT":
                    image.entrypoint = json.loads(value)
                case "CMD":
                    image.command = json.loads(value)
                case "RUN":
                    mounts: list[Mount] = []
                    if "mount" in options:
                        wanted = dict(part.split("=", 1) for part in options["mount"].split(","))
                        assert wanted["type"] == "cache"
                        if cache := self.caches.get(wanted["target"]):
                            mounts.append((cache, wanted["target"], "fresh"))
                    self._do(["/bin/sh", "-c", value], user=image.user, mounts=mounts)
                case "COPY":
                    self._copy(options.get("from"), *filled(value, self.values).split())
                case _:
                    raise AssertionError(f"an instruction these tests do not know: {name}")
        return image

    def _copy(self, stage: str | None, *words: str) -> None:
        *sources, target = words
        if stage is None:
            assert sources == ["."]
            mount = (self._context(), "/.context", "ro")
            self._do(["cp", "-a", "/.context/.", target], mounts=[mount])
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
            environment={**self.values, **self.image.environment},
        )  # fmt: skip
        assert done.returncode == 0, f"{command}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


class Instruction(NamedTuple):
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
        options, rest = {}, " ".join(rest.split())
        while match := re.match(r"--([a-z]+)=(\S+) ", rest):
            options[match[1]] = match[2]
            rest = rest[match.end() :]
        yield Instruction(name, options, rest)


def context(root: Path, ignore: str) -> list[Path]:
    """The files of a folder that an engine is sent: .dockerignore's last line that fits a file,
    or a folder above it, decides.
    """
    rules = [
        (re.escape(line.removeprefix("!")), line[0] == "!")
        for line in ignore.splitlines() if line and line[0] != "#"
    ]  # fmt: skip
    found = []
    for path in sorted(root.rglob("*")):
        sent = True
        for pattern, kept in rules:
            fits = pattern.replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
            if re.fullmatch(f"{fits}(/.*)?", str(path.relative_to(root))):
                sent = kept
        if sent and (path.is_file() or path.is_symlink()):
            found.append(path)
    return found
