"""Libraries that are read: of a directory, of this process, and any ELF file."""

import mmap
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.glibcs import Build, GlibcError, GlibcUnavailable, find, from_directory, host
from harness.glibcs.elf import ElfError, read_elf, read_elf_file
from harness.glibcs.emulators import installed
from harness.versions import ARCHITECTURES
from tests.e2e.kit import start
from tests.glibcs.making import elf

Make = Callable[..., Path]


@pytest.mark.parametrize(("libraries", "loader"), [
    ("lib", None), ("lib64", None), ("usr/lib64", "lib64"), ("opt/glibc-2.99/lib", None),
    ("usr/lib/x86_64-linux-gnu", "usr/lib64"), ("lib/x86_64-linux-gnu", "lib64"),
    ("usr/lib/i386-linux-gnu", "lib"), ("", None),
])  # fmt: skip
def test_every_layout_is_found(tree: Make, own: Build, libraries: str, loader: str | None) -> None:
    root = tree(libraries, loader)
    found = from_directory(root)
    assert (found.version, found.arch) == (own.version, own.arch)
    assert found.origin == f"directory {root}"
    assert found.names == own.names
    assert found.loader == root / (libraries if loader is None else loader) / own.names[0]
    assert all(path.is_relative_to(root) for _, path in found.files)
    assert from_directory(root) == found


@pytest.mark.parametrize(("kept", "target"), [
    ("kept.so", "../../../../../../../kept.so"),
    ("lib/libc-2.30.so", "ROOT/lib/libc-2.30.so"),  # an install prefix, by its own path
    ("lib/libc-2.30.so", "/lib/libc-2.30.so"),
])  # fmt: skip
def test_links_stay_inside(tree: Make, kept: str, target: str) -> None:
    root = tree("lib")
    (root / "lib/libc.so.6").rename(root / kept)
    (root / "lib/libc.so.6").symlink_to(target.replace("ROOT", str(root)))
    assert from_directory(root).libc == root / kept


def test_links_of_folders_may_be_absolute_and_go_in_circles(tree: Make, own: Build) -> None:
    root = tree("usr/lib/x86_64-linux-gnu", "real")
    (root / "lib64").mkdir()
    (root / "lib64" / own.names[0]).symlink_to(f"/real/{own.names[0]}")
    (root / "lib").symlink_to("/usr/lib")
    assert from_directory(root).loader == root / "real" / own.names[0]
    root = tree("usr/lib", name="circle")
    (root / "lib").symlink_to("lib64")
    (root / "lib64").symlink_to("/lib")
    assert from_directory(root).libc == root / "usr/lib/libc.so.6"


@pytest.mark.parametrize(("make", "said"), [
    (os.mkdir, r"lib/libc\.so\.6 is not a regular file"),
    (os.mkfifo, r"lib/libc\.so\.6 is not a regular file"),
    (lambda path: path.symlink_to(host().libc), r"is a link to a file that is not in"),
])  # fmt: skip
def test_what_is_no_file_of_the_tree(tree: Make, make: Callable[[Path], object], said: str) -> None:
    libc = tree("lib") / "lib/libc.so.6"
    libc.unlink()
    make(libc)
    with pytest.raises(GlibcError, match=said):
        from_directory(libc.parents[1])


def test_a_current_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder := tmp_path / "gone").mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    with pytest.raises(GlibcError, match="the current folder is gone"):
        from_directory(".")
    monkeypatch.setenv("PATH", "/nonexistent")
    installed("s390x")  # doctor asks this


def test_one_glibc_reached_in_two_ways_is_one(tree: Make, own: Build) -> None:
    root = tree("usr/lib")
    (root / "lib").symlink_to("usr/lib")
    shutil.copytree(root / "usr/lib", root / "lib64")  # an image unpacked without its links
    assert from_directory(root).version == own.version


def test_modules_that_are_files_of_their_own_are_taken(tree: Make) -> None:
    root = tree("lib")
    shutil.copy(root / "lib/libresolv.so.2", root / "lib/libnss_files-2.31.so")
    (root / "lib/libnss_files.so.2").unlink()
    (root / "lib/libnss_files.so.2").symlink_to("libnss_files-2.31.so")
    found = dict(from_directory(root).files)
    assert found["libnss_files.so.2"] == root / "lib/libnss_files-2.31.so"


