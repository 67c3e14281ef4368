from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from harness.glibcs import GlibcUnavailable, catalogue
from harness.glibcs.catalog import Distribution, distributions, host_distribution, package_name
from harness.glibcs.sources import Source, choose, host_sources, parse_deb822, parse_one_line
from harness.versions import is_version

DEBIAN = distributions()["debian"]
UBUNTU = distributions()["ubuntu"]
MAIN = "http://mirror.test/debian"


def test_the_one_line_format() -> None:
    text = f"""
# deb {MAIN} bullseye main
deb {MAIN}/ bookworm main contrib  # a remark
deb-src {MAIN} bookworm main
  deb [ arch=amd64,i386 signed-by=/k/a.gpg,/k/b.gpg trusted=yes ] {MAIN} trixie main
deb cdrom:[Debian 12 _Bookworm_]/ bookworm main
deb {MAIN} ./
deb
"""
    assert list(parse_one_line(text)) == [
        Source(f"{MAIN}/", ("bookworm",), ("main", "contrib")),
        Source(MAIN, ("trixie",), ("main",), "/k/a.gpg /k/b.gpg", ("amd64", "i386")),
        Source(MAIN, ("./",), ()),
    ]


def test_the_deb822_format() -> None:
    text = f"""# a remark
Types: deb deb-src
URIs: {MAIN}
 http://second.test/debian
# within
Suites: bookworm bookworm-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
URIs: {MAIN}
Suites: sid
Enabled: no


types: deb-src
URIs: {MAIN}
Suites: sid
"""
    only, second = parse_deb822(text)
    assert (only.uri, second.uri) == (MAIN, "http://second.test/debian")
    assert only.suites == ("bookworm", "bookworm-updates")
    assert only.signed_by.splitlines()[1:3] == [" -----BEGIN PGP PUBLIC KEY BLOCK-----", " ."]


def _source(uri: str, suites: str, components: str = "main", arches: str = "") -> Source:
    return Source(uri, tuple(suites.split()), tuple(components.split()), "", tuple(arches.split()))


@pytest.mark.parametrize(
    ("distribution", "suite", "arch", "sources", "expected"),
    [
        (DEBIAN, "trixie", "amd64", [("vendor", "nodistro"), ("a", "bookworm x-updates")], ["a"]),
        (DEBIAN, "trixie", "amd64", [("sec", "bookworm-security"), ("a", "bookworm")], ["a"]),
        (DEBIAN, "trixie", "amd64", [("old", "bookworm/updates"), ("a", "stable")], ["a"]),
        (DEBIAN, "bullseye", "amd64", [("a", "bookworm"), ("archive", "bullseye")], ["archive"]),
        (DEBIAN, "trixie", "amd64", [("a", "bookworm", "contrib"), ("b", "bookworm")], ["b"]),
        (DEBIAN, "trixie", "amd64", [("v", "nodistro"), ("s", "bookworm-security")], []),
        (UBUNTU, "noble", "arm64", [("a", "jammy", "main", "amd64"), ("b", "jammy")], ["b"]),
        (UBUNTU, "noble", "arm64", [("a", "jammy", "main", "amd64")], ["a"]),
        (UBUNTU, "noble", "amd64", [("a", "jammy-updates"), ("b", "jammy")], ["b"]),
    ],
)
def test_the_mirror_of_the_main_archive_is_chosen(
    distribution: Distribution,
    suite: str,
    arch: str,
    sources: list[tuple[str, ...]],
    expected: list[str],
) -> None:
    chosen = choose([_source(*one) for one in sources], distribution, suite, arch)
    assert [one.uri for one in chosen] == expected


def _fake_apt_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    program = tmp_path / "bin/apt-config"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}/usr/bin{os.pathsep}/bin")


def test_the_files_are_where_apt_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = tmp_path / "it's parts"
    parts.mkdir()
    (tmp_path / "list").write_text("deb first.test bookworm main\n")
    (parts / "b.list").write_text("deb third.test bookworm main\n")
    (parts / "a.sources").write_text("Types: deb\nURIs: second.test\nSuites: x\n")
    (parts / "c.list.disabled").write_text("deb never.test bookworm main\n")
    body = f"""echo "LIST='{tmp_path}/list'"; echo "PARTS='{tmp_path}/it'\\\\''s parts'" """
    _fake_apt_config(tmp_path, monkeypatch, body)
    found = [source.uri for source in host_sources()]
    assert found == ["first.test", "second.test", "third.test"]


def test_an_apt_that_is_missing_or_broken_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fake_apt_config(tmp_path, monkeypatch, "echo 'E: Syntax error' >&2; exit 100")
    with pytest.raises(GlibcUnavailable, match="E: Syntax error"):
        host_sources()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GlibcUnavailable, match="no apt-get"):
        host_sources()


def test_the_catalogue_is_sound() -> None:
    for distribution in distributions().values():
        versions = [suite.glibc for suite in catalogue(distribution)]
        assert all(map(is_version, versions))
        assert len(set(versions)) == len(versions)
        assert len({suite.name for suite in distribution.suites}) == len(distribution.suites)
    assert {suite.glibc for suite in catalogue(DEBIAN)} >= {"2.31", "2.36", "2.41", "2.43", "2.44"}


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ({"ID": "debian"}, "debian"),
        ({"ID": "ubuntu", "ID_LIKE": "debian"}, "ubuntu"),
        ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, "ubuntu"),
        ({"ID": "fedora", "PRETTY_NAME": "Fedora Linux 43"}, None),
    ],
)
def test_the_distribution_is_the_host_s_or_its_parent(
    monkeypatch: pytest.MonkeyPatch, release: dict[str, str], expected: str | None
) -> None:
    monkeypatch.setattr("platform.freedesktop_os_release", lambda: release)
    if expected is None:
        with pytest.raises(GlibcUnavailable, match="known for Fedora Linux 43; unpack a container"):
            host_distribution()
    else:
        assert host_distribution().id == expected


def test_the_package_has_another_name_on_alpha() -> None:
    assert package_name("amd64") == "libc6"
    assert package_name("alpha") == "libc6.1"
