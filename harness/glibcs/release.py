"""What a distribution says of its own glibc: its name, its release and the package's version.

Sources: os-release(5), dpkg's status file, the names that dpkg-name(1) and rpmbuild(8) give files.
"""

import re
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from harness.glibcs.build import Package
from harness.glibcs.discover import Tree
from harness.sandbox import programs
from harness.text.reading import read_regular

STATUS = "var/lib/dpkg/status"
RELEASES = ("etc/os-release", "usr/lib/os-release")
_LARGEST = 64 * 1024 * 1024
_LONGEST = 80
_NAMED = re.compile(r"glibc-([0-9][^-]*-[^-]+)\.[^.-]+\.rpm|libc6(?:\.1)?_([^_]+)_[^_]+\.deb")
_SECONDS = 10


def package_of(tree: Tree, source: str, names: Iterable[str] = ()) -> Package:
    """What the files of a root say of it; ``names`` are the packages it was made of, if it was."""
    lines = _text(tree, *RELEASES).splitlines()
    said = dict(line.split("=", 1) for line in lines if "=" in line)
    name, release = (said.get(key, "").strip("\"'")[:40] for key in ("ID", "VERSION_ID"))
    named = filter(None, map(_NAMED.fullmatch, names))
    version = _status(tree) or next((one[1] or one[2] for one in named), "")
    return Package(name, release, version[:_LONGEST], source)


def package_of_host() -> Package:
    """What this host says of its own glibc; rpm is asked where dpkg has none."""
    found = package_of(Tree(Path("/")), "host")
    rpm = programs.find("rpm")
    if found.package_version or rpm is None:
        return found
    with suppress(OSError, subprocess.SubprocessError):
        said = subprocess.run(
            [rpm, "-q", "--queryformat", "%{VERSION}-%{RELEASE}\n", "glibc"], timeout=_SECONDS,
            env=programs.environment(), stdin=subprocess.DEVNULL, capture_output=True, check=True,
        ).stdout.decode("utf-8", "replace")  # fmt: skip
        return found._replace(package_version=said.partition("\n")[0][:_LONGEST])
    return found


def _status(tree: Tree) -> str:
    """The version of the package libc6, as dpkg's status file has it; "" where there is none."""
    _, _, entry = f"\n\n{_text(tree, STATUS)}".partition("\n\nPackage: libc6\n")
    lines = entry.partition("\n\n")[0].splitlines()
    return next((one[9:] for one in lines if one.startswith("Version: ")), "")


def _text(tree: Tree, *names: str) -> str:
    """The text of the first of these files that is there; "" where none can be read."""
    with suppress(OSError):
        for path in filter(None, map(tree.file, names)):
            return read_regular(path, _LARGEST).decode("utf-8", "replace")
    return ""