def _write(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


LIBC = "lib/libc.so.6"
LD = "lib/ld-linux-x86-64.so.2"
LOADER = elf(soname="ld-linux-x86-64.so.2", needed=(), interpreter=None, content=b"")
LOADER_241 = LOADER + b"ld.so (x) stable release version 2.41.\n"
NEWER = b"GNU C Library (made up) development release version 2.42.9000.\n"
BANNER_231 = b"GNU C Library (made up) stable release version 2.31.\n"
OLD = elf(versions=("GLIBC_2.31",), content=BANNER_231)
MUSL = elf(soname="libc.musl-x86_64.so.1", versions=(), content=b"musl libc")


@pytest.mark.parametrize(("files", "said"), [
    ({"etc/passwd": b""}, "no libc.so.6 in it; expected a root file system"),
    ({"lib/ld-musl-x86_64.so.1": MUSL}, "a musl tree (lib/ld-musl-x86_64.so.1); expected one"),
    ({LIBC: MUSL}, "lib/libc.so.6: musl's C library; expected glibc's libc.so.6"),
    ({LIBC: elf(soname="libfoo.so.1")}, "a library named libfoo.so.1; expected"),
    ({LIBC: b""}, "lib/libc.so.6: an empty file; expected glibc's"),
    ({LIBC: b"GROUP ( libc.so.6 )"}, "not an ELF file; expected glibc's"),
    ({LIBC: b"\x7fELF" + bytes(60)}, "unknown class"),
    ({LIBC: elf()[:-20]}, "cut short"),
    ({LIBC: elf(versions=())}, "defines no GLIBC_2.* symbols"),
    ({LIBC: elf(content=b"")}, "does not name its release; its symbols say"),
    ({LIBC: elf(versions=("GLIBC_2.2.5", "GLIBC_2.44"))},
     "says it is glibc 2.36 but defines GLIBC_2.44 symbols"),
    ({LIBC: elf()}, "glibc 2.36 without its dynamic loader; expected ld-linux-x86-64.so.2"),
    ({LIBC: elf(), "lib64/ld-linux-x86-64.so.2": LOADER[:100]},
     "lib64/ld-linux-x86-64.so.2: an ELF file cut short"),
    ({LIBC: elf(), LD: LOADER_241},
     "is of glibc 2.41, libc.so.6 of 2.36; expected both from one build"),
    ({LIBC: elf(), LD: LOADER, "lib/libm.so.6": elf("arm64", soname="libm.so.6")},
     "lib/libm.so.6: for arm64, but libc.so.6 is for amd64"),
    ({LIBC: OLD, LD: LOADER, "lib/libnss_files.so.2": elf(soname="libnss_files.so.2")},
     "glibc 2.31 without libnss_dns, libresolv; expected beside libc.so.6"),
    ({"config.status": b"", "elf/ld.so": LOADER}, "glibc was built here and is not installed"),
    ({"config.status": b"", "libc.so": elf(), "libc.so.6": elf(), LD: LOADER},
     "tree install DESTDIR="),
    ({LIBC: elf(), "lib32/libc.so.6": elf("i386")},
     "several glibcs (2.36 for amd64 in lib/libc.so.6, 2.36 for i386 in lib32/libc.so.6)"),
])  # fmt: skip
def test_the_unusable_is_one_line(tmp_path: Path, files: dict[str, bytes], said: str) -> None:
    with pytest.raises(GlibcError) as caught:
        from_directory(_write(tmp_path / "tree", files))
    assert said in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "tree"))
    assert "\n" not in str(caught.value)
    assert caught.value.exit_status == 2


def test_a_snapshot_defines_the_next_release_already(tmp_path: Path) -> None:
    libc = elf(versions=("GLIBC_2.2.5", "GLIBC_2.43"), content=NEWER)
    assert from_directory(_write(tmp_path, {LIBC: libc, LD: LOADER})).version == "2.42.9000"


@pytest.mark.parametrize(("vendor", "rows"), [
    (b"GNU libc", ("absent_hosts_is_no_data=true",)), (b"Debian GLIBC 2.36-9+deb12u10", ()),
    (b"Ubuntu GLIBC 2.36-0ubuntu4", ()),
])  # fmt: skip
def test_debians_patch_is_told_by_the_banner(
    tmp_path: Path, vendor: bytes, rows: tuple[str, ...]
) -> None:
    libc = elf(content=b"GNU C Library (%b) stable release version 2.36.\n" % vendor)
    assert from_directory(_write(tmp_path, {LIBC: libc, LD: LOADER})).rows == rows


def test_one_of_several_is_chosen_by_its_architecture(tmp_path: Path) -> None:
    files = {
        LIBC: elf(),
        LD: LOADER,
        "usr/lib/arm-linux-gnueabihf/libc.so.6": elf("armhf", needed=("ld-linux-armhf.so.3",)),
        "usr/lib/ld-linux-armhf.so.3": elf("armhf", soname="ld-linux-armhf.so.3", content=b""),
    }
    root = _write(tmp_path / "tree", files)
    assert from_directory(root, "amd64").arch == "amd64"
    assert from_directory(root, "armhf").names[0] == "ld-linux-armhf.so.3"
    with pytest.raises(GlibcError, match=r"no glibc for s390x; found 2\.36 for amd64 in"):
        from_directory(root, "s390x")
    assert [build.arch for build in find(f"{root}:armhf")] == ["armhf"]
    with pytest.raises(GlibcError, match=r"several glibcs .*expected one \(FOLDER:ARCH names it"):
        find(str(root))
    with pytest.raises(GlibcError, match="does not exist"):
        find(f"{root}x:armhf")


