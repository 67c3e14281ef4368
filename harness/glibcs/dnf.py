"""Fetching one package through the host's own dnf, in a private root folder.

The host's configuration says which repositories there are, how they are reached and whose
signatures are checked; it is read and never changed. dnf checks signatures in a transaction only
(dnf 5 downloads without), so that the transaction that installs the package and what it needs
into the empty root is tested and not run. Options: dnf(8), dnf.conf(5), of dnf 4 and dnf 5.
"""

import re
from pathlib import Path

from harness.glibcs.build import GlibcUnavailable
from harness.glibcs.managers import PackageRequest, Watcher, explain, named, not_here, run
from harness.sandbox import programs

# RPM's names of the architectures; a host of the 64-bit one has i386's in its own repositories
_ARCHES = {
    "amd64": ("x86_64", "x86_64"), "i386": ("x86_64", "i686"), "arm64": ("aarch64", "aarch64"),
    "armhf": ("armv7hl", "armv7hl"), "ppc64el": ("ppc64le", "ppc64le"),
    "riscv64": ("riscv64", "riscv64"), "s390x": ("s390x", "s390x"),
}  # fmt: skip
# what dnf writes, in any case of its letters; what that means, and what helps
_FAILURES = (
    (
        r"superuser|elevated\s+rights",
        "dnf fetches packages for root alone, and there is no user namespace to be root in",
        "run it as root, or name package files: gai-harness glibc add glibc.rpm",
    ),
    (
        r"GPG check|GPG keys|not signed|signature|(?:37|22|404).* for \S*(?:KEY|\.asc|\.gpg)\b",
        "the signature of {0.package} of release {0.suite.name} cannot be checked with the keys "
        "of the host's repositories",
        "install the keys of that release; gpgkey in the repository's file names them",
    ),
    (
        r"checksum",
        "the host's repositories serve release {0.suite.name} for {0.arch} half updated",
        "try again when the mirror has caught up",
    ),
    (
        r"resolv|(?:could not|couldn't|unable to|failed to) connect|timed? ?out|unreachable|proxy",
        "the host's repositories cannot be reached",
        "check the network and the proxy in dnf's configuration",
    ),
    (
        r"no enabled repositories|there are no enabled",
        "this host's dnf has no enabled repositories",
        "enable one, or name a folder: gai-harness glibc add DIR",
    ),
    (
        r"Cannot download repomd|Failed to download metadata|Status code: 404"
        r"|Unable to find a match|No match",
        "the host's repositories have no {0.package} for {0.arch} of release {0.suite.name}",
        "add a repository that has it, or name a folder: gai-harness glibc add DIR",
    ),
    ("", "dnf failed for release {0.suite.name}", "run dnf makecache to see more"),
)
# how the lines that say something begin
_TELLING = (
    "Error:", "Curl error", "Status code", "Package ", "Public key", "You have enabled", "Unable",
    "No match", "Failed",
)  # fmt: skip
_STEP = re.compile(r"[(\[] *(\d+)/(\d+)[)\]]")


def download(request: PackageRequest, work: Path, watch: Watcher) -> Path:
    """Fetch the package, with the others of the request that there are; gives the ``.rpm``.

    ``work`` is an empty private folder for everything dnf writes. Raises GlibcUnavailable: no dnf,
    no such release or package, no keys, no mirror.
    """
    output = work / "out"
    base = [*_base(request, work), f"--setopt=destdir={output}", "install"]
    for package in (request.package, *request.also):
        failed = _run(base, package, request, work, watch, "download")
        if failed is not None and package == request.package:
            raise _explain(failed, request)
    names = {one: named(one)[0] for one in output.glob("*.rpm")}
    for needed in names:
        if names[needed] not in (request.package, *request.also):
            needed.unlink()
    found = [one for one, name in names.items() if name == request.package]
    if len(found) != 1:
        raise GlibcUnavailable(
            f"dnf gave {len(found)} packages {request.package} of release {request.suite.name}",
            "name one: gai-harness glibc add glibc.rpm",
        )
    return found[0]


def reach(request: PackageRequest, work: Path) -> None:
    """Read the repositories' index, and see that it has the package; see `download`."""
    base = [*_base(request, work), "list", "--available"]
    failed = _run(base, request.package, request, work, lambda _: None, "update")
    if failed is not None:
        raise _explain(failed, request)


def _base(request: PackageRequest, work: Path) -> list[str]:
    """How to call dnf for the request's release and architecture, everything written in *work*."""
    program = programs.find("dnf")
    if program is None:
        raise not_here("dnf")
    if request.arch not in _ARCHES:
        raise GlibcUnavailable(
            f"RPM's distributions have no {request.arch}", f"expected one of {', '.join(_ARCHES)}"
        )
    for folder in ("root", "out", "log"):
        (work / folder).mkdir()
    options = {
        "cachedir": work / "cache", "system_cachedir": work / "cache",
        "persistdir": work / "persist", "logdir": work / "log",
        # the packages and the keys, and nothing that would be left behind in the root
        "tsflags": "test", "keepcache": 1, "install_weak_deps": 0,
        # of the host's plugins some write to the host (etckeeper, subscription-manager)
        "plugins": 0, "retries": 3,
    }  # fmt: skip
    return [
        program, "-y", f"--installroot={work / 'root'}", f"--releasever={request.suite.name}",
        f"--forcearch={_ARCHES[request.arch][0]}",
        # dnf 4 reads the host's where the root has none, and dnf 5 is to be told
        *["--use-host-config"] * (Path(program).resolve().name == "dnf5"),
        *(f"--setopt={name}={value}" for name, value in options.items()),
    ]  # fmt: skip


def _run(
    base: list[str], package: str, request: PackageRequest, work: Path, watch: Watcher, step: str
) -> str | None:
    named = f"{package}.{_ARCHES[request.arch][1]}"
    return run([*base, named], work, request.at(step, watch), _done, root=True)


def _done(line: str) -> float | None:
    """How far dnf is: (3/12) or [ 3/12] before the name of a package."""
    found = _STEP.search(line)
    return int(found[1]) / int(found[2]) if found and found[2] != "0" else None


def _explain(said: str, request: PackageRequest) -> GlibcUnavailable:
    """The one line a user needs; dnf may write a repository's passwords beside it."""
    lines = [line.strip(" -") for line in said.splitlines()]
    kept = [line for line in lines if line.startswith(_TELLING)] or lines[-1:]
    first = next((line for line in kept if not line.startswith("Error")), (kept or [""])[0])
    return explain(kept, first, request, "dnf", _FAILURES)
