"""Builds of musl and c-ares: found in trees and packages, fetched, named, apart from glibc's."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.glibcs import Progress, add, command, find, inventory, remove, stage
from harness.glibcs.build import Build, GlibcError, GlibcMissing, GlibcUnavailable
from harness.glibcs.catalog import Suite
from harness.glibcs.managers import PackageRequest
from harness.glibcs.other_files import any_in_directory
from harness.glibcs.others import fetch_others, find_others, suites_with
from tests.conftest import Call
from tests.glibcs.conftest import OTHER, Mirror
from tests.glibcs.making import deb, elf, link, member, tar

LD = "ld-musl-any.so.1"


def _musl(arch: str, version: str = "1.2.3", more: bytes = b"") -> bytes:
    text = b"musl libc (any)\n\0%s\0" % version.encode() + b"127.0.0.1\0" + more
    return elf(arch, "libc.so", (), None, (), text)


def _cares(arch: str, version: str = "1.18.1", needed: tuple[str, ...] = ("libc.so.6",)) -> bytes:
    return elf(arch, "libcares.so.2", needed, None, (), b"\0%s\0" % version.encode())


@pytest.fixture
def alpine(tmp_path: Path, own: Build) -> Path:
    """The root of a file system in which musl lies as Alpine has it."""
    root = tmp_path / "alpine"
    (root / "lib").mkdir(parents=True)
    (root / "lib" / LD).write_bytes(_musl(own.arch))
    (root / f"lib/libc.musl-{own.arch}.so.1").symlink_to(LD)
    return root


def test_a_tree_with_musl_is_added_named_and_removed(alpine: Path, own: Build, call: Call) -> None:
    build = add(alpine, "edge")
    assert (build.resolver, build.resolver_version, build.version) == ("musl", "1.2.3", "1.2.3")
    assert build.names == (LD, "libc.so")
    assert build.loader.read_bytes() == (alpine / "lib" / LD).read_bytes()
    words = ("musl", "musl=1.2.3", "musl=edge", f"musl={build.id}", "all")
    assert [find_others([word]) for word in words] == [[build]] * 5
    assert find_others(["musl", "musl=edge"]) == [build]
    # it is none of glibc's, whatever asks for those
    assert build not in find("all")
    for word in ("edge", "1.2.3", build.id):
        with pytest.raises(GlibcError, match=r"names no glibc|is not on this host"):
            find(word)
    listed = call("glibc", "list").out.splitlines()[2]
    assert listed.split()[:5] == ["musl", "1.2.3", own.arch, "added", "edge"]
    (entry,) = (one for one in inventory() if one.name == "edge")
    assert (entry.resolver, entry.resolver_version) == ("musl", "1.2.3")
    assert remove("musl=1.2.3") == [build.id]
    with pytest.raises(GlibcMissing, match=r"^musl is not on this host; "):
        find_others(["musl"])


def test_a_tree_can_be_asked_as_it_lies(alpine: Path, cache: Path) -> None:
    (build,) = find_others([f"musl={alpine}"])
    assert (build.loader, build.origin) == (alpine / "lib" / LD, f"directory {alpine}")
    assert not cache.exists()
    assert find_others(["all"]) == []
    with pytest.raises(GlibcError, match=r"a musl tree \(lib/ld-musl-any\.so\.1\); expected one"):
        find(str(alpine))


def test_an_image_with_musl_is_for_resolver_alone(alpine: Path, tmp_path: Path) -> None:
    content = (alpine / "lib" / LD).read_bytes()
    image = tmp_path / "root.tar"
    image.write_bytes(tar(member(f"lib/{LD}", content)))
    (build,) = find_others([f"musl={image}"])
    assert build.resolver_version == "1.2.3"
    assert find_others(["all"]) == []  # it was named once, and stays no part of later runs
    with pytest.raises(GlibcError, match=rf"musl 1\.2\.3; .*\(for --resolver: musl={image}\)"):
        find(str(image))


def test_its_root_has_the_loader_under_both_names(alpine: Path, program: Path) -> None:
    """A program needs libc.so, and musl's loader is that library."""
    build = any_in_directory(alpine)
    root = stage(build, program)
    assert sorted(path.name for path in (root / "lib").iterdir()) == [LD, "libc.so"]
    assert command(build)[0] == f"/lib/{LD}"


