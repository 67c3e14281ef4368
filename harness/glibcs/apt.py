"""Fetching one package through the host's own apt-get, in a private root folder.

The host's configuration applies where it says how to reach and trust a mirror (proxies,
credentials, trusted keys); everything apt writes, and every hook that runs a command of the
host's, is turned away. Options: apt.conf(5), apt-get(8), sources.list(5).
"""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from harness.glibcs.apt_sources import Source
from harness.glibcs.build import GlibcError, GlibcUnavailable
from harness.glibcs.managers import PackageRequest, Progress, Watcher, explain, not_here, run
from harness.sandbox import programs
from harness.text.reading import read_regular

# what apt writes, in any case of its letters; what that means, and what helps
_FAILURES = (
    (
        r"Release file .* is (?:expired|not valid)|not valid (?:yet|anymore)",
        "the index of suite {0.suite.name} is past its date",
        "check the clock and the mirror",
    ),
    (
        r"Mirror sync in progress|Hash Sum mismatch",
        "the host's mirror serves suite {0.suite.name} for {0.arch} half updated",
        "try again when the mirror has caught up",
    ),
    (
        r"NO_PUBKEY|not signed|signature|keyring|Signed-By|GPG error",
        "the signature of suite {0.suite.name} cannot be checked with the host's keys",
        "install or update the distribution's archive keyring package",
    ),
    (
        r"does not have a Release file|404 +Not Found|no longer has a Release",
        "the host's mirror has no suite {0.suite.name} for {0.arch}",
        "add an archive that has it to apt's sources, or name a folder: gai-harness glibc add DIR",
    ),
    (
        r"resolv|(?:could not|unable to) connect|cannot initiate|timed out|unreachable|connection"
        r"|proxy",
        "the host's mirror cannot be reached",
        "check the network and the proxy in apt's configuration",
    ),
    ("", "apt-get failed for suite {0.suite.name}", "run apt-get update to see more"),
)
_SUITE_NAMES = re.compile(r"^(?:Suite|Codename):[ \t]*(\S+)[ \t]*$", re.M)
# Debian's are of 150 to 300 KB.
_LONGEST_RELEASE = 16 * 1024 * 1024


def download(request: PackageRequest, source: Source, work: Path, watch: Watcher) -> Path:
    """Fetch the package from one mirror, with its keys; apt checks the signatures.

    ``work`` is an empty private folder for all that apt writes, the ``.deb`` it gives (and others)
    too. Raises GlibcUnavailable: no apt-get, no such suite or package, no keys, no mirror.
    """
    base = _updated(request, source, work, watch, "Packages")
    output = work / "out"
    done = request.at("download", watch)
    failed = _run([*base, "download", request.package], output, done)
    found = sorted(output.glob("*.deb"))
    if failed is None and len(found) == 1:
        for package in request.also:
            _run([*base, "download", package], output, done)
        return found[0]
    if failed is None or "Unable to locate" in failed or "No candidate" in failed:
        raise GlibcUnavailable(
            f"suite {request.suite.name} has no package {request.package} for {request.arch}",
            "name another suite: gai-harness glibc list shows them",
        )
    raise _explain(failed, request)


def reach(request: PackageRequest, source: Source, work: Path) -> None:
    """Fetch a suite's signed release file, which is small, and nothing else; see `download`."""
    _updated(request, replace(source, updates=()), work, lambda _: None, "none")


