"""Trees and archives made to cost memory, time or a file of the host's."""

import io
import os
import random
import shutil
import struct
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.glibcs import GlibcError, from_directory
from harness.glibcs.archive import PACKAGE, unpack, unpack_tar
from tests.conftest import Call
from tests.costs import calls_of, memory_of
from tests.damage import mutated
from tests.glibcs.making import ar_header, deb, elf, hard, link, member, tar

pytestmark = pytest.mark.bare

# How many damaged files are tried of each kind; docs/security.md names a longer run.
CASES = int(os.environ.get("GAI_HARNESS_MUTATIONS", "400"))
ENTRY = struct.pack("<QQ", 1, 0)  # of a dynamic section: DT_NEEDED


def _elf(segments: int) -> bytes:
    """The header of an amd64 library with so many segments."""
    fields = (3, 62, 1, 0, 64, 0, 0, 64, 56, segments, 0, 0, 0)
    return b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", *fields)


def _segment(kind: int, at: int, size: int) -> bytes:
    return struct.pack("<IIQQQQQQ", kind, 4, at, at, at, size, size, 1)


def _long_strings() -> bytes:
    text = b"a" * (4 << 20) + b"\0"
    at = 64 + 56 * 3
    entries = [(5, at)] + [(1, number) for number in range(900)] + [(14, 0), (0, 0)]
    dynamic = b"".join(struct.pack("<QQ", *entry) for entry in entries)
    load = _segment(1, 0, at + len(text) + len(dynamic))
    parts = _segment(6, at, len(text)) + _segment(2, at + len(text), len(dynamic))
    return _elf(3) + load + parts + text + dynamic


