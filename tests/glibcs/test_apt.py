"""The host's apt: its sources, and apt-get itself against archives that must be refused.

No network.
"""

import hashlib
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.glibcs import GlibcError, GlibcUnavailable, Progress, apt, catalog, catalogue
from harness.glibcs.apt_sources import Source, choose, host_sources, parse_deb822, parse_one_line
from harness.glibcs.catalog import Distribution, Suite, distributions, host_distribution
from harness.glibcs.managers import PackageRequest
from harness.versions import is_version
from tests.conftest import _seed
from tests.glibcs.making import deb, member

INDEX = "dists/made/main/binary-amd64/Packages"
SUITE = Suite("made", "2.36")
REQUEST = PackageRequest(
    "libc6", Distribution("made", "main", (SUITE,), ()), SUITE, "amd64", "main"
)


def _watch(progress: Progress) -> None:
    assert (progress.suite, progress.note) == ("made", "")
    assert progress.step in ("update", "download")
    assert 0.0 <= progress.fraction <= 1.0


@pytest.fixture
def work(tmp_path: Path, needs: Callable[..., str]) -> Path:
    needs("apt-get", "apt")
    (folder := tmp_path / "work with blanks").mkdir()
    return folder


def _release(
    archive: Path, suite: str | None = "made", codename: str | None = "made", pocket: str = ""
) -> Path:
    """Writes the release file, which gives the suite these names, or that of a pocket of it."""
    content = (archive / INDEX.replace("made", f"made{pocket}")).read_bytes()
    names = {"Suite": suite, "Codename": codename}
    lines = [f"{field}: {name}" for field, name in names.items() if name]
    lines += ["Architectures: amd64", "Components: main", "SHA256:"]
    lines += [f" {hashlib.sha256(content).hexdigest()} {len(content)} {INDEX[11:]}\n"]
    release = archive / f"dists/made{pocket}/Release"
    release.write_text("\n".join(lines))
    return release


