from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from harness.glibcs import GlibcError
from harness.glibcs.deb import unpack
from tests.glibcs.making import deb, link, member

pytestmark = pytest.mark.needs("dpkg-deb", "dpkg")

LIBC = member("./usr/lib/x86_64-linux-gnu/libc.so.6", b"libc")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "a/b/tree").mkdir(parents=True)
    return tmp_path / "a/b/tree"


def _files(root: Path) -> list[str]:
    return sorted(
        str(path.relative_to(root))
        for path in root.rglob("*")
        if path.is_symlink() or path.is_file()
    )


def test_only_the_files_of_a_lookup_are_made(tmp_path: Path, tree: Path) -> None:
    package = deb(
        tmp_path / "p.deb",
        member("./usr/share/doc/libc6/copyright", b"text"),
        member("./usr/lib/x86_64-linux-gnu/gconv/UTF-16.so", b"gconv"),
        member("./usr/lib/x86_64-linux-gnu/libmemusage.so", b"tool"),
        member("./etc/ld.so.conf.d/x.conf", b"conf"),
        member("./usr/bin/libc.so.6", b"elsewhere"),
        LIBC,
        member("./lib/x86_64-linux-gnu/libnss_files-2.31.so", b"files"),
        link("./lib/x86_64-linux-gnu/libnss_files.so.2", "libnss_files-2.31.so"),
        link("./lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/ld-2.31.so"),
        link("./usr/lib64/ld64.so.1", "../lib/x86_64-linux-gnu/ld64.so.1"),
    )
    unpack(package, tree)
    assert _files(tree) == [
        "lib/x86_64-linux-gnu/libnss_files-2.31.so",
        "lib/x86_64-linux-gnu/libnss_files.so.2",
        "lib64/ld-linux-x86-64.so.2",
        "usr/lib/x86_64-linux-gnu/libc.so.6",
        "usr/lib64/ld64.so.1",
    ]


@pytest.mark.parametrize(
    "bad",
    [
        member("../../lib/libc.so.6", b"out"),
        member("./lib/../../../lib/libc.so.6", b"out"),
        member("/lib/libc.so.6", b"out"),
        member("../../unwanted", b"out"),
        member("/etc/unwanted", b"out"),
        link("./lib/libc.so.6", "../../../libc.so.6"),
        link("./lib/libc.so.6", "/../libc.so.6"),
        link("./usr/share/unwanted", "../../../../etc"),
        member("./lib/libc.so.6", type=tarfile.LNKTYPE, linkname="../../libc.so.6"),
        member("./lib/libc.so.6", type=tarfile.LNKTYPE, linkname="/etc/passwd"),
        member("./lib/libc.so.6", type=tarfile.LNKTYPE, linkname="etc/passwd"),
        member("./dev/null", type=tarfile.CHRTYPE),
        member("./lib/libc.so.6", type=tarfile.FIFOTYPE),
    ],
    ids=lambda one: f"{one[0].name}>{one[0].linkname}",
)
def test_members_that_point_outside_are_refused(
    tmp_path: Path, tree: Path, bad: tuple[tarfile.TarInfo, bytes]
) -> None:
    package = deb(tmp_path / "p.deb", LIBC, bad)
    before = _files(tmp_path)
    with pytest.raises(GlibcError) as caught:
        unpack(package, tree)
    assert str(caught.value).startswith("p.deb: ")
    assert "\n" not in str(caught.value)
    made = "a/b/tree/usr/lib/x86_64-linux-gnu/libc.so.6"
    assert sorted({*before, made}) == _files(tmp_path)


def test_no_member_is_written_through_a_link_of_another(tmp_path: Path, tree: Path) -> None:
    (tmp_path / "victim").mkdir()
    package = deb(
        tmp_path / "p.deb",
        link("./lib/libc.so.6", "/usr"),
        member("./lib/libc.so.6/libm.so.6", b"out"),
    )
    with pytest.raises(GlibcError, match="leads through a link"):
        unpack(package, tree)


def test_a_member_that_comes_twice_is_refused(tmp_path: Path, tree: Path) -> None:
    twice = member("./usr/lib/x86_64-linux-gnu/libc.so.6", b"other")
    with pytest.raises(GlibcError, match="in the package twice"):
        unpack(deb(tmp_path / "p.deb", LIBC, twice), tree)


def test_a_hard_link_to_an_unpacked_library_is_a_copy(tmp_path: Path, tree: Path) -> None:
    hard = member("./lib/libm.so.6", type=tarfile.LNKTYPE, linkname=LIBC[0].name)
    unpack(deb(tmp_path / "p.deb", LIBC, hard), tree)
    assert (tree / "lib/libm.so.6").read_bytes() == b"libc"


@pytest.mark.parametrize("kept", [0, 5, 60, 200, 700, 1500, -3000])
def test_a_package_cut_short_is_refused(tmp_path: Path, tree: Path, kept: int) -> None:
    package = deb(tmp_path / "p.deb", member("./lib/libc.so.6", bytes(40000)))
    package.write_bytes(package.read_bytes()[:kept])
    with pytest.raises(GlibcError, match=r"p\.deb: a damaged package"):
        unpack(package, tree)
