"""A program in the place of a glibc's loader gets nothing of the machine or of its caller."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from csrc import toolchain
from harness.glibcs import host
from tests.e2e.kit import COMMAND, ROOT, start
from tests.forking import Forked
from tests.glibcs.making import elf
from tests.sandbox import ordinary_user

SCENARIO = "seed-rule9-dual-stack"
# whose headers need nothing else; the program itself has no C library in it, so it runs anywhere
TRIPLES = {"amd64": "x86_64-linux-musl", "i386": "x86-linux-musl"}
LOADERS = {"amd64": "ld-linux-x86-64.so.2", "i386": "ld-linux.so.2"}
HELD = "achieved: end"
CHROOTED = """\
import sys
sys.path.append(".")
from tests.e2e.kit import chrooted
from harness.sandbox import Pool
with Pool() as pool:
    (said,) = pool.run(chrooted, sys.argv[1])
    print(said)
"""
NODE = """\
name: node
host: {interfaces: {eth0: {addresses: [172.18.45.2/24]}}}
names: {web: [172.31.80.8, 172.18.45.6]}
lookups: [{name: web}]
"""
PLUGIN_TEST = """\
def test_order(gai_host, gai_order):
    box = gai_host("node.gai.yaml")
    gai_order(box, "web", glibc=%r)
"""

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="the attack is for x86-64")


@dataclass(frozen=True)
class Attack:
    """Folders with a hostile loader by architecture, and what the caller has to lose."""

    folder: Path
    images: dict[str, Path]
    secret: Path
    scribble: Path
    run: Callable[..., subprocess.CompletedProcess[str]]
    fork: Callable[..., subprocess.CompletedProcess[str]]

    def command(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return self.fork(words)

    def held(self, done: subprocess.CompletedProcess[str]) -> None:
        """The attack has run, and has achieved nothing."""
        said = done.stdout + done.stderr
        assert HELD in said, said
        self.untouched()

    def untouched(self) -> None:
        assert self.secret.read_text() == "secret"
        assert not self.scribble.exists()


@pytest.fixture(scope="module")
def compiled() -> Iterator[tuple[Path, dict[str, Path]]]:
    """A folder, and the attack on what lies in ``own`` there, by architecture."""
    folder = Path(tempfile.mkdtemp(prefix="gai-attack-"))  # not in pytest's, which is root's own
    try:
        folder.chmod(0o755)
        yield folder, {arch: _image(folder, arch, folder / "own") for arch in TRIPLES}
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module", params=["caller", "ordinary"])
def attack(
    request: pytest.FixtureRequest, compiled: tuple[Path, dict[str, Path]], forked: Forked
) -> Iterator[Attack]:
    """The attack on whoever runs the tests and, where that is root, on an ordinary user too."""
    ordinary = request.param == "ordinary"
    if ordinary and os.geteuid() != 0:
        pytest.skip("this run is an ordinary user's already")
    folder, images = compiled
    own = folder / "own"
    try:
        own.mkdir(mode=0o700)
        secret, scribble = own / "secret", own / "scribble"
        secret.write_text("secret")
        secret.chmod(0o600)
        for path in (own, secret):
            if ordinary:
                os.chown(path, ordinary_user.UID, ordinary_user.UID)
        environment = {"GAI_HARNESS_CACHE": str(own / "cache"), "COLUMNS": "1000"}

        def run(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
            if ordinary:
                return ordinary_user.run(arguments, environment=environment)
            return start(*arguments, env=environment, cwd=ROOT)

        fork = partial(forked, env=environment, ordinary=ordinary)
        yield Attack(folder, images, secret, scribble, run, fork)
    finally:
        shutil.rmtree(own)


def _image(folder: Path, arch: str, own: Path) -> Path:
    """A folder as of an unpacked image: a libc, and the attack beside it."""
    library = folder / f"image-{arch}" / "lib"
    library.mkdir(parents=True)
    loader = library / LOADERS[arch]
    defines = [f'-DSECRET="{own / "secret"}"', f'-DSCRIBBLE="{own / "scribble"}"']
    compiler = [*toolchain.zig(), "-target", TRIPLES[arch]]
    program = folder / f"{arch}.o"
    flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-fno-builtin", "-fno-stack-protector"]
    flags += ["-fno-sanitize=all", *defines, "-c"]
    steps: tuple[list[str | Path], ...] = (
        [*flags, "-o", program, ROOT / "tests/e2e/attack.c"],
        ["-static", "-nostdlib", "-o", loader, program],
    )
    for words in steps:
        environment = toolchain.zig_environment(folder)
        subprocess.run([*compiler, *words], env=environment, check=True, timeout=1200)
    if arch == "amd64":
        shutil.copyfile(host().libc, library / "libc.so.6")
    else:
        libc = elf(arch, needed=(loader.name,), interpreter=f"/lib/{loader.name}")
        (library / "libc.so.6").write_bytes(libc)
    return library.parent


def test_a_chroot_alone_does_not_hold_it(attack: Attack) -> None:
    """Without this, a program that only says "end" would do for the tests below."""
    done = attack.run([sys.executable, "-P", "-c", CHROOTED, str(attack.images["amd64"])])
    said = set(done.stdout.split())
    assert {"capabilities", "chroot", "climbed-secret", "climbed-write", "signal"} <= said, done
    attack.scribble.unlink()


@pytest.mark.parametrize("lane", ["auto", "cffi"])
def test_run(attack: Attack, lane: str) -> None:
    """With a start of its own; what else is asked below is asked of a process that is forked."""
    words = ["run", SCENARIO, "--glibc", str(attack.images["amd64"]), "--lane", lane]
    done = attack.run([str(COMMAND), *words])
    assert done.returncode == 3
    attack.held(done)


def test_run_of_another_architecture(attack: Attack) -> None:
    """Whether the kernel runs it is found out without running it."""
    done = attack.command("run", SCENARIO, "--glibc", f"{attack.images['i386']}:i386")
    assert done.returncode == 3
    attack.untouched()
    if "qemu" not in done.stderr:
        attack.held(done)


def test_added(attack: Attack) -> None:
    for arch, image in attack.images.items():
        done = attack.command("glibc", "add", image, "--name", f"evil-{arch}")
        assert done.returncode == 3, done.stderr  # kept, though it answers nothing to the probe
        attack.untouched()
    assert attack.command("glibc", "list").returncode == 0
    attack.untouched()
    assert attack.command("doctor").returncode in (0, 3)
    attack.untouched()
    for arch in attack.images:
        done = attack.command("run", SCENARIO, "--glibc", f"evil-{arch}")
        assert done.returncode == 3, done.stderr
        attack.untouched()
        if arch == "amd64":
            attack.held(done)


def test_explain_and_bench(attack: Attack) -> None:
    glibc = ("--glibc", str(attack.images["amd64"]))
    for words in (("explain", SCENARIO, *glibc), ("bench", "--quick", *glibc)):
        attack.held(attack.command(*words))


def test_the_pytest_plugin(attack: Attack) -> None:
    project = attack.folder / "project"
    project.mkdir(exist_ok=True)
    (project / "pytest.ini").write_text("[pytest]\n")
    (project / "node.gai.yaml").write_text(NODE)
    (project / "test_host.py").write_text(PLUGIN_TEST % str(attack.images["amd64"]))
    done = attack.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist",
         "-c", str(project / "pytest.ini"), "--gai-glibc", str(attack.images["amd64"]),
         str(project)]
    )  # fmt: skip
    assert done.returncode == 1
    assert "2 failed" in done.stdout
    assert done.stdout.count(HELD) >= 2, done.stdout
    attack.untouched()
