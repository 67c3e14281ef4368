"""The cache's own files are not believed: whatever lies there costs no time and no traceback."""

import errno
import json
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.doctor import examine, glibcs
from harness.glibcs import Build, GlibcUnavailable, add, find, inventory, remove, stage
from harness.glibcs.cache import cached, clear_dead, damaged, making
from harness.glibcs.emulators import emulator_folders
from tests.conftest import Call
from tests.costs import calls_of

Make = Callable[..., Path]
Damage = Callable[[Path], object]


@pytest.fixture
def kept(tree: Make) -> Build:
    """A build in the cache, named mine."""
    return add(tree("lib"), "mine")


def _now(make: Callable[[Path], object]) -> Damage:
    """Puts something else in a place."""

    def change(path: Path) -> None:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        make(path)

    return change


_fifo, _folder, _file = _now(os.mkfifo), _now(Path.mkdir), _now(Path.touch)
_zero = _now(lambda path: path.symlink_to("/dev/zero"))


def _field(name: str, value: object) -> Damage:
    def change(path: Path) -> None:
        data = json.loads(path.read_text())
        data[name] = value
        path.write_text(json.dumps(data))

    return change


MANIFESTS: dict[str, Damage] = {
    "a FIFO": _fifo,
    "a link to /dev/zero": _zero,
    "a folder": _folder,
    "nothing": Path.unlink,
    "100,000 brackets": lambda path: path.write_text("[" * 100_000),
    "50,000 brackets": lambda path: path.write_text("[" * 50_000),
    "12,000 nested keys": lambda path: path.write_text('{"a":' * 12_000),
    "over-long": lambda path: path.write_text(path.read_text() + " " * 100_000),
    "a sparse file of a TiB": lambda path: os.truncate(path, 1 << 40),
    "no UTF-8": lambda path: path.write_bytes(b"\xff\xfe"),
    "true": lambda path: path.write_text("true"),
    "a list": lambda path: path.write_text("[]"),
    "a number of many digits": lambda path: path.write_text("9" * 50_000),
    "a key more": _field("more", 1),
    "another schema": _field("schema", [1]),
    "true for files": _field("files", True),
    "files of numbers": _field("files", [[1, 2, 3], [4, 5, 6]]),
    "files of the wrong length": _field("files", [["libc.so.6", 1]]),
    "a file outside": _field("files", [["../../x", 1, ""], ["libc.so.6", 1, ""]]),
    "a file of NUL": _field("files", [["a\0b", 1, ""], ["libc.so.6", 1, ""]]),
    "a file of infinity": _field("files", [["libc.so.6", float("inf"), ""]] * 2),
    "a million files": _field("files", [["libc.so.6", 1, ""]] * 1000),
    "true for the version": _field("version", True),
    "a dictionary for the name": _field("name", {"a": 1}),
    "null for the architecture": _field("arch", None),
    "a list for the suite": _field("suite", []),
    "another build's id": _field("id", "../other"),
    "a number of rows": _field("rows", 1),
    "rows of numbers": _field("rows", [1]),
    "an unknown row": _field("rows", ["\x1b[2J=true"]),
    "a row's wrong value": _field("rows", ["mptcp_known=1"]),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_may_hold_anything(kept: Build, cache: Path, name: str, call: Call) -> None:
    MANIFESTS[name](cache / "builds" / kept.id / "manifest.json")
    assert [entry.state for entry in inventory()].count("damaged") == 1
    assert [build.origin for build in find("all")] == ["host"]
    listed = call("glibc", "list")
    assert (listed.status, "damaged" in listed.out) == (0, True)
    ran = call("run", "--glibc", "mine", "seed-rule9-dual-stack")
    assert (ran.status, ran.err.count("\n")) == (2, 1)
    assert remove("all") == [kept.id]
    assert cached() == []


def test_a_library_of_the_cache_may_be_anything(kept: Build, cache: Path) -> None:
    for damage in (_file, _fifo, _zero, _folder, Path.rmdir):
        damage(kept.libc)
        assert (cached(), len(damaged())) == ([], 1)
    folder = cache / "builds" / kept.id
    folder.rename(folder.with_name("renamed"))
    assert (cached(), len(damaged())) == ([], 1)
    assert remove("renamed") == ["renamed"]


def _same_size(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGES: dict[str, tuple[str, Damage]] = {
    "a byte exchanged": ("lib/libc.so.6", _same_size),
    "a library cut short": ("lib/libc.so.6", lambda path: os.truncate(path, 100)),
    "a library missing": ("lib/libc.so.6", Path.unlink),
    "a library more": ("lib", lambda path: (path / "libgcc_s.so.1").write_bytes(b"x")),
    "a FIFO for the worker": ("worker", _fifo),
    "a link for the worker": ("worker", _zero),
    "another worker": ("worker", lambda path: path.write_bytes(b"a praogrm")),
    "no mount point": ("proc", Path.rmdir),
    "a file for a mount point": ("dev", _file),
    "an empty root": ("", _folder),
    "a file for the root": ("", _file),
    "a link for the root": ("", _now(lambda path: path.symlink_to("/"))),
}


def _content(root: Path) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() else None for path in root.rglob("*")}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_root_is_made_anew(kept: Build, program: Path, name: str) -> None:
    root = stage(kept, program)
    before, number = _content(root), root.lstat().st_ino
    assert stage(kept, program) == root
    assert root.lstat().st_ino == number  # a whole one is used again
    place, damage = DAMAGES[name]
    damage(root / place)
    assert stage(kept, program) == root
    assert not root.is_symlink()
    assert _content(root) == before


def test_junk_makes_no_command_slow(kept: Build, program: Path, cache: Path, call: Call) -> None:
    for folder in ("builds", "roots", "tmp", "locks"):
        for number in range(3000):
            (cache / folder / f"junk{number}.x").touch()
        for number in range(300):
            (cache / folder / f"folder{number}.x").mkdir()
    (cache / "qemu").mkdir(exist_ok=True)
    for number in range(3000):
        (cache / "qemu" / f"junk{number}").mkdir()

    def act() -> None:
        assert find("mine") == [kept]
        stage(kept, program)
        assert call("glibc", "list").status == 0

    assert calls_of(act) < 1_000_000


def test_only_what_a_dead_command_can_have_made_is_cleared(kept: Build, cache: Path) -> None:
    work = cache / "tmp"
    (cache / "locks" / "dead.lock").touch()
    (work / "dead.abcdefgh" / "deep").mkdir(parents=True)
    others = {"hosts", "dead.txt", "alien.abcdefgh"}  # of another form, and of no lock
    for name in others:
        (work / name).mkdir()
    with making("living") as living:
        clear_dead()
        assert {one.name for one in work.iterdir()} == {*others, living.name}
    assert {one.name for one in work.iterdir()} == others


@pytest.mark.parametrize("folder", ["builds", "roots", "tmp", "locks", "qemu"])
@pytest.mark.parametrize("damage", [_fifo, _zero, _file])
def test_a_folder_of_the_cache_may_be_anything(
    cache: Path, tree: Make, folder: str, damage: Damage, call: Call
) -> None:
    cache.mkdir()
    (cache / folder).touch()
    damage(cache / folder)
    assert call("glibc", "list").status == 0
    done = call("glibc", "add", tree("lib"), "--name", "mine")
    assert done.status in (2, 3)
    assert (done.err.count("\n"), str(cache) in done.err) == (1, True)


@pytest.mark.usefixtures("kept")
def test_a_cache_others_may_write_in_is_refused(cache: Path, call: Call) -> None:
    cache.chmod(0o1777)
    with pytest.raises(GlibcUnavailable, match=r"may be written by every user.*GAI_HARNESS_CACHE"):
        find("mine")
    for line in (["glibc", "list"], ["run", "--glibc", "mine", "seed-rule9-dual-stack"]):
        done = call(*line)
        assert (done.status, "may be written by every user" in done.err) == (3, True)
    (check,) = examine(row for row in glibcs.ROWS if row.topic == "cache folder")
    assert "may be written by every user" in check.found


def test_a_full_cache_is_named(cache: Path) -> None:
    """Not the file that was copied, which has room enough, nor nothing at all."""
    said = rf"the cache folder {cache} cannot hold more \(No space left.*GAI_HARNESS_CACHE"
    with pytest.raises(GlibcUnavailable, match=said), making("something"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/opt/glibc/lib/libc.so.6")
    with pytest.raises(PermissionError), making("something"):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))


