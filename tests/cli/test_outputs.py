"""Output files are written whole or not at all, and never over what is read."""

import os
from pathlib import Path

import pytest

from harness.cli.outputs import spare, whole
from harness.cli.parser import UsageError
from tests.conftest import Patch


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_there_only_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "report"
    with whole(str(target)) as stream:
        stream.write("a\udcff")
        stream.flush()
        assert names(tmp_path) == []  # nothing to leave behind, whatever ends the process
    assert target.read_text() == "a\\udcff"
    assert names(tmp_path) == ["report"]


@pytest.mark.parametrize(
    "trouble",
    [RuntimeError, KeyboardInterrupt, SystemExit, ValueError, PermissionError, BrokenPipeError],
)
@pytest.mark.parametrize("name", ["report", "/dev/null"])
def test_what_fails_meanwhile_is_told_as_it_is_and_what_was_there_stays(
    tmp_path: Path, trouble: type[BaseException], name: str
) -> None:
    (tmp_path / "report").write_text("old")
    with pytest.raises(trouble), whole(str(tmp_path / name)) as stream:  # noqa: PT012
        stream.write("new")
        raise trouble
    assert (tmp_path / "report").read_text() == "old"
    assert names(tmp_path) == ["report"]


def test_a_link_stays_a_link_and_permissions_are_those_of_before_or_usual(tmp_path: Path) -> None:
    target, link, usual = (tmp_path / name for name in ("report", "link", "usual"))
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to("report")
    usual.touch()
    for path in (link, tmp_path / "new"):
        with whole(str(path)) as stream:
            stream.write("new")
    assert link.is_symlink()
    assert (target.read_text(), target.stat().st_mode & 0o777) == ("new", 0o640)
    assert (tmp_path / "new").stat().st_mode == usual.stat().st_mode


def test_devices_and_pipes_are_written_to_by_whichever_name(tmp_path: Path) -> None:
    """What /dev/stdout and a shell's >(…) lead to has no path of its own."""
    os.mkfifo(tmp_path / "pipe")
    named = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    reading, writing = os.pipe()
    for name, reader in ((str(tmp_path / "pipe"), named), (f"/dev/fd/{writing}", reading)):
        spare([name, name], [])
        with whole(name) as stream:
            stream.write("through")
        assert os.read(reader, 100) == b"through"
    for descriptor in (named, reading, writing):
        os.close(descriptor)
    with whole("/dev/null") as stream:
        stream.write("x")
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize("name", ["", "folder", "folder/", "missing/report", "a\0b", "x" * 300])
def test_what_cannot_be_written_is_one_line(name: str, tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match="cannot be written") as raised, whole(name):
        pass
    assert "\n" not in str(raised.value)
    assert names(tmp_path) == ["folder"]


def test_a_folder_that_is_gone_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with pytest.raises(UsageError, match="cannot be written: No such"), whole("a"):
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
