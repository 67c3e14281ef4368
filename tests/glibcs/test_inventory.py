import json
import os
import platform
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from harness.glibcs import add, find, inventory, remove, stage
from harness.glibcs.build import Build, GlibcError, GlibcMissing, GlibcUnavailable
from harness.glibcs.cache import keep, making
from tests.conftest import Call
from tests.glibcs.conftest import OTHER
from tests.processes import Done

Make = Callable[..., Path]


def _keep(own: Build, version: str, suite: str, arch: str | None = None) -> str:
    """Puts the host's files into the cache as though a suite had them in that version."""
    arch = arch or own.arch
    key = f"debian-{suite}-{version}-{arch}"
    build = replace(
        own, id=key, version=version, arch=arch, origin=f"debian {suite} {version}-1",
        distribution="debian", release=suite, package_version=f"{version}-1",
    )  # fmt: skip
    with making(key) as work:
        keep(build, work, "package")
    return key


def test_a_directory_is_copied_and_found_by_its_name(tree: Make, own: Build, cache: Path) -> None:
    root = tree("usr/lib/x86_64-linux-gnu", "lib64", name="my-image")
    (there,) = find(str(root))  # it serves without being added
    assert (there.version, there.loader) == (own.version, root / "lib64" / own.names[0])
    assert not cache.exists()
    build = add(root)
    assert build.name == "my-image"
    assert build.origin == f"directory {root}"
    assert all(path.is_relative_to(cache) for _, path in build.files)
    assert build.names == own.names
    root.rename(root.with_name("gone"))
    assert find("my-image") == [build] == find(build.id)
    assert find(own.version) == [build]  # before the host's, which has the same version
    assert [entry.state for entry in inventory()][:2] == ["host", "added"]
    assert remove("my-image") == [build.id]
    with pytest.raises(GlibcError, match="'my-image' names no glibc; expected a version"):
        find("my-image")


def test_adding_again_takes_the_files_anew(tree: Make, own: Build) -> None:
    first = add(tree("lib", name="one"), "mine")
    assert add(tree("lib", name="one"), "mine") == first
    with pytest.raises(GlibcError, match="the name mine is taken; gai-harness glibc remove mine"):
        add(tree("lib", name="two"), "mine")
    assert find("mine") == [first]


@pytest.mark.parametrize("name", ["host", "all", "a/b", "a:b", "", ".hidden", "x" * 65, "2.5"])
def test_names_that_would_mislead(tree: Make, name: str) -> None:
    with pytest.raises(GlibcError, match=r"cannot name|cannot be named"):
        add(tree("lib"), name)


def test_a_directory_of_an_odd_name_gets_another(tree: Make, own: Build) -> None:
    assert add(tree("lib", name="odd name")).name == f"local-{own.version}"
    assert add(tree("lib", name=own.version)).name == own.version


def test_all_is_the_host_then_ascending(own: Build) -> None:
    for version, suite in (("2.9", "x"), ("2.41", "trixie"), ("2.31", "bullseye")):
        _keep(own, version, suite)
    _keep(own, "2.36", "bookworm", OTHER)
    _keep(own, "2.36", "bookworm", "vax")
    assert [build.version for build in find("all")] == [own.version, "2.9", "2.31", "2.41"]
    assert [build.arch for build in find("all:vax")] == ["vax"]
    assert sorted(build.arch for build in find("all:all")) == sorted(
        [*(build.arch for build in find("all")), OTHER]
    )  # and none that nothing can run, which would keep all others from running
    assert find("all:all")[0] == own
    assert [build.arch for build in find("2.36:all") if build.origin != "host"] == [OTHER]
    for spec, said in (
        ("2.9999:all", r"^glibc 2.9999:all is not on this host.*is known to have"),
        ("all:riscv64", "gai-harness glibc fetch --all --arch riscv64"),
        ("all:mips", "the architectures with a worker are amd64, i386"),
    ):
        with pytest.raises(GlibcMissing, match=said):
            find(spec)
    assert [build.origin for build in find("host")] == ["host"]
    assert find("2.36:vax")[0].arch == "vax"


def test_a_version_is_the_package_or_else_the_host(own: Build) -> None:
    assert find(own.version) == find("host") == find(f"{own.version}:{own.arch}")
    with pytest.raises(GlibcError, match="cannot be removed"):
        remove("host")
    assert remove("all") == []
    key = _keep(own, own.version, "bookworm")
    assert [build.id for build in find(own.version)] == [key]


def test_what_is_missing_comes_with_a_command_that_works(own: Build) -> None:
    for spec in {"2.31", "2.36:armhf"} - {own.version}:
        with pytest.raises(GlibcMissing, match=f"; gai-harness glibc fetch {spec}$") as caught:
            find(spec)
        assert (caught.value.exit_status, caught.value.spec) == (3, spec)
    for arch in ("armel", "S390X"):
        with pytest.raises(GlibcMissing, match="the architectures known here are amd64, i386") as e:
            find(f"2.36:{arch}")
        assert "glibc fetch" not in str(e.value)
        assert "armel" not in str(e.value).partition("; ")[2]


@pytest.mark.parametrize("spec", ["", "two", "2.x", "2.36-9", "a\0b"])
def test_a_malformed_specification(spec: str) -> None:
    with pytest.raises(GlibcError, match="names no glibc; expected a version, host, all"):
        find(spec)


LONG = "/" + "a" * 256


@pytest.mark.parametrize("spec", [
    LONG, LONG[1:], f"{LONG}:amd64", f"{LONG}.deb", f"oci-archive:{LONG}",
    f"oci-archive:{LONG}:all",
])  # fmt: skip
def test_what_cannot_be_looked_at(spec: str) -> None:
    """As a folder of another user's cannot, which root could not be tested with."""
    for ask in (find, add):
        with pytest.raises(GlibcError, match="cannot be looked at: File name too long"):
            ask(spec)


