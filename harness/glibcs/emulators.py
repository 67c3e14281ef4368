"""qemu-user, through which builds of another architecture run: found, or else fetched.

A build runs without it where the kernel runs its programs itself (i386 on an amd64 kernel).
Else a static qemu-user is put into the build's private root and started there as an ordinary
program: nothing is registered with the kernel (binfmt_misc), and no root is needed.

It is a package of the host's distribution, and any suite's serves. Up to Debian 12 the static
programs are in qemu-user-static; from Debian 13 on they are in qemu-user, and
qemu-user-static is empty or has links to them. Source: qemu's documentation of user mode.
"""

import os
import platform
import re
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from harness.glibcs.build import Build, GlibcError, GlibcUnavailable
from harness.glibcs.cache import cache_folder, entries, making, publish
from harness.glibcs.catalog import Distribution, Suite, host_distribution, native_arch
from harness.glibcs.elf import ElfError, read_elf_file
from harness.glibcs.managers import PackageRequest, Progress, Watcher, silent
from harness.sandbox import programs
from harness.versions import ARCHITECTURES

QEMU_NAMES = {name: row.qemu for name, row in sorted(ARCHITECTURES.items()) if row.qemu}
# what a kernel runs, for an interpreter of 32 bits: its own architecture first; whether it runs
# the others too is tried
_COMPATIBLE = {"x86_64": ("amd64", "i386"), "aarch64": ("arm64", "armhf", "armel")}
# machine and flags of the ELF header, and the instructions of exit(0)
_ARM = 40, 0x05000000, bytes.fromhex("0170a0e3 0000a0e3 000000ef")
_EXITS = {"i386": (3, 0, bytes.fromhex("b801000000 31db cd80")), "armhf": _ARM, "armel": _ARM}
_PACKAGES = ("qemu-user-static", "qemu-user")
_PROGRAM = re.compile(rf"usr/bin/qemu-(?:{'|'.join(sorted(set(QEMU_NAMES.values())))})(?:-static)?")
_VERSION = re.compile(r"version (\d+(?:\.\d+)+)")
_BINFMT = Path("/proc/sys/fs/binfmt_misc")


@dataclass(frozen=True, slots=True)
class Emulator:
    """A static qemu-user for one architecture, and its version as it says it: ``"7.2.22"``."""

    arch: str
    path: Path
    version: str

    @property
    def name(self) -> str:
        """The program's name inside a private root: ``qemu-s390x``."""
        return f"qemu-{QEMU_NAMES[self.arch]}"

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def emulator_for(build: Build) -> Emulator | None:
    """What runs a build's programs; None where the kernel does.

    Raises GlibcUnavailable where that is a qemu-user that is not on this host, and GlibcError
    where nothing is known to run that architecture.
    """
    if build.arch == native_arch() or _kernel_runs(build):
        return None
    found = installed(build.arch)
    if found is None:
        raise GlibcUnavailable(
            f"{build.arch} programs run here through qemu-user, and a static "
            f"{_names(build.arch)[0]} is neither in the PATH nor in the cache",
            f"gai-harness glibc fetch {build.version}:{build.arch} fetches it, "
            f"or install it: {programs.install('qemu-user-static')}",
            (f"{build.version}:{build.arch}",),
        )
    return found


def fetch_emulator(build: Build, progress: Watcher = silent) -> Emulator | None:
    """As `emulator_for`, but what is missing is fetched into the cache."""
    try:
        return emulator_for(build)
    except GlibcUnavailable as missing:
        failure = missing
    distribution = host_distribution()
    if distribution.of_rpm:
        raise GlibcUnavailable(
            f"{build.arch} programs run here through qemu-user, which is fetched by apt-get only",
            f"install it: {programs.install('qemu-user-static')}",
        )
    with making("qemu") as work:
        # under the lock: another run may just have fetched it
        with suppress(GlibcUnavailable):
            return emulator_for(build)
        for suite in _suites(distribution):
            for package in _PACKAGES:
                try:
                    request = PackageRequest(
                        package, distribution, suite, native_arch(), distribution.tools
                    )
                    _fetch(request, work / f"{suite.name}-{package}", progress)
                    return emulator_for(build)
                except GlibcUnavailable as error:
                    failure = error
    raise GlibcUnavailable(
        f"{build.arch} programs run here through qemu-user, which cannot be fetched: "
        f"{failure.reason}",
        "install it: apt-get install qemu-user-static (from Debian 13 on qemu-user)",
    )


