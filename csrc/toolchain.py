"""The compiler of the build, zig: for every architecture of `TARGETS` on any of them.

Used by ``setup.py`` and by the tests; not part of the installed package.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.versions import ARCHITECTURES, interpreter_arch

HERE = Path(__file__).resolve().parent
WORKER_SOURCES = ("worker.c", "dispatch.c", "serve.c", "view.c", "core.c")
#: What asks each resolver, and the libraries it needs beside libc: up to 2.33 dlopen is in libdl.
ASKERS: dict[str, tuple[str, ...]] = {
    "glibc": ("libc.c",), "musl": ("libc.c",), "c-ares": ("cares.c", "-ldl"),
}  # fmt: skip
MODULE_SOURCES = ("nss.c",)
MODULE_NAME = "libnss_gaiharness.so.2"  # glibc makes it of the service's name
FLAGS = ("-std=c11", "-O2", "-g0", "-Wall", "-Wextra")


@dataclass(frozen=True, slots=True)
class Target:
    """An architecture the worker and the name service module can be built for.

    Attributes:
        debian: Debian's name of the architecture.
        triple: zig's target, with the oldest glibc they must run under.
        baseline: the symbol version that no needed symbol may exceed.
    """

    debian: str
    triple: str
    baseline: tuple[int, int] = (2, 17)

    @property
    def musl(self) -> str:
        """zig's target for musl, which has no symbol versions."""
        return (
            self.triple.partition("gnu")[0] + "musl" + ("eabihf" if "eabihf" in self.triple else "")
        )

    @property
    def platform(self) -> str:
        """The platform tag of a wheel for it (PEP 600), which an index takes."""
        machine = ARCHITECTURES[self.debian].machines[0].replace("i386", "i686")
        return f"manylinux_{self.baseline[0]}_{self.baseline[1]}_{machine}"

    @property
    def multiarch(self) -> str:
        """Debian's folder of its headers, for processors of 64 bits."""
        return self.triple.rpartition(f".{self.baseline[0]}.")[0]


TARGETS = (
    Target("amd64", "x86_64-linux-gnu.2.17"),
    Target("i386", "x86-linux-gnu.2.17"),
    Target("arm64", "aarch64-linux-gnu.2.17"),
    Target("armhf", "arm-linux-gnueabihf.2.17"),
    # The oldest that zig offers here; no distribution had an older one on it.
    Target("ppc64el", "powerpc64le-linux-gnu.2.19", (2, 19)),
    Target("s390x", "s390x-linux-gnu.2.17"),
    # glibc has known RISC-V since 2.27 only.
    Target("riscv64", "riscv64-linux-gnu.2.27", (2, 27)),
)


class BuildError(Exception):
    """The build cannot go on; the message is the one line to show."""


def host_target(arch: str | None = None) -> Target:
    """The target of the running interpreter, or of an architecture by Debian's name.

    Raises:
        BuildError: the architecture is not in the table.
    """
    arch = arch or interpreter_arch()
    for target in TARGETS:
        if target.debian == arch:
            return target
    raise BuildError(f"gai-harness does not know how to build for {arch!r}")


def zig() -> list[str]:
    """The command of zig's C compiler.

    Raises:
        BuildError: the ``ziglang`` package is missing.
    """
    try:
        import ziglang  # noqa: F401
    except ImportError:
        raise BuildError("no C compiler: install one with `pip install ziglang`") from None
    return [sys.executable, "-P", "-m", "ziglang", "cc"]