@pytest.mark.parametrize(("content", "said"), [
    (_musl("amd64", "1.2"), "does not name its release"),
    (_musl("amd64", "1.1.23"), r"musl 1\.1\.23; the model begins with 1\.1\.24"),
    (_musl("amd64", "1.2.3", b"\x001.2.4\0"), "does not name its release"),
    (_musl("amd64")[:-80], "cut short"),
    (b"", "an empty file"),
])  # fmt: skip
def test_a_musl_that_cannot_be_told(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / LD).write_bytes(content)
    with pytest.raises(GlibcError, match=said):
        any_in_directory(tmp_path)


def test_a_snapshot_counts_as_the_release_before_it(tmp_path: Path) -> None:
    (tmp_path / LD).write_bytes(_musl("amd64", "1.2.5-git-41-g0a1b2c3d"))
    assert any_in_directory(tmp_path).version == "1.2.5"


def test_of_several_one_is_named(tmp_path: Path) -> None:
    for name, arch, version in (("a", "amd64", "1.2.3"), ("b", "i386", "1.2.5")):
        (tmp_path / f"ld-musl-{name}.so.1").write_bytes(_musl(arch, version))
    with pytest.raises(GlibcError, match=r"one musl was .*, found 1\.2\.3 for amd64, 1\.2\.5 for"):
        any_in_directory(tmp_path)
    assert any_in_directory(tmp_path, "i386").version == "1.2.5"


def test_rows_and_names_are_refused_for_it(alpine: Path) -> None:
    with pytest.raises(GlibcError, match="--row is of glibc's dialect table"):
        add(alpine, rows=["gaiconf_numbers_checked=true"])
    for name in ("2.36", "musl"):
        with pytest.raises(GlibcError, match=rf"musl 1\.2\.3 cannot be named {name}"):
            add(alpine, name)


# --- fetched


@pytest.fixture
def mirror(mirror_of: Callable[..., Mirror], tmp_path: Path, own: Build) -> Mirror:
    """Two suites with the host's glibc, each with musl and c-ares, and one with a musl it had."""
    carry = {"musl": "1.2.3", "c-ares": "1.18.1"}
    found = mirror_of(
        Suite("first", own.version, others=carry),
        Suite("second", "9.98", others={"musl": "1.2.5"}),
        Suite("third", "9.99", extra=True, others={"musl": "1.2.5"}),
    )
    files = [member(f"./lib/{name}", path.read_bytes()) for name, path in own.files]
    packages = {
        "libc6": files,
        "libc-ares2": [member("./usr/share/doc/x", b"text")],  # it has become an empty one
        "libcares2": [member("./usr/lib/x-linux-gnu/libcares.so.2.9", _cares(own.arch)),
                      link("./usr/lib/x-linux-gnu/libcares.so.2", "libcares.so.2.9")],
        "musl": [member("./usr/lib/x-linux-musl/libc.so", _musl(own.arch)),
                 link(f"./usr/lib/{LD}", "x-linux-musl/libc.so")],
    }  # fmt: skip

    def serve(request: PackageRequest, path: Path) -> None:
        for name in (request.package, *request.also):
            if name in packages:
                made = deb(tmp_path / "made.deb", *packages[name])
                shutil.copy(made, path.with_name(path.name.replace(request.package, name, 1)))

    found.serve = serve
    return found


def test_both_come_with_one_index(mirror: Mirror, own: Build) -> None:
    ((suite, names),) = suites_with(["musl=first", "c-ares"]).items()
    musl, cares = fetch_others(suite, names)
    assert (musl.resolver, musl.version, musl.resolver_version) == ("musl", "1.2.3", "1.2.3")
    assert musl.id == f"made-first-musl-1.2.3-{own.arch}"
    assert musl.origin == "made first musl 1:2.99-1"
    assert (cares.resolver, cares.version, cares.resolver_version) == (
        "c-ares", own.version, "1.18.1",
    )  # fmt: skip
    assert cares.names == (*own.names, "libcares.so.2")
    asked = [(one.package, one.also, one.component) for one in mirror.requests]
    assert asked[1:] == [("musl", ("libc-ares2", "libcares2"), "main universe")]
    assert asked[0][0] == "libc6"
    # what is there is not fetched again, and glibc's own is not taken for c-ares'
    seen: list[Progress] = []
    assert fetch_others(suite, names, progress=seen.append) == [musl, cares]
    assert [one.step for one in seen] == ["cached"]
    assert [one for one in find(f"{own.version}") if one.is_other] == []
    assert len(mirror.requests) == 2


