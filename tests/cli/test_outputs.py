"""Output files are written whole or not at all, and never over what is read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.cli.outputs import spare, whole
from harness.cli.parser import UsageError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_there_only_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "report"
    with whole(str(target)) as stream:
        stream.write("a")
        stream.flush()
        assert names(tmp_path) == []  # nothing to leave behind, whatever ends the process
    assert target.read_text() == "a"
    assert names(tmp_path) == ["report"]


def written_half(target: Path, trouble: type[BaseException]) -> None:
    with whole(str(target)) as stream:
        stream.write("new")
        raise trouble


@pytest.mark.parametrize("trouble", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_what_was_there_stays_when_something_fails(
    tmp_path: Path, trouble: type[BaseException]
) -> None:
    target = tmp_path / "report"
    target.write_text("old")
    with pytest.raises(trouble):
        written_half(target, trouble)
    assert target.read_text() == "old"
    assert names(tmp_path) == ["report"]


def test_a_link_stays_a_link_and_permissions_stay(tmp_path: Path) -> None:
    target, link = tmp_path / "report", tmp_path / "link"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to("report")
    with whole(str(link)) as stream:
        stream.write("new")
    assert link.is_symlink()
    assert (target.read_text(), target.stat().st_mode & 0o777) == ("new", 0o640)


def test_a_new_file_has_the_permissions_of_any_other(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    with whole(str(tmp_path / "report")):
        pass
    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_devices_and_pipes_are_written_to(tmp_path: Path) -> None:
    with whole("/dev/null") as stream:
        stream.write("x")
    assert not Path("/dev/null").is_file()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with whole(str(pipe)) as stream:
            stream.write("through")
        assert os.read(reader, 100) == b"through"
    finally:
        os.close(reader)


def test_a_pipe_is_known_by_whichever_name() -> None:
    """What /dev/stdout and a shell's >(…) lead to has no path of its own."""
    reading, writing = os.pipe()
    name = f"/dev/fd/{writing}"
    spare([name, name], [])
    with whole(name) as stream:
        stream.write("through")
    os.close(writing)
    with os.fdopen(reading) as reader:
        assert reader.read() == "through"


@pytest.mark.parametrize("trouble", [ValueError, PermissionError, BrokenPipeError])
def test_what_fails_while_a_device_is_written_is_not_its_fault(
    trouble: type[BaseException],
) -> None:
    with pytest.raises(trouble):
        written_half(Path("/dev/null"), trouble)


def test_a_folder_that_goes_away_meanwhile_is_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(UsageError, match="cannot be written: No such"), whole(f"{folder}/a"):
        folder.rmdir()


def test_any_text_can_be_written(tmp_path: Path) -> None:
    with whole(str(tmp_path / "report")) as stream:
        stream.write("\udcff\n")
    assert (tmp_path / "report").read_text() == "\\udcff\n"


@pytest.mark.parametrize("name", ["", "folder", "folder/", "missing/report", "a\0b", "x" * 300])
def test_what_cannot_be_written_is_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match="cannot be written") as raised, whole(name):
        pass
    assert "\n" not in str(raised.value)
    assert names(tmp_path) == ["folder"]


def test_a_folder_of_ones_own_that_is_gone_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    with pytest.raises(UsageError, match="report: cannot be written: No such"):
        spare(["report"], [])
    with pytest.raises(UsageError, match="report: cannot be written: No such"), whole("report"):
        pass


def test_inputs_and_other_outputs_are_spared(tmp_path: Path) -> None:
    (tmp_path / "in").touch()
    (tmp_path / "link").symlink_to("in")
    source, other = str(tmp_path / "in"), str(tmp_path / "out")
    spare([other, "/dev/null", "/dev/null"], [source, "library", "a\0b"])
    with pytest.raises(UsageError, match="is read here"):
        spare([str(tmp_path / "link")], [source])
    with pytest.raises(UsageError, match="is written twice"):
        spare([other, f"{tmp_path}/./out"], [])