def test_a_cache_in_a_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (gone := tmp_path / "gone").mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    monkeypatch.setenv("GAI_HARNESS_CACHE", "cache")
    with pytest.raises(GlibcUnavailable, match="below a current folder that is gone"):
        find("mine")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a folder away")
def test_another_users_cache_is_refused(kept: Build, cache: Path) -> None:
    os.chown(cache, -1, 12345)
    find("mine")
    cache.chmod(0o775)
    with pytest.raises(GlibcUnavailable, match="may be written by the group 12345"):
        find("mine")
    cache.chmod(0o755)
    os.chown(cache, 12345, -1)
    with pytest.raises(GlibcUnavailable, match="belongs to the user 12345"):
        find("mine")
    os.chown(cache, 0, -1)
    assert find("mine") == [kept]


def test_a_cache_is_made_for_its_owner_whatever_the_umask(tree: Make, cache: Path) -> None:
    old = os.umask(0)
    try:
        build = add(tree("lib"), "mine")
    finally:
        os.umask(old)
    assert find("mine") == [build]
    for path in (cache, cache / "builds", cache / "tmp"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o022 == 0


def test_no_link_in_place_of_a_folder_is_followed(tmp_path: Path, cache: Path) -> None:
    (victim := tmp_path / "victim").mkdir()
    (victim / "inside").mkdir()
    (cache / "locks").mkdir(parents=True)
    for name in ("tmp", "qemu"):
        (cache / name).symlink_to(victim)
        clear_dead()
        assert emulator_folders() == []
        with pytest.raises(GlibcUnavailable, match=f"its folder {name} is a link"), making("key"):
            pass
        assert [one.name for one in victim.iterdir()] == ["inside"]
        (cache / name).unlink()
    (cache / "qemu/own").mkdir(parents=True)
    (cache / "qemu/led").symlink_to(victim / "inside")
    assert emulator_folders() == [cache / "qemu/own"]


def test_no_build_of_the_cache_is_all_of_them(kept: Build, cache: Path) -> None:
    manifest = cache / "builds" / kept.id / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"mine"', '"all"'))
    assert [one.name for one in cached()] == ["all"]
    assert len(find("all")) > 1  # the host's too
