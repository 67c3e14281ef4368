"""The cache's own files are not believed: whatever lies there costs no time and no traceback."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.doctor import examine, glibcs
from harness.glibcs import Build, GlibcUnavailable, add, find, inventory, remove, stage
from harness.glibcs.cache import cached, clear_dead, making
from tests.glibcs.conftest import calls_of

Make = Callable[..., Path]
Damage = Callable[[Path], object]


@pytest.fixture
def kept(tree: Make) -> Build:
    """A build in the cache, named mine."""
    return add(tree("lib"), "mine")


@pytest.fixture
def worker(tmp_path: Path) -> Path:
    path = tmp_path / "worker"
    path.write_bytes(b"a program")
    return path


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _zero(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _empty(path: Path) -> None:
    path.write_bytes(b"")


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
    "20,000 nested keys": lambda path: path.write_text('{"a":' * 12_000),
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
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_may_hold_anything(
    kept: Build, cache: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    MANIFESTS[name](cache / "builds" / kept.id / "manifest.json")
    assert [entry.state for entry in inventory()].count("damaged") == 1
    assert [build.origin for build in find("all")] == ["host"]
    assert main(["glibc", "list"]) == 0
    assert "damaged" in capsys.readouterr().out
    assert main(["run", "--glibc", "mine", "seed-rule9-dual-stack"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert remove("all") == [kept.id]
    assert cached() == []


@pytest.mark.parametrize("damage", [_fifo, _zero, _folder, Path.unlink, _empty])
def test_a_library_of_the_cache_may_be_anything(kept: Build, damage: Damage) -> None:
    damage(kept.libc)
    assert [one.build for one in cached()] == [None]


def test_a_build_in_another_place_is_damaged(kept: Build, cache: Path) -> None:
    folder = cache / "builds" / kept.id
    folder.rename(folder.with_name("renamed"))
    assert [one.build for one in cached()] == [None]
    assert remove("renamed") == ["renamed"]


def _same_size(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _replaced(path: Path, by: Callable[[Path], object]) -> None:
    shutil.rmtree(path)
    by(path)


DAMAGES: dict[str, tuple[str, Damage]] = {
    "a byte exchanged": ("lib/libc.so.6", _same_size),
    "a library cut short": ("lib/libc.so.6", lambda path: os.truncate(path, 100)),
    "a library missing": ("lib/libc.so.6", Path.unlink),
    "a library more": ("lib", lambda path: (path / "libgcc_s.so.1").write_bytes(b"x")),
    "a FIFO for the worker": ("worker", _fifo),
    "a link for the worker": ("worker", _zero),
    "another worker": ("worker", lambda path: path.write_bytes(b"a praogrm")),
    "no mount point": ("proc", Path.rmdir),
    "a file for a mount point": ("dev", lambda path: _replaced(path, Path.touch)),
    "an empty root": ("", lambda path: _replaced(path, Path.mkdir)),
    "a file for the root": ("", lambda path: _replaced(path, Path.touch)),
    "a link for the root": ("", lambda path: _replaced(path, lambda at: at.symlink_to("/"))),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_root_is_made_anew(kept: Build, worker: Path, name: str) -> None:
    root = stage(kept, worker)
    before = _content(root)
    number = root.lstat().st_ino
    assert stage(kept, worker) == root
    assert root.lstat().st_ino == number  # a whole one is used again
    place, damage = DAMAGES[name]
    damage(root / place)
    assert stage(kept, worker) == root
    assert not root.is_symlink()
    assert _content(root) == before


def _content(root: Path) -> dict[str, Any]:
    return {
        str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
        for path in root.rglob("*")
    }


def test_junk_makes_no_command_slow(
    kept: Build, worker: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("builds", "roots", "tmp", "locks"):
        for number in range(3000):
            (cache / folder / f"junk{number}.x").touch()
        for number in range(300):
            (cache / folder / f"folder{number}.x").mkdir()
    (cache / "qemu").mkdir()
    for number in range(3000):
        (cache / "qemu" / f"junk{number}").mkdir()

    def act() -> None:
        assert find("mine") == [kept]
        stage(kept, worker)
        assert main(["glibc", "list"]) == 0

    assert calls_of(act) < 1_000_000
    capsys.readouterr()


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


@pytest.mark.parametrize("folder", ["builds", "roots", "tmp", "locks"])
@pytest.mark.parametrize("damage", [_fifo, _zero, Path.exists])
def test_a_folder_of_the_cache_may_be_anything(
    cache: Path, tree: Make, folder: str, damage: Damage, capsys: pytest.CaptureFixture[str]
) -> None:
    cache.mkdir()
    (cache / folder).touch()
    damage(cache / folder)
    assert main(["glibc", "list"]) == 0
    assert main(["glibc", "add", str(tree("lib")), "--name", "mine"]) in (2, 3)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(cache) in said


def test_a_cache_others_may_write_in_is_refused(
    kept: Build, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache.chmod(0o1777)
    with pytest.raises(GlibcUnavailable, match=r"may be written by every user.*GAI_HARNESS_CACHE"):
        find("mine")
    for line in (["glibc", "list"], ["run", "--glibc", "mine", "seed-rule9-dual-stack"]):
        assert main(line) == 3
        assert "may be written by every user" in capsys.readouterr().err
    (check,) = examine(row for row in glibcs.ROWS if row.topic == "cache folder")
    assert "may be written by every user" in check.found


def test_a_cache_below_a_folder_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
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


def test_a_link_in_the_place_of_the_work_folder_is_not_followed(
    tmp_path: Path, cache: Path
) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "kept.conf").touch()
    (cache / "locks").mkdir(parents=True)
    (cache / "tmp").symlink_to(victim)
    clear_dead()
    assert [one.name for one in victim.iterdir()] == ["kept.conf"]
    with pytest.raises(GlibcUnavailable, match="its folder tmp is a link"), making("key"):
        pass
    assert [one.name for one in victim.iterdir()] == ["kept.conf"]