def zig_environment(scratch: Path) -> dict[str, str]:
    """The environment for zig: its cache goes to ``scratch`` when the home folder is read-only."""
    environment = dict(os.environ)
    base = Path(environment.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    existing = next((p for p in (base, *base.parents) if p.exists()), Path("/"))
    if not os.access(existing, os.W_OK):
        environment.setdefault("ZIG_GLOBAL_CACHE_DIR", str(scratch.resolve() / "zig-global"))
    environment.setdefault("ZIG_LOCAL_CACHE_DIR", str(scratch.resolve() / "zig-local"))
    return environment


def compile_programs(
    folder: Path,
    scratch: Path,
    targets: Sequence[Target] = TARGETS,
    musl: Sequence[Target] = (),
) -> dict[Target, str]:
    """Builds workers and name service module for every target, as many at once as processors.

    Args:
        folder: where ``worker-ARCH``, ``worker-RESOLVER-ARCH`` and ``nss-ARCH.so`` go; what an
            earlier build left there of a target that fails now is removed.
        scratch: a folder for zig's caches.
        targets: the architectures.
        musl: those of them with a worker for musl too: for it zig makes the start-up files of each
            first, which costs four seconds of a processor where nothing is in its cache.

    Returns:
        The targets that could not be built, each with the reason.
    """

    def build(target: Target) -> str | None:
        for path in programs_in(folder, target):
            path.unlink(missing_ok=True)
        try:
            for resolver in ASKERS:
                if resolver == "musl" and target not in musl:
                    continue
                compile_worker(worker_in(folder, target, resolver), target, scratch, resolver)
            compile_module(module_in(folder, target), target, scratch)
        except BuildError as error:
            for path in programs_in(folder, target):
                path.unlink(missing_ok=True)
            return str(error)
        return None

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        reasons = list(pool.map(build, targets))
    return {one: why for one, why in zip(targets, reasons, strict=True) if why is not None}


def programs_in(folder: Path, target: Target) -> list[Path]:
    """Where all programs of a target are, or would be, in ``folder``."""
    return [*(worker_in(folder, target, one) for one in ASKERS), module_in(folder, target)]


def worker_in(folder: Path, target: Target, resolver: str = "glibc") -> Path:
    """The worker of a target and a resolver among the programs in ``folder``."""
    return folder / f"worker{'' if resolver == 'glibc' else f'-{resolver}'}-{target.debian}"


def module_in(folder: Path, target: Target) -> Path:
    """The name service module of a target among the programs in ``folder``."""
    return folder / f"nss-{target.debian}.so"


def compile_worker(output: Path, target: Target, scratch: Path, resolver: str = "glibc") -> None:
    """Builds the worker program.

    Args:
        output: the file to write.
        target: the architecture.
        scratch: a folder for zig's caches.
        resolver: whom it asks, of `ASKERS`.

    Raises:
        BuildError: the compiler refuses.
    """
    musl = resolver == "musl"  # which zig would put into the program
    triple, more = (target.musl, ("-dynamic",)) if musl else (target.triple, ())
    sources = (*WORKER_SOURCES, *ASKERS[resolver])
    _compile("worker", output, triple, scratch, sources, ("-fPIE", "-pie", *more))


def compile_module(output: Path, target: Target, scratch: Path) -> None:
    """Builds the name service module, which sessions load for scenarios with ``resolver: nss``.

    Args:
        output: the file to write.
        target: the architecture.
        scratch: a folder for zig's caches.

    Raises:
        BuildError: the compiler refuses.
    """
    options = ("-fPIC", "-shared", "-fvisibility=hidden", f"-Wl,-soname,{MODULE_NAME}")
    _compile("name service module", output, target.triple, scratch, MODULE_SOURCES, options)


def _compile(
    what: str,
    output: Path,
    triple: str,
    scratch: Path,
    sources: tuple[str, ...],
    options: tuple[str, ...],
) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    scratch.mkdir(parents=True, exist_ok=True)
    environment = zig_environment(scratch)
    folder = _sources(Path(environment["ZIG_LOCAL_CACHE_DIR"]).absolute())
    command = [
        *zig(),
        "-target",
        triple,
        *FLAGS,
        "-fno-sanitize=all",  # zig turns some on, which would need its own run-time library
        *options,
        "-s",
        *(name if name.startswith("-l") else str(folder / name) for name in sources),
        "-o",
        str(output),
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildError(f"the {what} does not compile: {shlex.join(command)}\n{done.stderr}")
    output.chmod(0o755)


def _sources(cache: Path) -> Path:
    """A copy of the sources in zig's cache, which knows a file again by its place alone.

    So another clone or unpacked archive with the same sources compiles nothing anew.
    """
    texts = {path.name: path.read_bytes() for path in sorted(HERE.glob("*.[ch]"))}
    folder = cache / f"sources-{sha256(repr(texts).encode()).hexdigest()[:16]}"
    with suppress(OSError):
        if not folder.exists():
            cache.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(dir=cache) as private:
                made = Path(private, "sources")  # others who share the cache may read it
                made.mkdir()
                for name, text in texts.items():
                    (made / name).write_bytes(text)
                with suppress(OSError):  # another build has been faster
                    made.rename(folder)
        if all((folder / name).read_bytes() == text for name, text in texts.items()):
            return folder
    return HERE


def _apt(arguments: list[str], folder: Path) -> bool:
    environment = dict(os.environ, LC_ALL="C.UTF-8")
    try:
        done = subprocess.run(
            ["apt-get", "-q", "-o", "APT::Sandbox::User=", *arguments],
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=300,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def python_headers(folder: Path, target: Target) -> list[str] | None:
    """The include folders with ``Python.h``: the interpreter's own, or else Debian's package of it.

    Debian's ``pyconfig.h`` includes the one of the architecture by a path from ``/usr/include``,
    which has the host's C library beside it; so ``folder`` gets a link to that part alone. For
    another processor of 64 bits it leads to this one's, which says the same of all that the stable
    ABI uses.

    Args:
        folder: an empty folder.
        target: the architecture the extension is for.

    Returns:
        Include folders, or None when there are no headers and no package of them can be had.
    """
    paths = sysconfig.get_paths()
    found = [path for path in (paths["include"], paths["platinclude"]) if path]
    if not any(Path(path, "Python.h").is_file() for path in found):
        fetched = _fetch_headers(folder.resolve())  # apt-get runs elsewhere
        if fetched is None:
            return None
        found = [str(fetched)]
    own = sysconfig.get_config_var("MULTIARCH")
    if own and (ours := Path(found[0]).parent / own).is_dir():
        name = own if target == host_target() else target.multiarch
        (folder / name).symlink_to(ours.resolve())
    return [*dict.fromkeys(found), str(folder)]


def _fetch_headers(folder: Path) -> Path | None:
    """Bring Debian's headers of this interpreter into ``folder``, installing nothing.

    The host's own apt-get downloads the package, so the host's mirrors and signature keys are
    used; no root is needed. Lists that are missing or out of date are fetched there too.
    """
    if sys.base_prefix != "/usr" or not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        return None
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    download = ["download", f"lib{version}-dev"]
    private = [
        *("-o", f"Dir::State={folder}/state"),
        *("-o", "Dir::State::status=/var/lib/dpkg/status"),
        *("-o", f"Dir::Cache={folder}/cache"),
    ]
    for part in ("state/lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True)
    if not _apt(download, folder) and not (
        _apt([*private, "update"], folder) and _apt([*private, *download], folder)
    ):
        return None
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", str(package), str(folder / "root")], check=True)
    include = folder / "root/usr/include" / version
    return include if (include / "Python.h").is_file() else None