def _index(root: Path, version: str, pocket: str = "") -> None:
    """Writes a suite's index with one package of that version, or a pocket's."""
    index = root / INDEX.replace("made", f"made{pocket}")
    index.parent.mkdir(parents=True)
    file = f"libc6{pocket}.deb"
    data = deb(root / file, member("./lib/libc.so.6", version.encode())).read_bytes()
    index.write_text(
        f"Package: libc6\nVersion: {version}\nArchitecture: amd64\nFilename: {file}\n"
        f"Size: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
        "Maintainer: nobody\nDescription: made\n"
    )


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A complete archive of one suite, without a signature."""
    root = tmp_path / "archive"
    _index(root, "2.36-1")
    _release(root)
    return root


def _download(archive: Path, work: Path, uri: str | None = None, keys: str = "") -> Path:
    source = Source(uri or f"file:{archive}", ("made",), ("main",), keys)
    return apt.download(REQUEST, source, work, _watch)


@pytest.mark.parametrize("host", [
    "",
    'Acquire::AllowInsecureRepositories "true"; APT::Get::AllowUnauthenticated "true";',
    'APT::Update::Pre-Invoke { "touch RAN"; }; APT::Update::Post-Invoke { "touch RAN"; };'
    'APT::Default-Release "bookworm"; Dir::Cache::pkgcache "/nowhere/pkgcache.bin";',
], ids=["nothing", "trust in everything", "hooks and pins"])  # fmt: skip
def test_an_archive_without_a_signature_is_refused_whatever_the_host_says(
    archive: Path, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    ran = tmp_path / "ran"
    (tmp_path / "host.conf").write_text(host.replace("RAN", str(ran)))
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "host.conf"))
    with pytest.raises(GlibcUnavailable) as caught:
        _download(archive, work)
    assert "signature of suite made cannot be checked with the host's keys" in str(caught.value)
    assert "keyring package" in caught.value.hint
    assert "\n" not in str(caught.value)
    assert not ran.exists()


@pytest.mark.needs("apt-get", "apt")
def test_what_apt_cannot(archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty := tmp_path / "empty").mkdir()
    for from_, work, keys, said in (
        (empty, "1", "", r"no suite made for amd64.*glibc add DIR"),
        (archive, "2", f"{tmp_path}/none.gpg", "cannot be checked with the host's keys"),
        (archive, 'with"quotes', "", "quotes"),
    ):
        (tmp_path / work).mkdir()
        with pytest.raises(GlibcError, match=said):
            _download(from_, tmp_path / work, keys=keys)
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    with pytest.raises(GlibcUnavailable, match=r"no apt-get.*glibc add DIR"):
        _download(archive, tmp_path / "3")


def test_the_words_of_every_apt() -> None:
    for words in (
        "Could not connect to m.test:80 (192.0.2.1)",  # up to 2.6
        "Unable to connect to m.test:http: [IP: 192.0.2.1 80]",  # from 3.0
    ):
        said = f"E: Failed to fetch http://m.test/x  {words}"
        assert "cannot be reached" in str(apt._explain(said, REQUEST))


@pytest.mark.bare
def test_a_mirror_out_of_reach(tmp_path: Path, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "host.conf").write_text('Acquire::Retries::Delay "false";')
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "host.conf"))
    with pytest.raises(GlibcUnavailable, match=r"cannot be reached.*check the network"):
        _download(tmp_path, work, "http://127.0.0.1:9/debian")


@pytest.fixture(scope="module")
def keys(
    tmp_path_factory: pytest.TempPathFactory, needs: Callable[..., str]
) -> Iterator[tuple[list[str], Path]]:
    """How gpg is called with a key made for these tests, and the keyring that has it."""
    home = tmp_path_factory.mktemp("keys")
    ring = home / "ring.gpg"
    base = [needs("gpg"), "--batch", "--yes", "--homedir", str(home)]
    key = ["--passphrase", "", "--quick-generate-key", "test@example.org", "ed25519", "sign"]
    subprocess.run([*base, *key], check=True, capture_output=True)
    subprocess.run([*base, "-o", str(ring), "--export"], check=True, capture_output=True)
    yield base, ring
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=True)


@pytest.fixture
def sign(archive: Path, keys: tuple[list[str], Path]) -> Callable[..., Source]:
    """Signs the archive's release file with the key; gives the source that trusts it."""
    base, ring = keys

    def clear_sign(pocket: str = "") -> Source:
        release = archive / f"dists/made{pocket}/Release"
        output = ["-o", str(release.with_name("InRelease")), "--clearsign", str(release)]
        subprocess.run([*base, *output], check=True, capture_output=True)
        return Source(f"file:{archive}", (f"made{pocket}",), ("main",), str(ring))

    return clear_sign


@pytest.mark.parametrize("names", [("other", "other"), ("other", None), (None, None)])
def test_the_signed_index_of_another_suite_is_refused(
    archive: Path, work: Path, sign: Callable[[], Source], names: tuple[str | None, str | None]
) -> None:
    _release(archive, *names)
    source = sign()
    with pytest.raises(GlibcUnavailable, match=r"suite made with the signed index of another"):
        apt.download(REQUEST, source, work, _watch)
    assert not list((work / "out").iterdir())
    (again := work / "again").mkdir()
    with pytest.raises(GlibcUnavailable, match="another one"):
        apt.reach(REQUEST, source, again)


@pytest.mark.parametrize(("suite", "codename"), [("stable", "made"), ("made", "other")])
def test_a_signed_archive_is_taken_by_either_name_of_its_suite(
    archive: Path, work: Path, tmp_path: Path, sign: Callable[[], Source], suite: str, codename: str
) -> None:
    _release(archive, suite, codename)
    source = sign()
    found = apt.download(REQUEST, source, work, _watch)
    assert found.read_bytes() == (archive / "libc6.deb").read_bytes()

    def refused(folder: str, request: PackageRequest = REQUEST) -> str:
        (tmp_path / folder).mkdir()
        with pytest.raises(GlibcUnavailable) as caught:
            apt.download(request, source, tmp_path / folder, _watch)
        return str(caught.value)

    (archive / "libc6.deb").write_bytes(b"exchanged after it was signed")
    refused("exchanged")
    (archive / INDEX).write_bytes((archive / INDEX).read_bytes() + bytes(1))
    assert "half updated" in refused("half")
    refused("other", replace(REQUEST, arch="armhf"))


