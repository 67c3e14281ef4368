from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.glibcs import Build, GlibcError, GlibcUnavailable, host, host_libc

SHOW = "from harness.glibcs import host; b = host(); print(b.version, b.loader)"


def test_it_is_the_glibc_this_process_runs_on(own: Build) -> None:
    said = os.confstr("CS_GNU_LIBC_VERSION")
    assert said == f"glibc {own.version}"
    mapped = Path("/proc/self/maps").read_text()
    assert f"{own.loader}\n" in mapped
    assert f"{own.libc}\n" in mapped
    assert own.origin == "host"
    assert own.names[1].startswith("libc.so.6")
    assert not any(path.is_symlink() for path in (path for _, path in own.files))


def test_it_is_found_when_the_loader_is_the_program(own: Build) -> None:
    command = [str(own.loader), os.path.realpath(sys.executable), "-P", "-c", SHOW]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == [own.version, str(own.loader)]


def _maps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *files: str) -> None:
    lines = [f"7f0000000000-7f0000001000 r--p 00000000 fe:00 1    {file}" for file in files]
    lines += ["7ffd00000000-7ffd00001000 rw-p 00000000 00:00 0    [stack]", "7f1-7f2 r 0 0 0"]
    (tmp_path / "maps").write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(host_libc, "_MAPS", tmp_path / "maps")


def test_a_musl_host_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _maps(tmp_path, monkeypatch, "/usr/bin/python3.12", "/lib/ld-musl-x86_64.so.1")
    with pytest.raises(GlibcUnavailable) as caught:
        host()
    assert "runs on musl (/lib/ld-musl-x86_64.so.1), not on glibc" in str(caught.value)
    assert caught.value.exit_status == 3


def test_a_python_without_glibc_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _maps(tmp_path, monkeypatch, "/usr/bin/python3.12")
    with pytest.raises(GlibcUnavailable, match=r"has no libc\.so\.6 of glibc loaded"):
        host()


def test_a_libc_replaced_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: Build
) -> None:
    files = [f"{own.libc} (deleted)", f"{own.loader} (deleted)"]
    _maps(tmp_path, monkeypatch, *files)
    assert host() == own
    _maps(tmp_path, monkeypatch, f"{tmp_path}/libc.so.6 (deleted)")
    with pytest.raises(GlibcError, match="cannot be read"):
        host()
