"""Builds out of packages, and what packages and rpm's database say of a build."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from harness.glibcs import GlibcError, find, inventory, release
from harness.glibcs.archive import IMAGE
from harness.glibcs.build import Build
from tests.e2e.kit import start
from tests.glibcs.making import BASE, LD, LIBC, LOADER, Layout, deb, elf, link, member, rpm, tar


@pytest.mark.needs("dpkg-deb", "dpkg")
def test_packages_belong_together(tmp_path: Path) -> None:
    name = "libc6_2.36-9+deb12u10_amd64.deb"  # what is in it counts
    libc = deb(tmp_path / name, member(LIBC, elf()), member("usr/share/doc/x", b""))
    loader = deb(tmp_path / "loader.deb", member(LD, LOADER))
    (build,) = find(f"{libc}+{loader}")
    assert (build.version, build.origin) == ("2.36", f"2.36-1 {name} + loader.deb")
    assert (build.distribution, build.release, build.package_version) == ("", "", "2.36-1")
    assert build.source == f"{name} + loader.deb"
    assert [one.state for one in inventory() if one.id == build.id] == ["package"]
    with pytest.raises(GlibcError, match=r"amd64.deb: glibc 2.36 without its dynamic loader"):
        find(str(libc))
    with pytest.raises(GlibcError, match=r"gone.rpm is no file; expected"):
        find(f"{libc}+gone.rpm")


def test_rpm_packages(tmp_path: Path, own: Build, needs: Callable[..., str]) -> None:
    needs("rpm2archive", "rpm2cpio")
    needs("rpmbuild", "rpm")
    first, second = own.files[:2], own.files[2:]
    packages = [
        rpm(tmp_path, name, *((f"/usr/lib64/{one}", path) for one, path in files))
        for name, files in (("glibc", first), ("glibc-common", second))
    ]
    (build,) = find("+".join(map(str, packages)))
    assert build.names == own.names
    assert build.package_version == "2.34-1"
    assert build.libc.read_bytes() == own.libc.read_bytes()
    packages[0].write_bytes(packages[0].read_bytes()[:-5000])
    with pytest.raises(GlibcError, match="damaged"):
        find("+".join(map(str, packages)))


@pytest.fixture
def database(tmp_path: Path, own: Build, needs: Callable[..., str]) -> bytes:
    """The file of an rpm database that has glibc, as the real rpm writes it."""
    needs("rpmbuild", "rpm")
    package = rpm(tmp_path, "glibc", ("/usr/lib64/libc.so.6", own.libc), release="60.el9")
    folder = tmp_path / "database"
    words = ["--justdb", "--nodeps", "--ignoreos", "--ignorearch", "--define", "_db_backend sqlite"]
    start("rpm", "--dbpath", folder, "--install", *words, package, check=True)
    return (folder / "rpmdb.sqlite").read_bytes()


@pytest.mark.parametrize("folder", ["var/lib/rpm", "usr/lib/sysimage/rpm"])
def test_the_version_of_an_images_rpm_database(
    folder: str, database: bytes, layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = f"{folder}/rpmdb.sqlite"
    layout.image(BASE, tar(member(place, database)))
    (build,) = find(f"oci:{layout.folder}")
    assert build.package_version == "2.34-60.el9"
    # the host's own file, which a link of the image leads to, is not read; nor a broken one
    (tmp_path / "hosts.sqlite").write_bytes(database)
    for number, part in enumerate(
        (link(place, f"{tmp_path}/hosts.sqlite"), member(place, database[:5000]))
    ):
        other = Layout(tmp_path / f"other{number}")
        other.image(BASE, tar(part))
        (build,) = find(f"oci:{other.folder}")
        assert (build.version, build.package_version) == ("2.34", "")
    # one that is larger than a library may be is no reason against the image
    small = replace(IMAGE, largest=len(database) - 1)
    monkeypatch.setattr("harness.glibcs.images.IMAGE", small)
    monkeypatch.setenv("GAI_HARNESS_CACHE", str(tmp_path / "second"))
    (build,) = find(f"oci:{layout.folder}")
    assert (build.version, build.package_version) == ("2.34", "")


def test_a_locked_rpm_database_is_not_waited_for(
    database: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real rpm waits for the lock without end, and without processor time."""
    del database
    monkeypatch.setattr(release, "_SECONDS", 1)
    folder = tmp_path / "database"
    asked = ("--dbpath", str(folder), "--nosignature")
    assert release._of_rpm(*asked) == "2.34-60.el9"
    holder = sqlite3.connect(folder / "rpmdb.sqlite", isolation_level=None)
    with closing(holder):
        holder.execute("PRAGMA locking_mode=EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        started = time.monotonic()
        assert release._of_rpm(*asked) == ""
        assert time.monotonic() - started >= 1  # rpm did wait