def installed(arch: str) -> Emulator | None:
    """The qemu-user of this host for an architecture: the PATH's, else the cache's; or None.

    Raises GlibcError where nothing is known to run that architecture.
    """
    if arch not in QEMU_NAMES:
        raise GlibcError(
            f"no way is known to run {arch} programs; expected one of {', '.join(QEMU_NAMES)}"
        )
    for name in _names(arch):
        found = programs.find(name)
        places = [Path(found)] if found else []
        for place in (*places, *(folder / name for folder in emulator_folders())):
            program = place.resolve()  # a link would lead out of the root it is put into
            if (version := _version(program)) is not None:
                return Emulator(arch, program, version)
    return None


def emulator_folders() -> list[Path]:
    """The folders of the cache with qemu-user programs, newest first; none behind a link."""
    with suppress(OSError):  # another run removes old ones
        found = [one for one in entries("qemu") if one.is_dir(follow_symlinks=False)]
        return [Path(one) for one in sorted(found, key=lambda one: -one.stat().st_mtime)]
    return []


def is_static(path: Path) -> bool:
    """Whether a program needs no loader and no library, so that it runs in any root."""
    try:
        elf, _ = read_elf_file(path)
    except ElfError:
        return False
    return elf.interpreter is None and not elf.needed


def _names(arch: str) -> tuple[str, str]:
    """What distributions call the static program; the second one may be a dynamic one."""
    return f"qemu-{QEMU_NAMES[arch]}-static", f"qemu-{QEMU_NAMES[arch]}"


def _suites(distribution: Distribution) -> Iterator[Suite]:
    """This host's own suite, then the others, newest first."""
    own = distribution.suite(platform.freedesktop_os_release().get("VERSION_CODENAME", ""))
    if own is not None:
        yield own
    for suite in reversed(distribution.suites):
        if suite != own and not suite.extra:
            yield suite


def _fetch(request: PackageRequest, work: Path, watch: Watcher) -> None:
    from harness.glibcs.archive import unpack  # only who fetches pays for it
    from harness.glibcs.fetching import download_package, unpacking

    suite = request.suite
    work.mkdir()
    archive = download_package(request, work / "apt", watch)
    tree, made = work / "tree", work / "made"
    tree.mkdir()
    made.mkdir()
    with unpacking(suite, watch):
        unpack(archive, tree, lambda name: _PROGRAM.fullmatch(name) is not None)
        for program in sorted(tree.glob("usr/bin/qemu-*")):
            if not program.is_symlink() and is_static(program):
                program.rename(made / program.name)
    shutil.rmtree(tree)
    if not any(made.iterdir()):
        raise GlibcUnavailable(
            f"{request.package} of suite {suite.name} has no static programs",
            "install qemu-user-static",
        )
    key = "-".join([request.distribution.id, suite.name, *archive.name.split("_")[:2]])
    final = cache_folder() / "qemu" / key
    publish(made, final)
    for old in emulator_folders():
        if old != final:
            shutil.rmtree(old, ignore_errors=True)
    watch(Progress(suite.name, "done", 1.0))


@cache
def _version(program: Path) -> str | None:
    """The version a static qemu-user names; None when it cannot be run, or is not static."""
    if not is_static(program):
        return None
    try:
        done = subprocess.run(
            [program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            errors="replace", timeout=30, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    found = _VERSION.search(done.stdout)
    return found[1] if found and done.returncode == 0 else None


def _kernel_runs(build: Build) -> bool:
    """Whether the kernel itself starts the build's programs: one that only exits is tried.

    It is not the build's own, which would run here with all that the caller may do.
    """
    compatible = _COMPATIBLE.get(platform.machine(), ())
    if build.arch not in compatible:
        return False
    if os.path.lexists(_BINFMT / f"qemu-{QEMU_NAMES.get(build.arch, build.arch)}"):
        return False  # such programs are handed over to a qemu of the machine's own
    if build.arch == compatible[0]:
        return True
    program = os.memfd_create("exit")
    try:
        os.write(program, _exits(*_EXITS[build.arch]))
        done = subprocess.run(
            [f"/proc/self/fd/{program}"], pass_fds=[program], env={}, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return False  # "Exec format error"
    finally:
        os.close(program)
    return done.returncode == 0  # there are kernels that start it and kill it


def _exits(machine: int, flags: int, code: bytes) -> bytes:
    """A static little-endian 32-bit ELF program that is nothing but ``code`` (elf(5))."""
    header, segment, at = 52, 32, 0x10000
    start = header + segment
    size = start + len(code)
    fields = (2, machine, 1, at + start, header, 0, flags, header, segment, 1, 0, 0, 0)
    load = (1, 0, at, at, size, size, 5, 0x1000)
    ident = b"\x7fELF" + bytes([1, 1, 1]) + bytes(9)
    return ident + struct.pack("<HHIIIIIHHHHHH", *fields) + struct.pack("<8I", *load) + code