@pytest.mark.parametrize(("versions", "expected", "without"), [
    ({"-updates": "2.36-2", "-security": "2.36-3"}, "2.36-3", ""),
    ({"-updates": "2.36-3", "-security": "2.36-2"}, "2.36-3", ""),
    ({"-updates": "2.36-2"}, "2.36-2", "made-security"),  # which that mirror does not have
    ({"-security": "2.35-9"}, "2.36-1", "made-updates"),
    ({}, "2.36-1", "made-updates and made-security"),
])  # fmt: skip
def test_the_newest_of_a_suite_and_its_updates_is_taken(
    archive: Path, work: Path, sign: Callable[..., Source], versions: dict[str, str],
    expected: str, without: str,
) -> None:  # fmt: skip
    source = sign()
    updates = tuple(replace(source, suites=(f"made{one}",)) for one in ("-updates", "-security"))
    for pocket, version in versions.items():
        _index(archive, version, pocket)
        # Debian names a pocket by its suite, Ubuntu gives it the suite's own codename
        _release(archive, f"stable{pocket}", f"made{pocket}", pocket)
        if pocket == "-security":
            _release(archive, f"made{pocket}", "made", pocket)
        sign(pocket)
    seen: list[Progress] = []
    found = apt.download(REQUEST, replace(source, updates=updates), work, seen.append)
    assert found.name == f"libc6_{expected}_amd64.deb"
    told = f"suite made is taken without its updates: the host's mirror has no suite {without} for"
    notes = [one.note for one in seen if one.note]
    assert [note[: len(told)] for note in notes] == [told] * bool(without)


@pytest.mark.parametrize(("suite", "pocket"), [
    (("made", "made"), ("other-security", "other")),
    (("stable-security", "made-security"), ("stable-security", "made-security")),
], ids=["of another suite", "in the place of its suite"])  # fmt: skip
def test_a_pocket_that_is_not_the_suites_is_refused(
    archive: Path, work: Path, sign: Callable[..., Source], suite: tuple[str, str],
    pocket: tuple[str, str],
) -> None:  # fmt: skip
    _release(archive, *suite)
    source = sign()
    _index(archive, "2.99-1", "-security")
    _release(archive, *pocket, "-security")
    updates = (sign("-security"),)
    with pytest.raises(GlibcUnavailable, match=r"suite made with the signed index of another"):
        apt.download(REQUEST, replace(source, updates=updates), work, _watch)


# --- its sources, and the catalogue

DEBIAN = distributions()["debian"]
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


@pytest.mark.bare
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
    assert only.signed_by.startswith("\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n")


def _source(uri: str, suites: str, components: str = "main", arches: str = "") -> Source:
    return Source(uri, tuple(suites.split()), tuple(components.split()), "", tuple(arches.split()))


# the suite and the architecture that are wanted, the sources, and those that have them, each
# with the host's own updates of the suite, if any
MIRRORS: list[tuple[str, list[tuple[str, ...]], list[list[str]]]] = [
    ("trixie amd64", [("vendor", "nodistro"), ("a", "bookworm x-updates")], [["a"]]),
    ("trixie amd64", [("sec", "bookworm-security"), ("a", "bookworm")],
     [["a", "sec trixie-security"]]),
    ("trixie amd64", [("old", "bookworm/updates"), ("a", "stable")], [["a"]]),
    ("bullseye amd64", [("a", "bookworm"), ("archive", "bullseye")], [["archive"]]),
    ("trixie amd64", [("a", "bookworm", "contrib"), ("b", "bookworm")], [["b"]]),
    ("trixie amd64", [("v", "nodistro"), ("s", "bookworm-security")], []),
    ("noble arm64", [("a", "jammy", "main", "amd64"), ("b", "jammy")], [["b"]]),
    ("noble arm64", [("a", "jammy", "main", "amd64")], [["a"]]),
    ("noble amd64", [("a", "jammy-updates"), ("b", "jammy")], [["b", "a noble-updates"]]),
    ("trixie amd64", [("a", "bookworm bookworm-updates"), ("s", "bookworm-security")],
     [["a", "a trixie-updates", "s trixie-security"]]),
    ("noble amd64", [("a", "jammy jammy-updates jammy-backports jammy-security")],
     [["a", "a noble-updates", "a noble-security"]]),
    ("sid amd64", [("a", "bookworm bookworm-updates")], [["a"]]),  # which has none
    ("noble amd64", [("a", "jammy"), ("v", "vendor-updates"), ("u", "jammy-updates", "universe")],
     [["a"]]),
    ("noble arm64", [("a", "jammy"), ("b", "jammy-updates", "main", "amd64")], [["a"]]),
]  # fmt: skip


