"""Fetching one package through the host's own apt-get, in a private root folder.

The host's configuration applies where it says how to reach and trust a mirror (proxies,
credentials, trusted keys); everything apt writes, and every hook that runs a command of the
host's, is turned away. Options: apt.conf(5), apt-get(8), sources.list(5).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.glibcs.build import GlibcError, GlibcUnavailable
from harness.glibcs.sources import Source, no_apt
from harness.sandbox import programs
from harness.text.reading import read_regular

# Called with a step ("update" or "download") and how much of it is done, 0 to 1.
Report = Callable[[str, float], None]

# what apt writes, in any case of its letters; what that means, and what helps
_FAILURES = (
    (
        r"Release file .* is (?:expired|not valid)|not valid (?:yet|anymore)",
        "the index of suite {0.suite} is past its date",
        "check the clock and the mirror",
    ),
    (
        r"Mirror sync in progress|Hash Sum mismatch",
        "the host's mirror serves suite {0.suite} for {0.arch} half updated",
        "try again when the mirror has caught up",
    ),
    (
        r"NO_PUBKEY|not signed|signature|keyring|Signed-By|GPG error",
        "the signature of suite {0.suite} cannot be checked with the host's keys",
        "install or update the distribution's archive keyring package",
    ),
    (
        r"does not have a Release file|404 +Not Found|no longer has a Release",
        "the host's mirror has no suite {0.suite} for {0.arch}",
        "add an archive that has it to apt's sources, or name a folder: gai-harness glibc add DIR",
    ),
    (
        r"resolv|(?:could not|unable to) connect|cannot initiate|timed out|unreachable|connection"
        r"|proxy",
        "the host's mirror cannot be reached",
        "check the network and the proxy in apt's configuration",
    ),
    ("", "apt-get failed for suite {0.suite}", "run apt-get update to see more"),
)
_SUITE_NAMES = re.compile(r"^(?:Suite|Codename):[ \t]*(\S+)[ \t]*$", re.M)
# Debian's are of 150 to 300 KB.
_LONGEST_RELEASE = 16 * 1024 * 1024
_SUPERVISE = str(Path(__file__).with_name("supervise.py"))


@dataclass(frozen=True, slots=True)
class PackageRequest:
    """A package to fetch.

    Args:
        package: Its name, ``libc6``.
        suite: The one suite to look in.
        component: The archive's component it is in.
        arch: Debian's name of the architecture.
        archived: Accept a signed index that is past its date.
    """

    package: str
    suite: str
    component: str
    arch: str
    archived: bool


def download(request: PackageRequest, source: Source, work: Path, report: Report) -> Path:
    """Fetch the package from one mirror; apt checks the signatures.

    Args:
        request: What to fetch.
        source: The mirror; the keys of its entry are used.
        work: An empty private folder for everything apt writes.
        report: Called as the work goes on.

    Returns:
        The ``.deb``, in *work*.

    Raises:
        GlibcUnavailable: No apt-get, no such suite or package, keys missing, the mirror out of
            reach.
    """
    base = _updated(request, source, work, report, "Packages")
    output = work / "out"
    failed = _run([*base, "download", request.package], output, "download", report)
    found = sorted(output.glob("*.deb"))
    if failed is None and len(found) == 1:
        return found[0]
    if failed is None or "Unable to locate" in failed or "No candidate" in failed:
        raise GlibcUnavailable(
            f"suite {request.suite} has no package {request.package} for {request.arch}",
            "name another suite: gai-harness glibc list shows them",
        )
    raise _explain(failed, request)


def reach(request: PackageRequest, source: Source, work: Path) -> None:
    """Fetch a suite's signed release file, which is small, and nothing else.

    Args:
        request: The suite and what it is looked at for.
        source: The mirror; the keys of its entry are used.
        work: An empty private folder for everything apt writes.

    Raises:
        GlibcUnavailable: No apt-get, no such suite, keys missing, the mirror out of reach.
    """
    _updated(request, source, work, lambda *_: None, "none")


def _updated(
    request: PackageRequest, source: Source, work: Path, report: Report, targets: str
) -> list[str]:
    """Read the suite's index into the private folder; how to call apt-get for it from now on."""
    apt = programs.find("apt-get")
    if apt is None:
        raise no_apt()
    for folder in ("state/lists/partial", "cache/archives/partial", "out"):
        (work / folder).mkdir(parents=True)
    (work / "status").touch()
    (work / "apt.sources").write_text(_entry(request, source, targets), encoding="utf-8")
    (work / "apt.conf").write_text(_configuration(request, work), encoding="utf-8")
    base = [apt, f"-c={work / 'apt.conf'}"]
    # --error-on: without it, a mirror that cannot be reached is only a warning
    failed = _run([*base, "update", "--error-on=any"], work, "update", report)
    if failed is not None:
        raise _explain(failed, request)
    _check_suite(request, work / "state/lists")
    return base