def test_a_colon_may_be_the_names_own(tree: Make) -> None:
    root = tree("usr/lib", name="tree:1")
    assert find(str(root))[0].origin == f"directory {root}"


def test_a_path_that_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name, said in (("missing", "does not exist"), ("file", "is not a directory")):
        with pytest.raises(GlibcError, match=f"{said}; expected a directory"):
            from_directory(tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_folders_that_cannot_be_read_are_passed_over(tree: Make, own: Build) -> None:
    root = tree("usr/lib")
    (root / "lib").mkdir(mode=0)
    assert from_directory(root).version == own.version


# --- the host's


def test_it_is_the_glibc_this_process_runs_on(own: Build) -> None:
    assert os.confstr("CS_GNU_LIBC_VERSION") == f"glibc {own.version}"
    mapped = Path("/proc/self/maps").read_text()
    assert f"{own.loader}\n" in mapped
    assert f"{own.libc}\n" in mapped
    assert own.origin == "host"
    assert own.names[1].startswith("libc.so.6")
    assert not any(path.is_symlink() for _, path in own.files)


def test_it_is_the_one_python_was_started_under(tree: Make, own: Build) -> None:
    folder = tree("lib") / "lib"
    show = "from harness.glibcs import host; b = host(); print(b.version, b.loader)"
    python = os.path.realpath(sys.executable), "-P", "-c", show
    path = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = start(folder / own.names[0], "--library-path", folder, *python, env=path, check=True)
    assert done.stdout.split() == [own.version, str(folder / own.names[0])]


@pytest.fixture
def maps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Call it with files: they are what this process has mapped."""

    def write(*files: str) -> None:
        lines = [f"7f0000000000-7f0000001000 r-xp 00000000 fe:00 1    {file}" for file in files]
        lines += ["7ffd00000000-7ffd00001000 rw-p 00000000 00:00 0    [stack]", "7f1-7f2 r 0 0 0"]
        (tmp_path / "maps").write_text("\n".join(lines) + "\n")
        monkeypatch.setattr("harness.glibcs.host_libc._MAPS", tmp_path / "maps")

    return write


def test_a_host_without_glibc_is_named(maps: Callable[..., None]) -> None:
    maps("/usr/bin/python3.12", "/lib/ld-musl-x86_64.so.1")
    with pytest.raises(GlibcUnavailable, match=r"runs on musl \(/lib/ld-musl-x86_64.so.1\), not"):
        host()
    maps("/usr/bin/python3.12")
    with pytest.raises(GlibcUnavailable, match=r"has no libc\.so\.6 of glibc loaded") as caught:
        host()
    assert caught.value.exit_status == 3


def test_a_libc_replaced_meanwhile(maps: Callable[..., None], tmp_path: Path, own: Build) -> None:
    maps(f"{own.libc} (deleted)", f"{own.loader} (deleted)")
    assert host() == own
    maps(f"{tmp_path}/libc.so.6 (deleted)")
    with pytest.raises(GlibcError, match="cannot be read"):
        host()


def test_a_libc_that_is_only_read_is_not_its_own(tree: Make, own: Build) -> None:
    other = tree("lib") / "lib/libc.so.6"
    with other.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ):
        assert f"{other}\n" in Path("/proc/self/maps").read_text()
        assert host() == own


# --- ELF files


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_class_and_byte_order_is_read(arch: str) -> None:
    found = read_elf(elf(arch))
    assert (found.arch, found.soname) == (arch, "libc.so.6")
    assert found.needed == ("ld-linux-x86-64.so.2",)
    assert found.interpreter == "/lib64/ld-linux-x86-64.so.2"
    assert found.versions == ("libc.so.6", "GLIBC_2.2.5", "GLIBC_2.36")


@pytest.mark.parametrize("arch", ["amd64", "i386", "s390x"])
def test_a_file_cut_anywhere_is_refused(arch: str) -> None:
    whole = elf(arch)
    for length in range(len(whole)):
        with pytest.raises(ElfError):
            read_elf(whole[:length])


@pytest.mark.needs("readelf", "binutils")
def test_readelf_agrees(own: Build) -> None:
    found, data = read_elf_file(own.libc)
    said = start("readelf", "-dV", own.libc, check=True).stdout
    assert found.needed
    assert any(name.startswith("GLIBC_2.") for name in found.versions)
    assert all(name in said for name in found.versions)
    assert all(f"Shared library: [{name}]" in said for name in found.needed)
    assert f"Library soname: [{found.soname}]" in said
    assert len(data) == own.libc.stat().st_size
