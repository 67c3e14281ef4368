"""What the host's package managers have in common: what they are asked, how they run and fail.

Each is a module of its own with ``download`` and ``reach``: `apt`, and `dnf` for packages of RPM.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.glibcs.build import GlibcUnavailable
from harness.glibcs.catalog import Distribution, Suite
from harness.sandbox import programs

_SUPERVISE = str(Path(__file__).with_name("supervise.py"))

Failure = tuple[str, str, str]
"""What a manager says, in any case of its letters; what that means of a request; what helps."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a fetch of a suite is.

    ``step`` is ``update`` (the suite's index), ``download``, ``unpack``, ``build``, ``done`` or
    ``cached``, ``fraction`` the part of it that is done, 0 to 1; ``note`` is worth knowing.
    """

    suite: str
    step: str
    fraction: float
    note: str = ""


Watcher = Callable[[Progress], object]


def silent(_: Progress) -> None:
    """The watcher of a fetch that nobody looks at."""


@dataclass(frozen=True, slots=True)
class PackageRequest:
    """A package to fetch, from one suite and one component of a distribution's archive.

    ``also`` are packages to bring along, each where the suite has it.
    """

    package: str
    distribution: Distribution
    suite: Suite
    arch: str
    component: str
    also: tuple[str, ...] = ()

    def at(self, step: str, watch: Watcher) -> Callable[[float], object]:
        """Something to call with how far a step of this request is."""
        return lambda done: watch(Progress(self.suite.name, step, done))


def run(
    command: list[str],
    folder: Path,
    report: Callable[[float], object] = lambda _: None,
    done: Callable[[str], float | None] = lambda _: None,
    *,
    root: bool = False,
) -> str | None:
    """Run a package manager in *folder*; None when it succeeded, otherwise what it said.

    ``report`` is called with how far it is, which ``done`` tells from a line of its output;
    ``root`` says that it wants to be root, in a user namespace where the asker is not.
    """
    # Untranslated messages, since they are looked at.
    environment = programs.environment()
    environment |= {"LC_ALL": "C.UTF-8", "LANGUAGE": "", "DEBIAN_FRONTEND": "teletype"}
    said = folder / "said.log"
    report(0.0)
    # the manager and what it starts end when its input is closed, at the latest by our death
    with said.open("wb") as log, subprocess.Popen(
        [sys.executable, "-I", "-S", _SUPERVISE, *["--root"] * root, *command],
        cwd=folder, env=environment, start_new_session=True, encoding="utf-8", errors="replace",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            if (fraction := done(line)) is not None:
                report(min(fraction, 1.0))
        failed = process.wait() != 0
    report(1.0)
    return said.read_text(encoding="utf-8", errors="replace") if failed else None


def explain(
    lines: Iterable[str],
    first: str,
    request: PackageRequest,
    name: str,
    failures: Iterable[Failure],
) -> GlibcUnavailable:
    """The one line a user needs out of what a manager wrote; ``first`` is quoted."""
    text = "\n".join(lines)
    _, reason, hint = next(one for one in failures if re.search(one[0], text, re.IGNORECASE))
    return GlibcUnavailable(
        f"{reason.format(request)} ({name} says: {first.strip() or 'nothing'})", hint
    )


def named(package: Path) -> tuple[str, str]:
    """A package's name and version, by the name that a manager gives its file."""
    if package.suffix == ".rpm":  # NAME-VERSION-RELEASE.ARCH.rpm
        name, version, release = package.name.rsplit(".", 2)[0].rsplit("-", 2)
        return name, f"{version}-{release}"
    # NAME_VERSION_ARCH.deb, with a colon of the version as %3a
    name, version, *_ = package.name.replace("%3a", ":").split("_")
    return name, version


def not_here(name: str) -> GlibcUnavailable:
    """The error for a machine without the manager that its distribution has."""
    return GlibcUnavailable(
        f"this host has no {name}, which fetches glibc packages",
        "unpack the glibc you want and name it: gai-harness glibc add DIR",
    )