def _check_suite(request: PackageRequest, lists: Path) -> None:
    """Refuse the signed index of another suite, about which apt only warns.

    apt keeps the release file it has verified in its lists, signed in one (InRelease) or beside
    it (Release).
    """
    for path in lists.glob("*Release"):
        text = read_regular(path, _LONGEST_RELEASE).decode("utf-8", "replace")
        names = dict.fromkeys(_SUITE_NAMES.findall(text))
        if request.suite not in names:
            said = " and ".join(names) or "none"
            raise GlibcUnavailable(
                f"the host's mirror answers for suite {request.suite} with the signed index of "
                f"another one ({said})",
                "check the mirror in apt's sources, and the proxy",
            )


def _entry(request: PackageRequest, source: Source, targets: str) -> str:
    """The private deb822 source: the host's mirror and keys, our one suite."""
    lines = [
        "Types: deb",
        f"URIs: {source.uri}",
        f"Suites: {request.suite}",
        f"Components: {request.component}",
        f"Architectures: {request.arch}",
        # no translations, no package contents: the index alone, or not even that
        f"Targets: {targets}",
    ]
    if source.signed_by:
        lines.append(f"Signed-By: {source.signed_by}")
    return "\n".join(lines) + "\n"


def _configuration(request: PackageRequest, work: Path) -> str:
    if '"' in str(work) or "\n" in str(work):
        raise GlibcError(f"{work}: apt cannot work in a folder with quotes in its name")
    values = {
        "Dir::State": work / "state",
        "Dir::State::lists": work / "state/lists",
        "Dir::State::status": work / "status",
        "Dir::State::extended_states": work / "state/extended_states",
        "Dir::Cache": work / "cache",
        "Dir::Cache::archives": work / "cache/archives",
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "Dir::Log": work / "state",
        "Dir::Etc::sourcelist": work / "apt.sources",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        # A default release of the host's is not in this list of one suite.
        "APT::Default-Release": "",
        "APT::Architecture": request.arch,
        # As root apt would hand the download to a user who cannot enter this private folder.
        "APT::Sandbox::User": "root",
        "APT::Get::AllowUnauthenticated": "false",
        "Acquire::AllowInsecureRepositories": "false",
        "Acquire::AllowDowngradeToInsecureRepositories": "false",
        "Acquire::AllowWeakRepositories": "false",
        "Acquire::Retries": "3",
        "Acquire::Languages": "none",
        "Acquire::PDiffs": "false",
    }
    if request.archived:
        values["Acquire::Check-Valid-Until"] = "false"
    # The host's hooks would clean its own caches and wake its daemons.
    cleared = ("APT::Architectures", "APT::Update", "DPkg::Pre-Invoke", "DPkg::Post-Invoke")
    lines = [f"#clear {name};" for name in cleared]
    lines += [f'{name} "{value}";' for name, value in values.items()]
    lines.append(f'APT::Architectures {{ "{request.arch}"; }};')
    return "\n".join(lines) + "\n"


def _run(command: list[str], folder: Path, step: str, report: Report) -> str | None:
    """Run apt-get in *folder*; None when it succeeded, otherwise what it said."""
    # Untranslated messages, since they are looked at.
    environment = programs.environment()
    environment |= {"LC_ALL": "C.UTF-8", "LANGUAGE": "", "DEBIAN_FRONTEND": "teletype"}
    reading, writing = os.pipe()
    watched, alive = os.pipe()
    said = folder / f"{step}.log"
    report(step, 0.0)
    with os.fdopen(reading, encoding="utf-8", errors="replace") as status, said.open("wb") as log:
        try:
            # apt-get and what it starts end when `alive` is closed, at the latest by our death
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", _SUPERVISE, str(watched),
                 *command, "-o", f"APT::Status-Fd={writing}"],
                cwd=folder, env=environment, pass_fds=(watched, writing), start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
            )  # fmt: skip
        except BaseException:
            os.close(alive)
            raise
        finally:
            os.close(writing)
            os.close(watched)
        try:
            # dlstatus:NUMBER:PERCENT:TEXT
            for line in status:
                fields = line.split(":", 3)
                if fields[0] == "dlstatus" and len(fields) == 4:
                    report(step, min(float(fields[2]) / 100, 1.0))
            failed = process.wait() != 0
        finally:
            os.close(alive)
            process.wait()
    report(step, 1.0)
    return said.read_text(encoding="utf-8", errors="replace") if failed else None


def _explain(said: str, request: PackageRequest) -> GlibcUnavailable:
    """The one line a user needs out of what apt wrote."""
    lines = [line[3:] for line in said.splitlines() if line.startswith(("E: ", "W: "))]
    text = "\n".join(lines)
    first = next((line for line in lines if "Failed to fetch" in line), (lines or [""])[0])
    reason, hint = next(
        (reason, hint) for form, reason, hint in _FAILURES if re.search(form, text, re.IGNORECASE)
    )
    said = first.strip() or "nothing"
    return GlibcUnavailable(f"{reason.format(request)} (apt says: {said})", hint)