def _updated(
    request: PackageRequest, source: Source, work: Path, watch: Watcher, targets: str
) -> list[str]:
    """Read the suite's index, and those of its updates as far as they can be had, into the private
    folder; gives how to call apt-get for them then: it takes the newest package.
    """
    apt = programs.find("apt-get")
    if apt is None:
        raise not_here("apt-get")
    for folder in ("state/lists/partial", "cache/archives/partial", "out"):
        (work / folder).mkdir(parents=True)
    (work / "status").touch()
    _list(request, source, work, targets)
    (work / "apt.conf").write_text(_configuration(request, work), encoding="utf-8")
    base = [apt, f"-c={work / 'apt.conf'}"]
    # --error-on: without it, a mirror that cannot be reached is only a warning
    failed = _run([*base, "update", "--error-on=any"], work, request.at("update", watch))
    lists = work / "state/lists"
    if failed is not None:
        if not (source.updates and _has(lists, request.suite.name)):
            raise _explain(failed, request)
        kept = tuple(one for one in source.updates if _has(lists, *one.suites))
        without = " and ".join(one.suites[0] for one in source.updates if one not in kept)
        failure = _explain(failed, replace(request, suite=replace(request.suite, name=without)))
        note = f"suite {request.suite.name} is taken without its updates: {failure.reason}"
        watch(Progress(request.suite.name, "update", 1.0, note))
        source = replace(source, updates=kept)
        _list(request, source, work, targets)
    _check_suite(request, source, lists)
    return base


def _list(request: PackageRequest, source: Source, work: Path, targets: str) -> None:
    suites = (replace(source, suites=(request.suite.name,)), *source.updates)
    text = "\n".join(_entry(request, one, targets) for one in suites)
    (work / "apt.sources").write_text(text, encoding="utf-8")


def _has(lists: Path, suite: str) -> bool:
    """Whether apt has verified a suite's release file, by the name it gives it."""
    return any(lists.glob(f"*_dists_{suite}_*Release"))


def _check_suite(request: PackageRequest, source: Source, lists: Path) -> None:
    """Refuse the signed index of another suite, about which apt only warns.

    Its lists have the release file it has verified, with the signature (InRelease) or without. A
    pocket's may name the suite alone, as Ubuntu's do; the suite's may not name a pocket.
    """
    pockets = [one.suites[0] for one in source.updates]
    for path in lists.glob("*Release"):
        text = read_regular(path, _LONGEST_RELEASE).decode("utf-8", "replace")
        names = dict.fromkeys(_SUITE_NAMES.findall(text))
        asked = next((one for one in pockets if f"_dists_{one}_" in path.name), request.suite.name)
        if names.keys().isdisjoint((request.suite.name, asked)):
            raise GlibcUnavailable(
                f"the host's mirror answers for suite {request.suite.name} with the signed index "
                f"of another one ({' and '.join(names) or 'none'})",
                "check the mirror in apt's sources, and the proxy",
            )


def _entry(request: PackageRequest, source: Source, targets: str) -> str:
    """A private deb822 source: the host's mirror and keys, one suite or pocket."""
    lines = [
        "Types: deb",
        f"URIs: {source.uri}",
        f"Suites: {source.suites[0]}",
        f"Components: {request.component}",
        f"Architectures: {request.arch}",
        # no translations, no package contents: the index alone, or not even that
        f"Targets: {targets}",
    ]
    lines += [f"Signed-By: {source.signed_by}"] if source.signed_by else []
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
    if request.suite.archived:
        values["Acquire::Check-Valid-Until"] = "false"
    # The host's hooks would clean its own caches and wake its daemons.
    cleared = ("APT::Architectures", "APT::Update", "DPkg::Pre-Invoke", "DPkg::Post-Invoke")
    lines = [f"#clear {name};" for name in cleared]
    lines += [f'{name} "{value}";' for name, value in values.items()]
    lines.append(f'APT::Architectures {{ "{request.arch}"; }};')
    return "\n".join(lines) + "\n"


def _run(command: list[str], folder: Path, report: Callable[[float], object]) -> str | None:
    return run([*command, "-o", "APT::Status-Fd=1"], folder, report, _done)


def _done(line: str) -> float | None:
    """How far apt-get is: dlstatus:NUMBER:PERCENT:TEXT, among what it says to people."""
    fields = line.split(":", 3)
    return float(fields[2]) / 100 if fields[0] == "dlstatus" and len(fields) == 4 else None


def _explain(said: str, request: PackageRequest) -> GlibcUnavailable:
    lines = [line[3:] for line in said.splitlines() if line.startswith(("E: ", "W: "))]
    first = next((line for line in lines if "Failed to fetch" in line), (lines or [""])[0])
    return explain(lines, first, request, "apt", _FAILURES)