def test_on_a_musl_host_the_cache_still_serves(own: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    def musl() -> Build:
        raise GlibcUnavailable("this Python runs on musl", "hint")

    monkeypatch.setattr("harness.glibcs.known_builds.host", musl)
    with pytest.raises(GlibcUnavailable):
        find("all")
    key = _keep(own, "2.31", "bullseye")
    assert [build.id for build in find("all")] == [key]
    assert inventory()[0].state == "cached"
    with pytest.raises(GlibcMissing):
        find("2.36")


# --- private roots


def test_a_root_has_only_that_glibc(tree: Make, program: Path, own: Build) -> None:
    build = add(tree("usr/lib64"))
    root = stage(build, program)
    libraries = [f"lib/{name}" for name in own.names]
    assert {str(path.relative_to(root)) for path in root.rglob("*")} == {
        "dev", "etc", "lib", *libraries, "proc", "python", "tmp", "worker",
    }  # fmt: skip
    for path in root.rglob("*"):
        assert not path.is_symlink()
        assert path.is_dir() or path.stat().st_nlink == 1
    # modules go beside the libraries
    other = stage(build, program, {"libnss_x.so.2": program})
    assert other != root
    inside = {str(path.relative_to(other)) for path in (other / "lib").iterdir()}
    assert inside == {*libraries, "lib/libnss_x.so.2"}
    assert (other / "lib/libnss_x.so.2").read_bytes() == program.read_bytes()
    assert stage(build, program, {"libnss_x.so.2": program}) == other
    assert stage(build, program) == root
    with pytest.raises(GlibcError, match=r"nothing: No such file"):
        stage(build, program.with_name("nothing"))


@pytest.mark.bare
def test_the_program_runs_inside_its_root(own: Build, run_staged: Callable[[Build], str]) -> None:
    assert f"release version {own.version}." in run_staged(own)


def test_roots_follow_the_content(tree: Make, program: Path) -> None:
    folder = tree("lib")

    def root() -> Path:
        return stage(find(str(folder))[0], program)

    first = root()
    with (folder / "lib/libm.so.6").open("ab") as library:
        library.write(b"rebuilt")
    second = root()
    program.write_bytes(b"newer")
    third = root()
    assert len({first, second, third}) == 3
    os.utime(first, (0, 0))
    os.utime(second, (0, 0))
    assert root() == third  # in use: nothing is made or removed
    program.write_bytes(b"newest")
    root()
    assert [path.exists() for path in (first, second, third)] == [False, False, True]


# --- the command


def test_the_command_lists(own: Build, call: Call) -> None:
    key = _keep(own, "2.31", "bullseye")
    done = call("glibc", "list")
    first, second, third, *_ = map(str.split, done.out.splitlines())
    assert (done.status, first) == (0, ["VERSION", "ARCH", "STATE", "NAME", "ORIGIN"])
    assert second[:4] == [own.version, own.arch, "host", "-"]
    assert second[4].strip(",") == "host"
    today = date.today().isoformat()
    assert third[2:] == ["cached", "-", "debian", "bullseye", "2.31-1,", "added", today]
    document = json.loads(call("glibc", "list", "--format", "json").out)
    assert document["schema"] == 1
    assert document["builds"][1]["id"] == key
    assert document["builds"][1] == {
        "version": "2.31", "arch": own.arch, "state": "cached", "origin": "debian bullseye 2.31-1",
        "id": key, "name": None, "rows": [], "distribution": "debian", "release": "bullseye",
        "package_version": "2.31-1", "source": "package", "added": today,
        "resolver": "glibc", "resolver_version": "", "digest": "",
    }  # fmt: skip


def test_the_host_is_listed_with_its_package(call: Call, needs: Callable[..., str]) -> None:
    """As dpkg itself says, and os-release."""
    needs("dpkg-deb", "dpkg")
    said = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}\n", "libc6"],
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    release = platform.freedesktop_os_release()
    first = json.loads(call("glibc", "list", "--json").out)["builds"][0]
    assert (first["distribution"], first["source"]) == (release["ID"], "host")
    assert first["release"] == release.get("VERSION_ID", "")
    assert first["package_version"] in said


def test_what_is_there_for_another_architecture_can_be_fetched_for_this_one(own: Build) -> None:
    _keep(own, "2.31", "bullseye", OTHER)
    listed = {(one.version, one.arch): one.state for one in inventory()}
    assert listed["2.31", OTHER] == "cached"
    assert listed["2.31", own.arch] == "available"
    _keep(own, "2.31", "bullseye")
    assert [one.state for one in inventory() if one.version == "2.31"] == ["cached", "cached"]


def test_the_command_adds_and_removes(tree: Make, own: Build, call: Call) -> None:
    root = tree("lib")
    added = f"glibc {own.version} {own.arch} (directory {root}) as mine\n"
    assert call("glibc", "add", root, "--name", "mine", "--no-probe") == Done(0, added, "")
    removed = f"removed added-mine-{own.version}-{own.arch}\n"
    assert call("glibc", "remove", "mine") == Done(0, removed, "")


def test_adding_a_build_too_old(own: Build, monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    for version, said in (("2.16", True), ("2.17", False)):
        old = replace(own, version=version, name="old")
        monkeypatch.setattr("harness.glibcs.add", lambda *_, old=old: old)
        done = call("glibc", "add", ".", "--name", "old")
        assert (done.status, "does not run here" in done.out) == (0, said)