# the file's beginning, and its size
BOMBS: dict[str, tuple[Callable[[], bytes], int]] = {
    "4 MiB strings referred to a thousand times": (_long_strings, 0),
    "65,535 dynamic segments": (lambda: _elf(65535) + _segment(2, 64, 1 << 20) * 65535, 0),
    "a million dynamic entries": (lambda: _elf(1) + _segment(2, 120, 16 << 20) + ENTRY * 2**20, 0),
    "a 400 MiB dynamic section": (
        lambda: (_elf(1) + _segment(2, 4096, 400 << 20)).ljust(4096, b"\0") + ENTRY * 2**18,
        401 << 20),
    "a sparse library of half a GiB": (elf, 512 << 20),
    "a sparse file of a TiB": (bytes, 1 << 40),
    "a million lines that are almost a banner": (
        lambda: elf(content=b"GNU C Library (stable) release \0" * (1 << 20)), 0),
    "60,000 versions": (lambda: elf(versions=tuple(f"GLIBC_2.{n}" for n in range(60000))), 0),
    "an empty file": (bytes, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_library_made_to_cost_is_one_line_soon(name: str, tmp_path: Path, call: Call) -> None:
    make, size = BOMBS[name]
    path = tmp_path / "t/lib/libc.so.6"
    path.parent.mkdir(parents=True)
    path.write_bytes(make())
    if size:
        os.truncate(path, size)

    def act() -> None:
        done = call("glibc", "add", tmp_path / "t", "--name", "hostile")
        assert (done.status, len(done.err.splitlines())) == (2, 1)
        assert "lib/libc.so.6: " in done.err

    assert memory_of(act) < 32
    assert calls_of(act) < 200_000


@pytest.fixture
def libraries(tmp_path: Path) -> Path:
    """A folder lib of a small glibc."""
    (tmp_path / "lib").mkdir()
    for name in ("libc.so.6", "ld-linux-x86-64.so.2", "libm.so.6"):
        (tmp_path / "lib" / name).write_bytes(elf(soname=name))
    return tmp_path / "lib"


def test_what_is_no_regular_file_is_never_opened_to_wait(libraries: Path) -> None:
    for name in ("libm.so.6", "ld-linux-x86-64.so.2"):
        assert name in from_directory(libraries.parent).names
        (libraries / name).unlink()
        os.mkfifo(libraries / name)
        if "libm" in name:  # a library a lookup can do without
            assert name not in from_directory(libraries.parent).names
    with pytest.raises(GlibcError):
        from_directory(libraries.parent)


@pytest.mark.parametrize("version", ["GLIBC_2.2.777777", "GLIBC_2.1.2.3.4", "GLIBC_2.٣"])
def test_symbols_of_no_version_say_nothing(libraries: Path, version: str) -> None:
    libc = libraries / "libc.so.6"
    libc.write_bytes(elf(versions=("libc.so.6", "GLIBC_2.2.5", version)))
    assert from_directory(libraries.parent).version == "2.36"
    libc.write_bytes(elf(versions=("libc.so.6", version)))
    with pytest.raises(GlibcError, match="no GLIBC_2"):
        from_directory(libraries.parent)


def test_a_soname_is_shown_in_one_line(libraries: Path) -> None:
    (libraries / "libc.so.6").write_bytes(elf(soname="libx\n::error::\x1b[2J"))
    with pytest.raises(GlibcError, match="a library named libx") as caught:
        from_directory(libraries.parent)
    assert str(caught.value).isprintable()


LONG_WAYS = {
    "long name": "x" * 300, "deep": "y/" * 2000, "long absolute": "/" + "z" * 4000,
    "itself": "libc.so.6", "roundabout": "../lib/" * 580 + "libc.so.6",
}  # fmt: skip


@pytest.mark.parametrize("target", LONG_WAYS.values(), ids=LONG_WAYS)
def test_a_link_may_lead_nowhere(tmp_path: Path, target: str) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/libc.so.6").symlink_to(target)
    for number in range(40):  # each leads to the next one by as long a way
        (tmp_path / f"lib{number}").symlink_to("lib/../" * 500 + f"lib{number + 1}")
    (tmp_path / "lib64").symlink_to("lib0")

    def act() -> None:
        with pytest.raises(GlibcError, match=r"a link to a file that is not in the tree"):
            from_directory(tmp_path)

    assert calls_of(act) < 200_000


# --- archives


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The folder that a package is unpacked into; nothing beside it may change."""
    (tmp_path / "a/tree").mkdir(parents=True)
    return tmp_path / "a/tree"


def _files(root: Path) -> list[str]:
    return sorted(
        str(path.relative_to(root))
        for path in root.rglob("*")
        if path.is_symlink() or path.is_file()
    )


LIBC = member("./usr/lib/x86_64-linux-gnu/libc.so.6", b"libc")


@pytest.mark.needs("dpkg-deb", "dpkg")
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
        hard("./lib/libm.so.6", LIBC[0].name),
    )
    unpack(package, tree)
    assert _files(tree) == [
        "lib/libm.so.6",
        "lib/x86_64-linux-gnu/libnss_files-2.31.so",
        "lib/x86_64-linux-gnu/libnss_files.so.2",
        "lib64/ld-linux-x86-64.so.2",
        "usr/lib/x86_64-linux-gnu/libc.so.6",
        "usr/lib64/ld64.so.1",
    ]
    assert (tree / "lib/libm.so.6").read_bytes() == b"libc"


REFUSED = [
    *(("points outside", [bad]) for bad in (
        member("../../lib/libc.so.6", b"out"), member("./lib/../../../lib/libc.so.6", b"out"),
        member("/lib/libc.so.6", b"out"), member("../../unwanted", b"out"),
        member("/etc/unwanted", b"out"),
        link("./lib/libc.so.6", "../../../libc.so.6"), link("./lib/libc.so.6", "/../libc.so.6"),
        link("./usr/share/unwanted", "../../../../etc"),
        hard("./lib/libc.so.6", "../../libc.so.6"), hard("./lib/libc.so.6", "/etc/passwd"))),
    ("a hard link to etc/passwd", [hard("./lib/libc.so.6", "etc/passwd")]),
    ("neither a file", [member("./dev/null", type=tarfile.CHRTYPE)]),
    ("neither a file", [member("./lib/libc.so.6", type=tarfile.FIFOTYPE)]),
    ("in the package twice", [LIBC, member(LIBC[0].name, b"other")]),
    ("leads through a link",
     [link("./lib/libc.so.6", "/usr"), member("./lib/libc.so.6/libm.so.6", b"out")]),
]  # fmt: skip


@pytest.mark.parametrize(("said", "bad"), REFUSED)
def test_members_that_point_outside_are_refused(
    tmp_path: Path, tree: Path, said: str, bad: list[tuple[tarfile.TarInfo, bytes]]
) -> None:
    with pytest.raises(GlibcError, match=f"^p[.]deb: .*{said}") as caught:
        unpack_tar(io.BytesIO(tar(*bad)), tree, "p.deb")
    assert "\n" not in str(caught.value)
    assert [*tmp_path.glob("*"), *tmp_path.glob("a/*")] == [tmp_path / "a", tree]
    if len(bad) == 1:
        assert _files(tree) == []


def _header(name: str, kind: bytes, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def _long_name(size: int) -> bytes:
    return _header("././@LongLink", tarfile.GNUTYPE_LONGNAME, size)


def _negative() -> bytes:
    block = bytearray(_header("lib/libc.so.6", tarfile.REGTYPE, 0))
    block[124:136] = b"\xff" * 12
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


ARCHIVES: dict[str, tuple[Callable[[], bytes], str]] = {
    "a 3 GiB PAX header": (lambda: _header("x", tarfile.XHDTYPE, 3 << 30), "neither a file"),
    "a 3 GiB global header": (lambda: _header("x", tarfile.XGLTYPE, 3 << 30), "neither a file"),
    "a 3 GiB name": (lambda: _long_name(3 << 30), "a header of 3221225472"),
    "a long name of a long name of …": (
        lambda: (_long_name(5) + b"name\0".ljust(512, b"\0")) * 5000, "a header of 5 bytes"),
    "a sparse file": (lambda: _header("lib/x", tarfile.GNUTYPE_SPARSE, 1), "neither a file"),
    "a file of a negative size": (_negative, "a header of -1 bytes"),
    "30,000 members": (lambda: _header("x", tarfile.REGTYPE, 0) * 30_000, "more than 20000"),
    "2 GiB that are not wanted": (lambda: _header("x", tarfile.REGTYPE, 2 << 30), "damaged"),
    "a 2 GiB library": (lambda: _header("lib/libc.so.6", tarfile.REGTYPE, 2 << 30), "too many"),
    "a name beyond NAME_MAX": (lambda: tar(member("lib/" + "x" * 256)), "too long or too deep"),
    "a wanted name beyond NAME_MAX": (
        lambda: tar(member("lib/" + "y" * 300 + "/libc.so.6")), "too long or too deep"),
    "a name beyond PATH_MAX": (lambda: tar(member("lib/" + "/".join(["y" * 200] * 30))), ""),
    "2,000 folders deep": (lambda: tar(member("lib/" * 2000 + "libc.so.6")), ""),
    "a link with no target": (lambda: tar(link("lib/libc.so.6", "")), "empty or too long"),
    "a link beyond PATH_MAX": (lambda: tar(link("lib/libc.so.6", "x/" * 2500)), ""),
    "a line break in a name": (lambda: tar(member("/lib/a\n::error::b")), "points outside"),
    "a name that is no text": (lambda: tar(member("/lib/\udcff")), "points outside"),
}  # fmt: skip


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_made_to_cost_is_one_line_soon(name: str, tmp_path: Path, tree: Path) -> None:
    make, said = ARCHIVES[name]
    data = make()

    def act() -> None:
        with pytest.raises(GlibcError) as caught:
            unpack_tar(io.BytesIO(data), tree, "p.deb")
        assert said in str(caught.value)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 500

    assert calls_of(act) < 4_000_000
    assert [*tmp_path.glob("*"), *tmp_path.glob("a/*")] == [tmp_path / "a", tree]


def test_too_much_or_slow_for_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tar(*(member(f"usr/share/{number}", bytes(1 << 17)) for number in range(10)))
    small = replace(PACKAGE, size=1 << 20)
    for kind, seconds, said in (
        (small, 300.0, "more than 1 MiB unpacked"), (PACKAGE, -1.0, "takes over")
    ):  # fmt: skip
        monkeypatch.setattr("harness.glibcs.archive._SECONDS", seconds)
        with pytest.raises(GlibcError, match=said):
            unpack_tar(io.BytesIO(data), tmp_path, "p.deb", kind=kind)


@pytest.mark.needs("dpkg-deb", "dpkg")
def test_a_bomb_in_a_package_ends_dpkg_deb_too(tmp_path: Path, tree: Path) -> None:
    package = deb(tmp_path / "p.deb", member("usr/share/x"))
    at = package.read_bytes().index(b"data.tar")
    with package.open("r+b") as stream:
        stream.seek(at)
        stream.write(ar_header("data.tar", 3 << 30) + _header("x", tarfile.XHDTYPE, 3 << 30))
        stream.truncate(at + 60 + (3 << 30))
    with pytest.raises(GlibcError, match=r"p\.deb: '?x'? is neither"):
        unpack(package, tree)


@pytest.mark.parametrize(
    "target", ["lib/libm.so.6/secret", "lib/libm.so.6", "usr/lib/libm.so.6/../secret"]
)
@pytest.mark.parametrize("there", [True, False], ids=["found", "unpacked"])
def test_no_hard_link_through_a_link(tmp_path: Path, tree: Path, target: str, there: bool) -> None:
    """The link's immediate parent led to the host's folder of that name."""
    (tmp_path / "host").mkdir()
    (tmp_path / "host/secret").write_text("secret")
    (tree / "lib").mkdir()
    members = [hard("lib/libc.so.6", target)]
    if there:
        (tree / "lib/libm.so.6").symlink_to(tmp_path / "host")
    else:
        members.insert(0, link("lib/libm.so.6", str(tmp_path / "host")))
    with pytest.raises(GlibcError, match=r"hard link to|points outside"):
        unpack_tar(io.BytesIO(tar(*members)), tree, "p.deb")
    assert not (tree / "lib/libc.so.6").exists()


def _refused(act: Callable[[], object]) -> bool:
    """Whether it ends with the one error, in one line; any other error comes through."""
    said = ""
    try:
        act()
    except GlibcError as error:
        said = str(error)
    assert "\n" not in said
    return bool(said)


def test_a_package_that_cannot_be_read(tmp_path: Path) -> None:
    """As another user's, which root could not be tested with."""
    for kind in (Path.mkdir, os.mkfifo):
        package = tmp_path / f"{kind.__name__}.deb"
        kind(package)
        with pytest.raises(GlibcError, match=rf"{package.name}: cannot be read: a (folder|device)"):
            unpack(package, tmp_path / "tree")


def test_damaged_libraries_raise_nothing_but_the_one_error(libraries: Path) -> None:
    originals = [elf(arch) for arch in ("amd64", "i386", "s390x", "armhf")]
    chance = random.Random(f"elf {CASES}")
    refused = 0
    for _ in range(CASES):
        (libraries / "libc.so.6").write_bytes(mutated(chance, chance.choice(originals)))
        refused += _refused(lambda: from_directory(libraries.parent))
    assert refused > CASES // 10


def test_damaged_archives_raise_nothing_but_the_one_error(tmp_path: Path, tree: Path) -> None:
    original = tar(
        member("lib/libc.so.6", b"libc" * 100),
        link("lib64/ld-linux-x86-64.so.2", "/lib/ld.so"),
        hard("lib/libm.so.6", "lib/libc.so.6"),
        member("usr/lib/" + "x" * 120 + "/libdl.so.2", b"dl"),
        member("usr/share/doc", type=tarfile.DIRTYPE),
    )
    chance = random.Random(f"tar {CASES}")
    refused = 0
    for _ in range(CASES):
        data = bytearray(mutated(chance, original))
        if chance.random() < 0.8:  # else most end at the first header's sum
            _mend_sums(data)
        refused += _refused(lambda: unpack_tar(io.BytesIO(data), tree, "p.deb"))  # noqa: B023
        assert [*tmp_path.glob("*"), *tmp_path.glob("a/*")] == [tmp_path / "a", tree]
        shutil.rmtree(tree)
        tree.mkdir()
    assert refused > CASES // 10


def _mend_sums(data: bytearray) -> None:
    for at in range(0, len(data) - 511, 512):
        if data[at + 257 : at + 262] == b"ustar":
            data[at + 148 : at + 156] = b" " * 8
            data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + 512])
