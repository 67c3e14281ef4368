"""Which files make up a glibc build, and what a libc file says of itself."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from mmap import mmap
from pathlib import Path

from harness.glibcs.build import Build, GlibcError
from harness.glibcs.elf import ElfError, read_elf_file
from harness.versions import Version

# The C library's soname; alpha and ia64 have the second one.
LIBC_NAMES: tuple[str, ...] = ("libc.so.6", "libc.so.6.1")

# What a lookup may load besides libc and the loader. Up to 2.33 the name service's files and
# dns modules, threads and libdl are files of their own; later they are stubs or gone.
LIBRARY_NAMES: tuple[str, ...] = (
    "libanl.so.1", "libdl.so.2", "libm.so.6", "libnsl.so.1", "libnss_compat.so.2",
    "libnss_dns.so.2", "libnss_files.so.2", "libpthread.so.0", "libresolv.so.2", "librt.so.1",
    "libutil.so.1",
)  # fmt: skip
# A name service module of systemd's, with the library that some of its versions need.
MYHOSTNAME = "libnss_myhostname.so.2"
MODULE_NAMES: tuple[str, ...] = (MYHOSTNAME, "libcap.so.2")
# The same libraries of alpha and ia64, where some end otherwise.
_ALTERNATIVE_NAMES = ("libdl.so.2.1", "libm.so.6.1", "libresolv.so.2.1")

LOADER = re.compile(r"ld(?:64|-[\w.-]+)?\.so(?:\.[0-9]+)?\Z")
# File names worth unpacking or looking at: the sonames, the versioned names behind them up to
# 2.33 (libc-2.31.so), and dynamic loaders.
WANTED = re.compile(
    r"lib(?:anl|c|cap|dl|m|nsl|nss_compat|nss_dns|nss_files|nss_myhostname|pthread|resolv|rt|util)"
    rf"(?:-[0-9.]+)?\.so(?:\.[0-9.]+)?\Z|{LOADER.pattern}"
)

# A line that may hold the release. It is found first and looked at then: one expression for both
# would try 200 places at each of a million lines made to almost fit.
_BANNER = re.compile(rb"GNU C Library [^\0\n]{0,256}")
_LOADER_BANNER = re.compile(rb"ld\.so \([^\0\n]{0,256}")
# Debian's patch of a missing hosts file, which its derivatives have and glibc's releases have not.
_PATCHED = re.compile(rb"GNU C Library \((?:Debian|Ubuntu|Raspbian)\b")
_UNPATCHED_ROWS = ("absent_hosts_is_no_data=true",)
_RELEASE = re.compile(rb" (?:stable|development) release version (\d{1,5}(?:\.\d{1,5}){1,3})")
# A library names its release once or twice.
_MOST_BANNERS = 1000
# The form of a version (harness.versions); other symbols say nothing of the release.
_SYMBOL_VERSION = re.compile(r"GLIBC_(2\.[0-9]{1,5}(?:\.[0-9]{1,5}){0,2})\Z")


@dataclass(frozen=True, slots=True)
class Libc:
    """A libc file, and what it says of itself.

    ``loader_names`` are its loader's possible ones, most certain first; ``rows`` are as in `Build`.
    """

    path: Path
    version: str
    arch: str
    soname: str
    loader_names: tuple[str, ...]
    rows: tuple[str, ...]

    def build(
        self, loader: tuple[str, Path], library: Callable[[str], Path | None], origin: str, key: str
    ) -> Build:
        """The build of this libc and of a loader.

        ``library`` finds another library by its soname, if it is there; ``origin`` is as in
        `Build`, whose id begins with ``key``.
        """
        names = LIBRARY_NAMES
        if self.soname != LIBC_NAMES[0]:
            names += _ALTERNATIVE_NAMES
        if library(MYHOSTNAME) is not None:
            names += MODULE_NAMES
        files = [(name, file) for name in names if (file := library(name)) is not None]
        return Build(
            self.version, self.arch, origin, f"{key}-{self.version}-{self.arch}",
            (loader, (self.soname, self.path), *files), rows=self.rows,
        )  # fmt: skip


def read_libc(path: Path, shown: str) -> Libc:
    """Read a libc file, called ``shown`` in an error, without running it.

    Raises GlibcError where it is not a complete glibc libc; the line says what it is.
    """
    try:
        elf, data = read_elf_file(path)
    except ElfError as error:
        raise GlibcError(f"{shown}: {error}; expected glibc's libc.so.6") from None
    if elf.soname not in LIBC_NAMES:
        kind = "musl's C library" if data.find(b"musl") >= 0 else f"a library named {elf.soname}"
        raise GlibcError(f"{shown}: {kind}; expected glibc's libc.so.6")
    matches = map(_SYMBOL_VERSION.match, elf.versions)
    symbols = [Version.parse(match[1]) for match in matches if match]
    if not symbols:
        raise GlibcError(f"{shown}: defines no GLIBC_2.* symbols; expected glibc's libc.so.6")
    newest, version = max(symbols), _release(_BANNER, data)
    if version is None:
        raise GlibcError(
            f"{shown}: does not name its release; its symbols say glibc {newest} or later"
        )
    # A snapshot already defines the next release's symbols. Vendors back-port a version or two,
    # so only symbols far newer than the release betray two files in one.
    if newest.numbers[1] > Version.parse(version).numbers[1] + 4:
        raise GlibcError(f"{shown}: says it is glibc {version} but defines GLIBC_{newest} symbols")
    # libc needs its loader by name, and names it once more as its own interpreter
    loaders = [name for name in elf.needed if LOADER.match(name)]
    if elf.interpreter:
        loaders.append(elf.interpreter.rpartition("/")[2])
    rows = () if _PATCHED.search(data) else _UNPATCHED_ROWS
    return Libc(path, version, elf.arch, elf.soname, tuple(dict.fromkeys(loaders)), rows)


def loader_version(data: mmap) -> str | None:
    """The version a dynamic loader names in its bytes; None for old ones, which do not."""
    return _release(_LOADER_BANNER, data)


def _release(banner: re.Pattern[bytes], data: mmap) -> str | None:
    for line in islice(banner.finditer(data), _MOST_BANNERS):
        found = _RELEASE.search(line[0])
        if found:
            return found[1].decode()
    return None
