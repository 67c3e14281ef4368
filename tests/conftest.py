"""What all tests share."""

import os
import pickle
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeVar

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from harness.glibcs import Build, GlibcUnavailable, command, golang
from harness.glibcs.cache import cache_folder
from harness.glibcs.catalog import host_distribution, native_arch
from harness.glibcs.others import find_others
from harness.native.worker_lane import bundled_worker
from harness.sandbox import Pool, SandboxUnavailable
from tests.forking import Forked, forking
from tests.processes import Done, called, warm_pools

FOREIGN = ("2.36:armhf", "2.36:s390x")
"""Builds of other processors that tests use."""
Made = TypeVar("Made")
_OWN_CACHE = pytest.StashKey[Path]()
_TOGETHER = "tests/container/"
"""What its files share takes a minute to make: a second worker would wait for it."""
_APART = "tests/docs/test_blocks.py::test_the_page_is_true["
"""These share nothing, and take minutes together: any worker may have any of them."""
_WARM = ("tests/browser/", "tests/compare/", "tests/kubelet/", "tests/live/", "tests/report/")
_COLD = ("tests/compare/test_fuzz.py", "tests/compare/test_cluster.py")
_FIRST = ("tests/compare/", "tests/docs/test_blocks.py", "tests/e2e/")
"""What takes longest, after `_TOGETHER`: no worker is left alone with it at the end."""
# how long an example takes on a busy machine says nothing of what is tested; every run draws others
settings.register_profile(
    "busy", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("busy")


def pytest_configure(config: pytest.Config) -> None:
    """Give the run a cache of glibcs of its own: what the user added or left is no part of it.

    The workers of pytest-xdist inherit it.
    """
    if hasattr(config, "workerinput"):
        return
    own = Path(tempfile.mkdtemp(prefix="gai-harness-tests-"))
    own.chmod(0o755)  # ordinary users that tests become read it
    config.stash[_OWN_CACHE] = own
    _seed(own, cache_folder())
    os.environ["GAI_HARNESS_CACHE"] = str(own)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """``--dist loadfile``, but for the tests that stay with one worker, or need not."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    scheduler = LoadFileScheduling(config, log)
    file = scheduler._split_scope

    def scope(test: str) -> str:
        if test.startswith(_TOGETHER):
            return _TOGETHER
        return test if test.startswith(_APART) else str(file(test))

    scheduler._split_scope = scope
    return scheduler


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first.

    Random examples come to no line that written ones do not; counting doubles their time.
    """
    items.sort(key=lambda item: not item.nodeid.startswith(_FIRST))
    items.sort(key=lambda item: not item.nodeid.startswith(_TOGETHER))
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("no_cover")


def pytest_unconfigure(config: pytest.Config) -> None:
    if own := config.stash.get(_OWN_CACHE, None):
        also = own / "removed-at-the-end"
        for folder in also.read_text().splitlines() if also.exists() else ():
            # an ordinary user's roots have files of the users in them
            become = ["unshare", "--user", "--map-auto", "--map-root-user"] * (os.geteuid() != 0)
            subprocess.run([*become, "rm", "-rf", folder], check=False)
        shutil.rmtree(own, ignore_errors=True)


def removed_at_the_end(folder: Path) -> None:
    """Have a folder that all workers use removed with the run's own cache."""
    with (Path(os.environ["GAI_HARNESS_CACHE"]) / "removed-at-the-end").open("a") as stream:
        stream.write(f"{folder}\n")


def _seed(own: Path, users: Path) -> None:
    """Copy the packages that tests would fetch, as far as the user has them."""
    try:
        distribution = host_distribution()
    except GlibcUnavailable:  # a host whose packages are not known, where little is fetched
        return
    builds = [(suite, native_arch()) for suite in distribution.suites]
    for word in FOREIGN:
        version, arch = word.split(":")
        builds += [(suite, arch) for suite in distribution.carrying(version)]
    names = [f"{distribution.id}-{suite.name}-{suite.glibc}-{arch}" for suite, arch in builds]
    for word in ("go-*", "*-musl-*", "*-c-ares-*"):
        names += [path.name for path in users.glob(f"builds/{word}")]
    for name in (*(f"builds/{name}" for name in names), "qemu", "browser"):
        if (users / name).is_dir():
            shutil.copytree(users / name, own / name)


Call = Callable[..., Done]
Patch = pytest.MonkeyPatch


@pytest.fixture
def call() -> Call:
    """Call it with the words of a command line; none of them starts a program."""
    return called


def in_ci() -> bool:
    """True where everything a test needs has to be there."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def _give_up(reason: str) -> NoReturn:
    if in_ci():
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def unreachable() -> object:
    """Call it with the reason where a mirror or registry cannot be reached.

    It skips the test, but fails it in CI, so that nothing is left out there unseen.
    """
    return _give_up


def _program(name: str, package: str = "") -> str:
    # /usr/sbin is not on an ordinary user's PATH
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    return found or _give_up(f"needs {name} (apt-get install {package or name})")


@pytest.fixture(scope="session")
def forked() -> Iterator[Forked]:
    """Call it with the words of a command, which is then run in a process of its own."""
    with forking() as asked:
        yield asked


@pytest.fixture(scope="session")
def pool() -> Iterator[Pool]:
    """Sandboxes; skips the test where there can be none."""
    from tests.sandbox import jobs

    with Pool() as opened:
        try:
            list(opened.run(jobs.counting, 0))
        except SandboxUnavailable as problem:
            pytest.skip(str(problem))
        yield opened


@pytest.fixture(autouse=True)
def _warm(request: pytest.FixtureRequest) -> Iterator[None]:
    """Sandboxes come from a fork server that is there already, where a test is not about that."""
    name = request.node.nodeid
    with warm_pools() if name.startswith(_WARM) and not name.startswith(_COLD) else nullcontext():
        yield


class Once(Protocol):
    """See the fixture `once`."""

    def __call__(self, name: str, make: Callable[[Path], Made]) -> Made: ...


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Call it with a name and a function of a folder: one worker calls that for the whole run.

    The others wait and get a copy of what it gave, which has to be data that pickle can keep.
    """
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def call(name: str, make: Callable[[Path], Made]) -> Made:
        folder = shared / f"once-{name}"
        with FileLock(f"{folder}.lock"):
            kept = folder / "made.pickle"
            if kept.exists():
                made: Made = pickle.loads(kept.read_bytes())
                return made
            folder.mkdir(exist_ok=True)
            made = make(folder)
            kept.write_bytes(pickle.dumps(made))
            return made

    return call


@pytest.fixture(scope="session")
def fetch_glibcs(once: Once) -> Callable[..., str]:
    """Call it with the words of ``gai-harness glibc fetch``: the builds are there then.

    One worker fetches at a time, and the others find what it has fetched. It gives what the
    command says, and skips the test where the mirror cannot be reached, but fails it in CI.
    """

    def fetched(*words: str) -> str:
        command = Path(sysconfig.get_path("scripts"), "gai-harness")
        with FileLock(cache_folder() / "tests.lock"):
            done = subprocess.run(
                [command, "glibc", "fetch", *words], capture_output=True, text=True, check=False
            )
        if done.returncode == 3:
            _give_up(done.stderr.splitlines()[-1])
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fetch(*words: str) -> str:
        return once(f"fetch {' '.join(words)}", lambda _: fetched(*words))

    return fetch


@pytest.fixture(scope="session")
def needs() -> Callable[..., str]:
    """Call it with a program's name, and the name of its package if that is another.

    It gives the program's path; where there is none it skips the test, but fails it in CI.
    """
    return _program


@pytest.fixture(scope="session")
def go_resolver() -> Build:
    """Go's own resolver, built by this host's Go."""
    _program("go", "golang-go")
    return golang.built()


@pytest.fixture(scope="session")
def musls(fetch_glibcs: Callable[..., str]) -> list[Build]:
    """Every musl that the distribution has, from old to new."""
    fetch_glibcs("musl")
    return find_others(["musl"])


@pytest.fixture(scope="session")
def musl_worker(musls: list[Build], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The worker on the newest of them, as a program that needs no words, nor a jail: these are the
    distribution's own libraries, signed as the host's are.
    """
    _, path = musls[-1].files[0]
    argv = [path, *command(musls[-1])[1:-1], bundled_worker(resolver="musl")]
    started = tmp_path_factory.mktemp("musl") / "worker"
    words = shlex.join(map(str, argv)).replace(
        "--library-path /lib", f"--library-path {path.parent}"
    )
    started.write_text(f"#!/bin/sh\nexec {words}\n")
    started.chmod(0o755)
    return started


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        _program(*mark.args)
