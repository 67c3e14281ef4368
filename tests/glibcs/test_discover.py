from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.glibcs import Build, GlibcError, find, from_directory
from harness.glibcs.emulators import installed
from tests.glibcs.making import elf

Make = Callable[..., Path]
LAYOUTS = [
    ("lib", None),
    ("lib64", None),
    ("usr/lib64", "lib64"),
    ("usr/lib/x86_64-linux-gnu", "usr/lib64"),
    ("lib/x86_64-linux-gnu", "lib64"),
    ("usr/lib/i386-linux-gnu", "lib"),
    ("opt/glibc-2.99/lib", None),
    ("", None),
]


@pytest.mark.parametrize(("libraries", "loader"), LAYOUTS)
def test_every_layout_is_found(tree: Make, own: Build, libraries: str, loader: str | None) -> None:
    root = tree(libraries, loader)
    found = from_directory(root)
    assert (found.version, found.arch) == (own.version, own.arch)
    assert found.origin == f"directory {root}"
    assert found.names == own.names
    assert found.loader == root / (libraries if loader is None else loader) / own.names[0]
    assert all(path.is_relative_to(root) for path in (path for _, path in found.files))
    assert from_directory(root) == found


def test_the_build_found_runs(tree: Make, own: Build) -> None:
    found = from_directory(tree("usr/lib/some-linux-gnu"))
    libraries = str(found.libc.parent)
    done = subprocess.run(
        [found.loader, "--library-path", libraries, found.libc],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"release version {own.version}." in done.stdout


def test_absolute_links_stay_inside(tree: Make, own: Build) -> None:
    root = tree("usr/lib/x86_64-linux-gnu", "real")
    (root / "lib64").mkdir()
    (root / "lib64" / own.names[0]).symlink_to(f"/real/{own.names[0]}")
    (root / "lib").symlink_to("/usr/lib")
    assert from_directory(root).loader == root / "real" / own.names[0]


@pytest.mark.parametrize(
    ("kept", "target"),
    [
        ("kept.so", "../../../../../../../kept.so"),
        ("lib/libc-2.30.so", "ROOT/lib/libc-2.30.so"),  # an install prefix, by its own path
        ("lib/libc-2.30.so", "/lib/libc-2.30.so"),
    ],
)
def test_links_stay_inside(tree: Make, kept: str, target: str) -> None:
    root = tree("lib")
    (root / "lib/libc.so.6").rename(root / kept)
    (root / "lib/libc.so.6").symlink_to(target.replace("ROOT", str(root)))
    assert from_directory(root).libc == root / kept


def test_a_link_to_the_host_is_refused(tree: Make, own: Build) -> None:
    root = tree("lib")
    (root / "lib/libc.so.6").unlink()
    (root / "lib/libc.so.6").symlink_to(own.libc)
    with pytest.raises(GlibcError, match=r"lib/libc\.so\.6 is a link to a file that is not in"):
        from_directory(root)


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_no_file_is_called_that(tree: Make, make: Callable[[Path], None]) -> None:
    root = tree("lib")
    (root / "lib/libc.so.6").unlink()
    make(root / "lib/libc.so.6")
    with pytest.raises(GlibcError, match=r"lib/libc\.so\.6 is not a regular file"):
        from_directory(root)


def test_a_current_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    with pytest.raises(GlibcError, match="the current folder is gone"):
        from_directory(".")
    monkeypatch.setenv("PATH", "/nonexistent")
    installed("s390x")  # doctor asks this


def test_links_in_a_circle_end(tree: Make) -> None:
    root = tree("usr/lib")
    (root / "lib").symlink_to("lib64")
    (root / "lib64").symlink_to("/lib")
    assert from_directory(root).libc == root / "usr/lib/libc.so.6"


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


LOADER = elf(soname="ld-linux-x86-64.so.2", needed=(), interpreter=None, content=b"")
NEWER = b"GNU C Library (made up) development release version 2.42.9000.\n"
MUSL = elf(soname="libc.musl-x86_64.so.1", versions=(), content=b"musl libc")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"etc/passwd": b""}, "no libc.so.6 in it; expected a root file system"),
        ({"lib/ld-musl-x86_64.so.1": MUSL}, "a musl tree (lib/ld-musl-x86_64.so.1); expected one"),
        ({"lib/libc.so.6": MUSL}, "lib/libc.so.6: musl's C library; expected glibc's libc.so.6"),
        ({"lib/libc.so.6": elf(soname="libfoo.so.1")}, "a library named libfoo.so.1; expected"),
        ({"lib/libc.so.6": b""}, "lib/libc.so.6: an empty file; expected glibc's"),
        ({"lib/libc.so.6": b"GROUP ( libc.so.6 )"}, "not an ELF file; expected glibc's"),
        ({"lib/libc.so.6": elf()[:-20]}, "cut short"),
        ({"lib/libc.so.6": elf(versions=())}, "defines no GLIBC_2.* symbols"),
        ({"lib/libc.so.6": elf(content=b"")}, "does not name its release; its symbols say"),
        (
            {"lib/libc.so.6": elf(versions=("GLIBC_2.2.5", "GLIBC_2.44"))},
            "says it is glibc 2.36 but defines GLIBC_2.44 symbols",
        ),
        (
            {"lib/libc.so.6": elf()},
            "glibc 2.36 without its dynamic loader; expected ld-linux-x86-64.so.2",
        ),
        (
            {"lib/libc.so.6": elf(), "lib64/ld-linux-x86-64.so.2": LOADER[:100]},
            "lib64/ld-linux-x86-64.so.2: an ELF file cut short",
        ),
        (
            {
                "lib/libc.so.6": elf(),
                "lib/ld-linux-x86-64.so.2": LOADER + b"ld.so (x) stable release version 2.41.\n",
            },
            "is of glibc 2.41, libc.so.6 of 2.36; expected both from one build",
        ),
        (
            {
                "lib/libc.so.6": elf(),
                "lib/ld-linux-x86-64.so.2": LOADER,
                "lib/libm.so.6": elf("arm64", soname="libm.so.6"),
            },
            "lib/libm.so.6: for arm64, but libc.so.6 is for amd64",
        ),
        (
            {"lib/libc.so.6": elf(), "lib32/libc.so.6": elf("i386")},
            "several glibcs (2.36 for amd64 in lib/libc.so.6, 2.36 for i386 in lib32/libc.so.6)",
        ),
    ],
)
def test_what_cannot_be_used_is_named_in_one_line(
    tmp_path: Path, files: dict[str, bytes], said: str
) -> None:
    with pytest.raises(GlibcError) as caught:
        from_directory(_write(tmp_path / "tree", files))
    assert said in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "tree"))
    assert "\n" not in str(caught.value)
    assert caught.value.exit_status == 2


def test_a_snapshot_defines_the_next_release_already(tmp_path: Path) -> None:
    libc = elf(versions=("GLIBC_2.2.5", "GLIBC_2.43"), content=NEWER)
    files = {"lib/libc.so.6": libc, "lib/ld-linux-x86-64.so.2": LOADER}
    assert from_directory(_write(tmp_path / "tree", files)).version == "2.42.9000"


def test_one_of_several_is_chosen_by_its_architecture(tmp_path: Path) -> None:
    files = {
        "lib/libc.so.6": elf(),
        "lib/ld-linux-x86-64.so.2": LOADER,
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
