"""What a started Python and program may find, when the current folder is somebody else's."""

import os
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import pytest

import harness
from harness.sandbox import Pool, programs

STDLIB = sysconfig.get_path("stdlib")
JOBS = "def where(box, spec):\n    import sys\n    yield list(sys.path)\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_modules_come_from_the_standard_library_first(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = here / "added"
    added.mkdir()
    through = here / "link"
    through.symlink_to(here)
    path = ["", ".", "added", str(here), str(through), str(added), STDLIB]
    monkeypatch.setattr(sys, "path", path)
    package = str(Path(harness.__file__).parents[1])
    assert programs.module_path() == [STDLIB, str(added), package]


def test_a_folder_that_has_gone_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    monkeypatch.syspath_prepend(str(gone))
    assert STDLIB in programs.module_path()


def test_a_job_of_the_current_folder_is_found_behind_all_others(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script's own modules; the caller has imported them from there already."""
    (here / "jobs_of_mine.py").write_text(JOBS)
    for name in ("json", "pickle", "selectors"):
        (here / f"{name}.py").write_text("raise SystemExit(9)")
    monkeypatch.syspath_prepend(str(here))
    module: ModuleType = __import__("jobs_of_mine")
    monkeypatch.setattr(module, "__file__", str(here / "jobs_of_mine.py"))
    with Pool() as pool:
        ((*others, last),) = pool.run(module.where, None)
    assert last == str(here)
    assert not {"", ".", str(here)} & set(others)


def test_programs_are_looked_for_in_absolute_folders_only(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "bin").mkdir()
    for place in (here, here / "bin"):
        (place / "gai-tool").touch(0o755)
    monkeypatch.setenv("PATH", ":.:bin:")
    monkeypatch.setenv("LD_LIBRARY_PATH", f":{here}:lib")
    monkeypatch.setenv("PYTHONPATH", ":.")
    assert programs.find("gai-tool") is None
    given = programs.environment()
    assert (given["PATH"], given["LD_LIBRARY_PATH"]) == ("", str(here))
    assert "PYTHONPATH" not in given
    monkeypatch.setenv("PATH", f":{here / 'bin'}")
    assert programs.find("gai-tool") == str(here / "bin/gai-tool")
    monkeypatch.delenv("PATH")
    assert programs.find("sh") == "/bin/sh" or not os.path.lexists("/bin/sh")
