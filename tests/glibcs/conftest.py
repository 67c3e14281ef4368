import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from harness.glibcs import Build, GlibcUnavailable, Progress, command, host, stage
from harness.glibcs.apt_sources import Source
from harness.glibcs.catalog import Distribution, Suite, native_arch
from harness.glibcs.managers import PackageRequest, Watcher
from tests.e2e.kit import start
from tests.glibcs.making import Layout

OTHER = "s390x" if native_arch() != "s390x" else "amd64"
"""Not this host's architecture."""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of its own for each test."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("GAI_HARNESS_CACHE", str(folder))
    return folder


@pytest.fixture(autouse=True)
def soon() -> Iterator[None]:
    """A test that waits for ever, for a FIFO or in C, fails."""

    def fail(*_: object) -> None:
        raise TimeoutError("a test waits")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(300)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


class Mirror:
    """Stands for apt-get: a distribution "made", whose packages may be there, damaged or gone."""

    def __init__(self, *suites: Suite) -> None:
        self.distribution = Distribution("made", "main", suites, (), tools="universe")
        self.requests: list[PackageRequest] = []
        self.missing: set[str] = set()  # suites, packages or architectures
        self.serve: Callable[[PackageRequest, Path], object]  # writes the package at that path

    def download(self, request: PackageRequest, _: Source, work: Path, watch: Watcher) -> Path:
        self.requests.append(request)
        if self.missing & {request.suite.name, request.package, request.arch}:
            raise GlibcUnavailable(f"{request.suite.name} gone", "wait")
        watch(Progress(request.suite.name, "download", 0.5))
        path = work / f"{request.package}_1%3a2.99-1_{request.arch}.deb"
        self.serve(request, path)
        return path


@pytest.fixture
def mirror_of(monkeypatch: pytest.MonkeyPatch, needs: Callable[..., str]) -> Callable[..., Mirror]:
    """Call it with suites: this host has their distribution, and a mirror of it."""
    needs("dpkg-deb", "dpkg")

    def make(*suites: Suite) -> Mirror:
        mirror = Mirror(*suites)
        source = Source("http://mirror.test", (suites[0].name,), ("main", "universe"))
        for module in ("fetching", "emulators"):
            patched = f"harness.glibcs.{module}.host_distribution"
            monkeypatch.setattr(patched, lambda: mirror.distribution)
        monkeypatch.setattr("harness.glibcs.fetching.host_sources", lambda: (source,))
        monkeypatch.setattr("harness.glibcs.apt.download", mirror.download)
        return mirror

    return make


@pytest.fixture(scope="session")
def own() -> Build:
    return host()


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """What stands for a worker."""
    path = tmp_path / "program"
    path.write_bytes(b"a program")
    return path


@pytest.fixture
def run_staged(needs: Callable[..., str]) -> Callable[[Build], str]:
    """Call it with a build: what its libc says that runs as a program in the build's root."""

    def run(build: Build) -> str:
        root = stage(build, build.libc)
        inside = ["unshare", "-Ur", needs("chroot", "coreutils"), str(root), *command(build)]
        done = start(*inside)
        if "unshare" in done.stderr:
            pytest.skip(done.stderr.strip())
        return done.stdout + done.stderr

    return run


@pytest.fixture
def tree(tmp_path: Path, own: Build) -> Callable[..., Path]:
    """Makes a tree with the host's glibc in it, its files in the given folders."""

    def make(libraries: str, loader: str | None = None, name: str = "tree") -> Path:
        root = tmp_path / name
        for number, (soname, path) in enumerate(own.files):
            place = loader if number == 0 and loader is not None else libraries
            (root / place).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, root / place / soname)
        return root

    return make


@pytest.fixture
def registry(tmp_path: Path, needs: Callable[..., str]) -> Iterator[str]:
    """Debian's registry on loopback, where the host's skopeo may reach it without TLS."""
    program = needs("docker-registry")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "registry.yml").write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {tmp_path}/registry}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n"
    )
    with subprocess.Popen(
        [program, "serve", tmp_path / "registry.yml"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        for _ in range(100):
            try:
                urlopen(f"http://127.0.0.1:{port}/v2/").close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"localhost:{port}"
        process.kill()


@pytest.fixture
def insecure(registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """That registry, for a user whose settings allow it without TLS."""
    home = tmp_path / ".config/containers"
    home.mkdir(parents=True)
    (home / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    settings = f'[[registry]]\nlocation = "{registry}"\ninsecure = true\n'
    (home / "registries.conf").write_text(settings)
    monkeypatch.setenv("HOME", str(tmp_path))
    return registry


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "image")