@pytest.mark.parametrize(("wanted", "sources", "expected"), MIRRORS)
def test_the_mirror_of_the_main_archive_is_chosen_with_its_updates(
    wanted: str, sources: list[tuple[str, ...]], expected: list[list[str]]
) -> None:
    distribution = distributions()["ubuntu" if "noble" in wanted else "debian"]
    chosen = choose([_source(*one) for one in sources], distribution, *wanted.split())
    updates = [[f"{one.uri} {one.suites[0]}" for one in main.updates] for main in chosen]
    assert [[one.uri, *own] for one, own in zip(chosen, updates, strict=True)] == expected


def _fake_apt_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    program = tmp_path / "bin/apt-config"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
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


def test_an_apt_missing_or_broken_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fake_apt_config(tmp_path, monkeypatch, "echo 'E: Syntax error' >&2; exit 100")
    with pytest.raises(GlibcUnavailable, match="E: Syntax error"):
        host_sources()
    (tmp_path / "bin/apt-config").write_bytes(b"\x7fELF of no processor")
    with pytest.raises(GlibcUnavailable, match="cannot be started: Exec format error"):
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
    ubuntu = {suite.name: suite.glibc for suite in distributions()["ubuntu"].suites}
    assert (ubuntu["bionic"], ubuntu["resolute"]) == ("2.27", "2.43")
    assert {suite.glibc for suite in catalogue(DEBIAN)} >= {"2.31", "2.36", "2.41", "2.43", "2.44"}


def test_the_distribution_is_the_host_s_or_its_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # with dnf any host is one of RPM's
    release: dict[str, str] = {}
    monkeypatch.setattr("platform.freedesktop_os_release", lambda: release)
    for own, like in (("debian", ""), ("ubuntu", "debian"), ("linuxmint", "ubuntu debian")):
        release |= {"ID": own, "ID_LIKE": like}
        assert host_distribution().id == (own if own != "linuxmint" else "ubuntu")
    release |= {"UBUNTU_CODENAME": "noble"}  # which the catalogue knows
    assert host_distribution() == distributions()["ubuntu"]
    for own, key in (("ubuntu", "VERSION_CODENAME"), ("linuxmint", "UBUNTU_CODENAME")):
        # a release later than the catalogue: its mirror serves the earlier ones as well
        release.clear()
        release |= {"ID": own, "ID_LIKE": "ubuntu debian", key: "zesty"}
        sources = [_source("mint", "zoe"), _source("a", "zesty zesty-updates"),
                   _source("a", "zesty-security")]  # fmt: skip
        assert host_distribution().suites == (*distributions()["ubuntu"].suites, Suite("zesty", ""))
        for wanted in ("jammy", "zesty"):
            chosen = choose(sources, host_distribution(), wanted, "amd64")
            assert [one.uri for one in chosen] == ["a"]
    release |= {"ID": "arch", "ID_LIKE": "", "PRETTY_NAME": "Arch Linux"}
    with pytest.raises(GlibcUnavailable, match="known for Arch Linux; unpack a container"):
        host_distribution()
    _seed(tmp_path / "own", tmp_path / "users")  # the tests begin there all the same
    assert [catalog.package_name(arch) for arch in ("amd64", "alpha")] == ["libc6", "libc6.1"]
