"""What a distribution says of its own glibc: its name, its release and the package's version.

What is somebody else's is read by the host's own dpkg-deb and rpm, which have little memory and
time for it. Sources: os-release(5), dpkg's status file, deb-control(5), the names that rpmbuild(8)
gives files, rpm(8).
"""

import os
import re
import resource
import select
import subprocess
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from harness.glibcs.archive import started
from harness.glibcs.discover import Tree
from harness.text.reading import read_regular

STATUS = "var/lib/dpkg/status"
RELEASES = ("etc/os-release", "usr/lib/os-release")
# rpm's database as sqlite's, its own and Berkeley DB's file, where distributions have it
DATABASES = tuple(
    f"{folder}/{name}"
    for folder in ("var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm")
    for name in ("rpmdb.sqlite", "rpmdb.sqlite-wal", "Packages.db", "Packages")
)
_LARGEST = 64 * 1024 * 1024
_LONGEST = 80
_NAMED = re.compile(r"glibc-([0-9][^-]*-[^-]+)\.[^.-]+\.rpm")
_CONTROL = re.compile(r"Package: libc6(?:\.1)?\nVersion: (\S+)\n")
_SECONDS, _MOST_SAID = 10, 1 << 16
_OF_GLIBC = ("-q", "--queryformat", "%{VERSION}-%{RELEASE}\n", "glibc")


class OfDistribution(NamedTuple):
    """What a distribution says of its glibc, by `Build`'s names; "" for what it does not."""

    distribution: str
    release: str
    package_version: str


def package_of(tree: Tree, packages: Iterable[Path]) -> OfDistribution:
    """What a root in a private folder says of itself; ``packages`` are those it was made of, if it
    was.
    """
    return _package(tree, *map(_version, packages), _database(tree))


def package_of_host() -> OfDistribution:
    """What this host says of its own glibc; rpm is asked where dpkg has none."""
    found = _package(Tree(Path("/")))
    return found if found.package_version else found._replace(package_version=_of_rpm())


def _package(tree: Tree, *versions: str) -> OfDistribution:
    lines = _text(tree, *RELEASES).splitlines()
    said = dict(line.split("=", 1) for line in lines if "=" in line)
    name, release = (said.get(key, "").strip("\"'")[:40] for key in ("ID", "VERSION_ID"))
    version = next(filter(None, (_status(tree), *versions)), "")
    return OfDistribution(name, release, version[:_LONGEST])


def _version(package: Path) -> str:
    """glibc's version as its package has it, of an RPM in its name; "" of another package."""
    if package.suffix != ".deb":
        named = _NAMED.fullmatch(package.name)
        return named[1] if named else ""
    said = _CONTROL.fullmatch(_answer("dpkg-deb", "-f", str(package), "Package", "Version"))
    return said[1] if said else ""


def _database(tree: Tree) -> str:
    """glibc's version as the tree's rpm database has it; "" where there is none, or no rpm.

    rpm gets the regular files in a folder of their own: a link might lead it to a file of this
    host.
    """
    with tempfile.TemporaryDirectory(dir=tree.root.parent) as folder:
        for inside in DATABASES:
            found, place = tree.file(inside), Path(folder, inside)
            if found is not None:
                place.parent.mkdir(parents=True, exist_ok=True)
                os.link(found, place)
        parts = dict.fromkeys(Path(folder, one).parent for one in DATABASES)
        said = (_of_rpm("--dbpath", str(one), "--nosignature") for one in parts if one.is_dir())
        return next(filter(None, said), "")


def _of_rpm(*options: str) -> str:
    """glibc's version in an rpm database; of an empty one, or without rpm, "", as of no glibc."""
    said = _answer("rpm", *options, *_OF_GLIBC)
    # what rpm says of a package that is not there has blanks
    return "" if " " in said else said.partition("\n")[0][:_LONGEST]


def _answer(program: str, *words: str) -> str:
    """What a program of this host makes of somebody else's file; "" where it is not here."""
    silent = subprocess.DEVNULL
    with suppress(OSError), started(program, *words, stdin=silent, stderr=silent) as process:
        assert process.stdout is not None
        resource.prlimit(process.pid, resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
        # a database may be locked, and waiting takes no processor time
        said, number, until = b"", process.stdout.fileno(), time.monotonic() + _SECONDS
        while len(said) < _MOST_SAID and (left := until - time.monotonic()) > 0:
            more = os.read(number, _MOST_SAID) if select.select([number], [], [], left)[0] else b""
            if not more:
                break
            said += more
        process.kill()  # it may still have more to say
        return said[:_MOST_SAID].decode("utf-8", "replace")
    return ""


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
