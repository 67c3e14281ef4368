"""Builds the cffi extension, and worker and name service module for every architecture.

Everything else is in pyproject.toml. GAI_HARNESS_ARCH is Debian's name of the architecture that the
extension, and so the wheel, is for: this interpreter's own by default.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from tempfile import TemporaryDirectory

# before anything is built, or a compiler comes
if sys.version_info < (3, 11):  # noqa: UP036
    this = ".".join(map(str, sys.version_info[:3]))
    sys.exit(f"gai-harness needs Python 3.11 or later; {sys.executable} is Python {this}")

from setuptools import setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

ROOT = Path(__file__).resolve().parent
sys.path[:0] = [str(ROOT / "csrc"), str(ROOT)]  # harness.versions is plain Python

import toolchain  # noqa: E402

try:
    TARGET = toolchain.host_target(os.environ.get("GAI_HARNESS_ARCH"))
except toolchain.BuildError as error:
    sys.exit(f"error: {error}")
NO_HEADERS = (
    "gai-harness needs Python's C headers to build: install them with"
    " `apt-get install python3-dev` (and run this again)"
)


def links() -> dict[str, str]:
    """The project's pages, below the address that this clone came from; an sdist keeps them."""
    kept = ROOT / "PKG-INFO"
    if kept.is_file():
        fields = (line.partition("Project-URL: ")[2] for line in kept.read_text().splitlines())
        return dict(field.split(", ", 1) for field in fields if field)
    if not (ROOT / ".git").exists():
        return {}
    command = ["git", "-C", str(ROOT), "remote", "get-url", "origin"]
    try:
        origin = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except OSError:
        return {}
    # a user and a password in the address are nobody else's
    address = r"(?:https://(?:[^@/]*@)?(?![^/]*:)|git@)([\w.-]+)[:/]([\w./-]+?)(?:\.git)?\n"
    home = re.fullmatch(address, origin)
    if home is None:
        return {}
    base = f"https://{home[1]}/{home[2]}"
    return {
        "Source": base,
        "Documentation": f"{base}/tree/main/docs",
        "Changelog": f"{base}/blob/main/CHANGELOG.md",
        "Issues": f"{base}/issues",
    }


class BuildNative(build_ext):
    """``build_ext`` with zig alone, for `TARGET`, without an installed python3-dev."""

    def run(self) -> None:
        """Builds the extension, then the programs of all architectures beside it."""
        scratch = Path(self.build_temp)
        scratch.mkdir(parents=True, exist_ok=True)
        try:
            with TemporaryDirectory(prefix="headers-", dir=scratch) as folder:
                headers = toolchain.python_headers(Path(folder), TARGET)
                if headers is None:
                    raise toolchain.BuildError(NO_HEADERS)
                self.include_dirs = [*headers, *(self.include_dirs or [])]
                super().run()
            failures = toolchain.compile_programs(self._programs(), scratch, musl=(TARGET,))
            if TARGET in failures:
                raise toolchain.BuildError(failures.pop(TARGET))
        except toolchain.BuildError as error:
            raise SystemExit(f"error: {error}") from None
        for target, reason in failures.items():
            print(f"warning: gai-harness will have no worker for {target.debian}: {reason}")

    def build_extensions(self) -> None:
        """Compiles with zig: the interpreter's own flags are gcc's, of which zig knows few."""
        compiler = [*toolchain.zig(), "-target", TARGET.triple, "-fno-sanitize=all"]
        os.environ.update(toolchain.zig_environment(Path(self.build_temp)))
        compile_only = [*compiler, "-O2", "-g0", "-fPIC", "-fwrapv", "-DNDEBUG", "-Wall"]
        self.compiler.set_executables(
            compiler=compile_only,
            compiler_so=compile_only,
            linker_so=[*compiler, "-shared", "-s"],
            linker_exe=compiler,
        )
        super().build_extensions()

    def get_outputs(self) -> list[str]:
        """The extension and the programs of the architectures that could be built."""
        folder = self._programs()
        programs = [
            path for target in toolchain.TARGETS for path in toolchain.programs_in(folder, target)
        ]
        return [*super().get_outputs(), *(str(path) for path in programs if path.is_file())]

    def _programs(self) -> Path:
        base = ROOT if self.inplace else Path(self.build_lib)
        return base / "harness" / "native" / "bin"


class SameBytes(sdist):
    """``sdist`` whose archive depends on the files' names and contents alone.

    Its times are SOURCE_DATE_EPOCH's, as the wheel's are by setuptools itself.
    """

    def make_archive(self, base_name: str, *_: object, base_dir: str = "", **__: object) -> str:
        """Writes ``base_name`` as a tar.gz of ``base_dir``; gives its path."""
        epoch = int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))

        def plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.mtime, member.uid, member.gid = epoch, 0, 0
            member.uname = member.gname = ""
            return member

        plain_tar = io.BytesIO()
        with tarfile.open(fileobj=plain_tar, mode="w") as archive:
            archive.add(base_dir, filter=plain)
        path = Path(f"{base_name}.tar.gz")
        path.write_bytes(gzip.compress(plain_tar.getvalue(), mtime=epoch))
        return str(path)


os.umask(0o022)  # the modes of files are a wheel's bytes too
setup(
    project_urls=links(),
    cffi_modules=["csrc/build_cffi.py:ffibuilder"],
    cmdclass={"build_ext": BuildNative, "sdist": SameBytes},
    # cffi compiles against the stable ABI, so one wheel serves all later interpreters.
    options={"bdist_wheel": {"py_limited_api": "cp311", "plat_name": TARGET.platform}},
)
