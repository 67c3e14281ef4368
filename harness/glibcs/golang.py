"""Go's own resolver: a small program of this package, built by the Go of this host.

Its sources lie beside the other lanes (``harness/native/go``); nothing comes from the network. What
was built is kept in the cache under Go's version and the hash of the sources.
"""

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

from harness.glibcs import cache
from harness.glibcs.build import Build, GlibcUnavailable
from harness.glibcs.catalog import native_arch
from harness.glibcs.managers import Progress, Watcher, run, silent
from harness.native import worker_lane
from harness.sandbox import programs
from harness.versions import Version

OLDEST = "1.15"
"""The first Go with the calls that the program makes."""
_SOURCES = Path(worker_lane.__file__).with_name("go")
_ELSEWHERE = "/usr/local/go/bin/go"  # where Go's own installer puts it
_SAYS = re.compile(r"go version (?:devel )?go([0-9]{1,5}(?:\.[0-9]{1,5}){1,2})")
_SECONDS = 30


def host_go() -> tuple[str, str]:
    """The path of this host's Go and its version. Raises GlibcUnavailable."""
    path = programs.find("go") or programs.find(_ELSEWHERE)
    if path is None:
        raise _unavailable("this host has no Go")
    try:
        said = subprocess.run(
            [path, "version"], env={"GOTOOLCHAIN": "local", "HOME": "/nonexistent"},
            capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False,
        ).stdout  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _unavailable(f"{path} does not run ({error})") from None
    found = _SAYS.match(said)
    if found is None:
        raise _unavailable(f"{path} does not say which Go it is")
    if Version.parse(found[1]) < Version.parse(OLDEST):
        raise _unavailable(f"Go {found[1]} is older than {OLDEST}")
    return path, found[1]


def _unavailable(why: str) -> GlibcUnavailable:
    hint = f"{programs.install('golang-go')} brings one that builds the program asking it"
    return GlibcUnavailable(why, hint)


def is_hosts(version: str) -> bool:
    """Whether a version, or any where it is empty, is to be built by this host's Go."""
    try:
        return version in ("", host_go()[1])
    except GlibcUnavailable:
        return not version  # which says why it cannot be


def is_kept(build: Build) -> bool:
    """Whether a build is the program, of whichever Go, that these sources made."""
    return build.resolver == "go" and build.id.endswith(f"-{_digest()}")


def built(arch: str | None = None, progress: Watcher = silent, refresh: bool = False) -> Build:
    """The program as this host's Go makes it, from the cache where it is there.

    ``refresh`` builds it again. Raises GlibcUnavailable without a Go that can, and for another
    architecture than the host's.
    """
    if arch not in (None, native_arch()):
        raise GlibcUnavailable(
            f"Go's resolver is built for this host alone, not for {arch}", "leave --arch out"
        )
    (path, version), arch = host_go(), native_arch()
    start = f"go-{version}-{arch}-"
    key = start + _digest()
    with cache.making(key) as work:
        found = None if refresh else cache.read_cached(cache.folder_of(key))
        if found is not None:
            progress(Progress("go", "cached", 1.0))
            return found
        program = _compiled(path, version, work, progress)
        build = Build(
            version, arch, f"Go {version} of this host", key, (("resolver", program),),
            resolver="go", resolver_version=version, source="built here",
        )  # fmt: skip
        build = cache.keep(build, work, "built")
        for old in cache.entries("builds"):  # of the same Go, by older sources
            if old.name.startswith(start) and old.name != key:
                shutil.rmtree(old.path, ignore_errors=True)
        progress(Progress("go", "done", 1.0))
    return build


def _compiled(path: str, version: str, work: Path, progress: Watcher) -> Path:
    source, program = work / "source", work / "resolver"
    source.mkdir()
    names = [path.name for path in sorted(_SOURCES.glob("*.go"))]
    for name in names:
        shutil.copyfile(_SOURCES / name, source / name)
    # the module's version decides which GODEBUG settings hold: those of that Go
    release = ".".join(version.split(".")[:2])
    (source / "go.mod").write_text(f"module resolver\n\ngo {release}\n", encoding="utf-8")
    settings = {
        "CGO_ENABLED": "0", "GO111MODULE": "on", "GOCACHE": work / "cache", "GOENV": "off",
        "GOFLAGS": "", "GOPATH": work / "path", "GOPROXY": "off", "GOTELEMETRY": "off",
        "GOTOOLCHAIN": "local", "GOWORK": "off", "HOME": work, "PATH": "/usr/bin:/bin",
        "TMPDIR": work,
    }  # fmt: skip
    cleared = [programs.find("env") or "/usr/bin/env", "-i"]
    cleared += [f"{name}={value}" for name, value in settings.items()]
    # named by its files, it is no package of whatever repository the cache may lie in
    command = [path, "build", "-trimpath", "-ldflags=-s -w", "-o", str(program), *names]
    failed = run([*cleared, *command], source, lambda done: progress(Progress("go", "build", done)))
    if failed is not None or not program.is_file():
        last = ((failed or "").strip().splitlines() or ["nothing"])[-1]
        raise _unavailable(f"Go {version} did not build it (it says: {last})")
    return program


def _digest() -> str:
    digest = hashlib.sha256()
    for each in sorted(_SOURCES.glob("*.go")):
        digest.update(each.name.encode() + b"\0" + each.read_bytes())
    return digest.hexdigest()[:12]
