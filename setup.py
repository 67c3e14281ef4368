"""Builds the cffi extension, and worker and name service module for every architecture.

Everything else is in pyproject.toml.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

# before anything is built, or a compiler comes
if sys.version_info < (3, 11):  # noqa: UP036
    this = ".".join(map(str, sys.version_info[:3]))
    sys.exit(f"gai-harness needs Python 3.11 or later; {sys.executable} is Python {this}")

from setuptools import setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
sys.path[:0] = [str(ROOT / "csrc"), str(ROOT)]  # harness.versions is plain Python

import toolchain  # noqa: E402

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
    """``build_ext`` that works without gcc and without an installed python3-dev."""

    def run(self) -> None:
        """Builds the extension, then the programs of all architectures beside it."""
        scratch = Path(self.build_temp)
        scratch.mkdir(parents=True, exist_ok=True)
        try:
            with TemporaryDirectory(prefix="headers-", dir=scratch) as headers:
                self._find_headers(Path(headers))
                super().run()
            own = toolchain.host_target()
            failures = toolchain.compile_programs(self._programs(), scratch)
            if own in failures:
                raise toolchain.BuildError(failures.pop(own))
        except toolchain.BuildError as error:
            raise SystemExit(f"error: {error}") from None
        for target, reason in failures.items():
            print(f"warning: gai-harness will have no worker for {target.debian}: {reason}")

    def build_extensions(self) -> None:
        """Compiles with zig where the interpreter's own compiler is absent."""
        if toolchain.host_compiler() is None:
            compiler = [
                *toolchain.zig(),
                "-target",
                toolchain.host_target().triple,
                "-fno-sanitize=all",
            ]
            os.environ.update(toolchain.zig_environment(Path(self.build_temp)))
            # The interpreter's own flags are gcc's (LTO, specs, hardening): zig knows few.
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
            path
            for target in toolchain.TARGETS
            for path in (toolchain.worker_in(folder, target), toolchain.module_in(folder, target))
        ]
        return [*super().get_outputs(), *(str(path) for path in programs if path.is_file())]

    def _find_headers(self, folder: Path) -> None:
        if toolchain.python_include() is not None:
            return
        print("Python's headers are not installed; asking apt-get for a private copy")
        fetched = toolchain.fetch_python_headers(folder)
        if fetched is None:
            raise toolchain.BuildError(NO_HEADERS)
        self.include_dirs = [*fetched, *(self.include_dirs or [])]

    def _programs(self) -> Path:
        base = ROOT if self.inplace else Path(self.build_lib)
        return base / "harness" / "native" / "bin"


setup(
    project_urls=links(),
    cffi_modules=["csrc/build_cffi.py:ffibuilder"],
    cmdclass={"build_ext": BuildNative},
    # cffi compiles against the stable ABI, so one wheel serves all later interpreters.
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