def test_words_mean_suites(mirror: Mirror) -> None:
    first, second, third = mirror.distribution.suites
    assert suites_with(["musl"]) == {first: ["musl"], second: ["musl"]}
    assert suites_with(["musl=1.2.5"]) == {second: ["musl"]}
    assert suites_with(["musl=third"]) == {third: ["musl"]}
    assert suites_with(["c-ares", "musl=1.2.3"]) == {first: ["c-ares", "musl"]}
    hint = r"made is known to have 1\.2\.3, 1\.2\.5; gai-harness glibc add DIR takes any folder"
    for ask in (suites_with, find_others):
        with pytest.raises(GlibcError, match=hint):
            ask(["musl=1.2.4"])
    with pytest.raises(GlibcMissing, match=r"not on this host; gai-.* fetch musl=1\.2\.5$"):
        find_others(["musl=1.2.5"])
    both = r"^not on this host: musl=1\.2\.5, c-ares; gai-.* fetch musl=1\.2\.5 c-ares$"
    with pytest.raises(GlibcUnavailable, match=both):
        find_others(["musl=1.2.5", "c-ares"])
    for word in ("mulst", "musl=", "2.36"):
        with pytest.raises(GlibcError, match=r"one of glibc, musl, c-ares, .*go, or NAME=VERSION"):
            find_others([word])


def test_another_version_than_expected_is_said(mirror: Mirror) -> None:
    seen: list[Progress] = []
    (build,) = fetch_others(mirror.distribution.suites[1], ["musl"], progress=seen.append)
    assert build.resolver_version == "1.2.3"  # the package is believed
    assert seen[-1].note == "suite second carries musl 1.2.3, not 1.2.5"


def test_what_came_may_not_fit(mirror: Mirror, own: Build, tmp_path: Path) -> None:
    first, second, _ = mirror.distribution.suites
    whole = mirror.serve
    for content, said in (
        (_cares(OTHER), f"for {OTHER}, but"),
        (
            _cares(own.arch, needed=("libc.so.6", "libfoo.so.1")),
            r"needs libfoo\.so\.1, which glibc",
        ),
        (b"", "an empty file"),
    ):
        made = deb(tmp_path / "bad.deb", member("./usr/lib/libcares.so.2", content))

        def serve(request: PackageRequest, path: Path, made: Path = made) -> None:
            if request.package == "libc6":
                whole(request, path)
            else:
                shutil.copy(made, path)

        mirror.serve = serve
        with pytest.raises(GlibcUnavailable, match=said):
            fetch_others(first, ["c-ares"])
    with pytest.raises(GlibcUnavailable, match="one musl was expected"):
        fetch_others(second, ["musl"])
    assert [one for one in inventory() if one.resolver != "glibc"] == []


def test_the_command_fetches(mirror: Mirror, own: Build, call: Call) -> None:
    done = call("glibc", "fetch", "musl=first")
    assert (done.status, done.out) == (0, f"musl 1.2.3 {own.arch} (made first musl 1:2.99-1)\n")
    done = call("glibc", "fetch", "musl=9.9.9")
    assert done.status == 3
    assert "musl=9.9.9 cannot be fetched" in done.err


def test_what_all_is_without_is_said_and_fetched(
    mirror: Mirror, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("harness.glibcs.golang._ELSEWHERE", str(tmp_path / "go"))
    line = ("explain", "--service", "80", "--resolver", "all")
    first = "gai-harness explain: not on this host: musl, c-ares, go; for go: "
    last = "; gai-harness glibc fetch musl c-ares (or this line with --fetch)\n"
    found = [call(*line), call("run", "rule1-no-route", "-q", *line[3:], "--glibc", "all")]
    assert found[0].err.startswith(first)
    assert found[0].err.endswith(last)
    assert [one.err.count("\n") for one in found] == [1, 2]
    assert "--glibc all is this host's alone" in found[1].err
    monkeypatch.setattr("harness.cli.main.import_module", lambda _: Command)
    fetched = call(*line, "--fetch").err
    assert [word in fetched for word in ("musl 1.2.3", "c-ares 1.18.1")] == [True, True]
    assert "not on this host: go" not in fetched.partition("explain: ")[0]
    assert fetched.count("gai-harness explain: go is not on this host; ") == 1


class Command:
    """In the place of a command's module: what came out of the mirror is not asked."""

    @staticmethod
    def main(_: object) -> int:
        return 0
