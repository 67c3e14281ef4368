"""The host's apt-get itself, against archives that must be refused. No network."""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.glibcs import GlibcError, GlibcUnavailable, Progress, apt
from harness.glibcs.catalog import Distribution, Suite
from harness.glibcs.sources import Source
from tests.glibcs.making import deb, member

pytestmark = pytest.mark.needs("apt-get", "apt")

SUITE = Suite("made", "2.36")
REQUEST = apt.PackageRequest(
    "libc6", Distribution("made", "main", (SUITE,), ()), SUITE, "amd64", "main"
)


def _watch(progress: Progress) -> None:
    assert (progress.suite, progress.note) == ("made", "")
    assert progress.step in ("update", "download")
    assert 0.0 <= progress.fraction <= 1.0


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work with blanks"
    folder.mkdir()
    return folder


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A complete archive of one suite, without a signature."""
    root = tmp_path / "archive"
    index = root / "dists/made/main/binary-amd64"
    index.mkdir(parents=True)
    package = deb(root / "libc6.deb", member("./lib/libc.so.6", b"libc"))
    data = package.read_bytes()
    text = (
        "Package: libc6\nVersion: 2.36-1\nArchitecture: amd64\nFilename: libc6.deb\n"
        f"Size: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
        "Maintainer: nobody\nDescription: made\n"
    ).encode()
    (index / "Packages").write_bytes(text)
    (index / "Packages.gz").write_bytes(gzip.compress(text))
    release = "Suite: made\nCodename: made\nArchitectures: amd64\nComponents: main\nSHA256:\n"
    for name in ("Packages", "Packages.gz"):
        content = (index / name).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        release += f" {digest} {len(content)} main/binary-amd64/{name}\n"
    (root / "dists/made/Release").write_text(release)
    return root


def _download(archive: Path, work: Path, uri: str | None = None) -> Path:
    source = Source(uri or f"file:{archive}", ("made",), ("main",))
    return apt.download(REQUEST, source, work, _watch)


def test_an_archive_without_a_signature_is_refused(archive: Path, work: Path) -> None:
    with pytest.raises(GlibcUnavailable) as caught:
        _download(archive, work)
    assert "signature of suite made cannot be checked with the host's keys" in str(caught.value)
    assert "keyring package" in caught.value.hint
    assert "\n" not in str(caught.value)


def test_a_host_that_trusts_everything_changes_nothing(
    archive: Path, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusting = tmp_path / "trusting.conf"
    trusting.write_text(
        'Acquire::AllowInsecureRepositories "true";\nAPT::Get::AllowUnauthenticated "true";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(trusting))
    with pytest.raises(GlibcUnavailable, match="cannot be checked"):
        _download(archive, work)


def test_the_host_s_hooks_and_pins_are_turned_away(
    archive: Path, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = tmp_path / "ran"
    hooks = tmp_path / "hooks.conf"
    hooks.write_text(
        f'APT::Update::Pre-Invoke {{ "touch {ran}"; }};\n'
        f'APT::Update::Post-Invoke {{ "touch {ran}"; }};\n'
        'APT::Default-Release "bookworm";\nDir::Cache::pkgcache "/nowhere/pkgcache.bin";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(hooks))
    with pytest.raises(GlibcUnavailable, match="cannot be checked"):
        _download(archive, work)
    assert not ran.exists()


def test_a_suite_the_mirror_lacks(tmp_path: Path, work: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(GlibcUnavailable, match=r"no suite made for amd64.*glibc add DIR"):
        _download(tmp_path / "empty", work)


@pytest.mark.parametrize(
    "line",
    [
        "E: Failed to fetch http://m.test/x  Could not connect to m.test:80 (192.0.2.1)",
        "E: Failed to fetch http://m.test/x  Unable to connect to m.test:http: [IP: 192.0.2.1 80]",
    ],
)
def test_the_words_of_every_apt(line: str) -> None:
    """Up to 2.6, and from 3.0."""
    assert "cannot be reached" in str(apt._explain(line, REQUEST))


@pytest.mark.bare
def test_a_mirror_out_of_reach(tmp_path: Path, work: Path) -> None:
    with pytest.raises(GlibcUnavailable, match=r"cannot be reached.*check the network"):
        _download(tmp_path, work, "http://127.0.0.1:9/debian")


def test_a_keyring_that_is_not_there(archive: Path, work: Path, tmp_path: Path) -> None:
    source = Source(f"file:{archive}", ("made",), ("main",), str(tmp_path / "none.gpg"))
    with pytest.raises(GlibcUnavailable, match="cannot be checked with the host's keys"):
        apt.download(REQUEST, source, work, _watch)


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
def sign(archive: Path, keys: tuple[list[str], Path]) -> Callable[[], Source]:
    """Signs the archive's release file with the key; gives the source that trusts it."""
    base, ring = keys

    def clear_sign() -> Source:
        release = archive / "dists/made/Release"
        output = ["-o", str(release.with_name("InRelease")), "--clearsign", str(release)]
        subprocess.run([*base, *output], check=True, capture_output=True)
        return Source(f"file:{archive}", ("made",), ("main",), str(ring))

    return clear_sign


@pytest.mark.parametrize("names", [("other", "other"), ("other", None), (None, None)])
def test_the_signed_index_of_another_suite_is_refused(
    archive: Path, work: Path, sign: Callable[[], Source], names: tuple[str | None, str | None]
) -> None:
    release = archive / "dists/made/Release"
    text = release.read_text().replace("Suite: made\nCodename: made\n", "")
    for field, name in zip(("Suite", "Codename"), names, strict=True):
        text = (f"{field}: {name}\n" if name else "") + text
    release.write_text(text)
    source = sign()
    with pytest.raises(GlibcUnavailable, match=r"suite made with the signed index of another"):
        apt.download(REQUEST, source, work, _watch)
    assert not list((work / "out").iterdir())
    (again := work / "again").mkdir()
    with pytest.raises(GlibcUnavailable, match="another one"):
        apt.reach(REQUEST, source, again)


@pytest.mark.parametrize(("suite", "codename"), [("stable", "made"), ("made", "other")])
def test_a_suite_may_be_asked_for_by_either_name(
    archive: Path, work: Path, sign: Callable[[], Source], suite: str, codename: str
) -> None:
    release = archive / "dists/made/Release"
    new = f"Suite: {suite}\nCodename: {codename}\n"
    release.write_text(release.read_text().replace("Suite: made\nCodename: made\n", new))
    source = sign()
    assert apt.download(REQUEST, source, work, _watch).suffix == ".deb"


def test_a_signed_archive_is_taken(
    archive: Path, work: Path, tmp_path: Path, sign: Callable[[], Source]
) -> None:
    source = sign()
    found = apt.download(REQUEST, source, work, _watch)
    assert found.read_bytes() == (archive / "libc6.deb").read_bytes()
    (archive / "libc6.deb").write_bytes(b"exchanged after it was signed")
    (again := tmp_path / "again").mkdir()
    with pytest.raises(GlibcUnavailable):
        apt.download(REQUEST, source, again, _watch)
    index = archive / "dists/made/main/binary-amd64/Packages.gz"
    index.write_bytes(index.read_bytes() + bytes(1))
    (half := tmp_path / "half").mkdir()
    with pytest.raises(GlibcUnavailable, match="half updated"):
        apt.download(REQUEST, source, half, _watch)
    other = replace(REQUEST, arch="armhf")
    (third := tmp_path / "third").mkdir()
    with pytest.raises(GlibcUnavailable):
        apt.download(other, source, third, _watch)


def test_no_apt_get(work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    with pytest.raises(GlibcUnavailable, match=r"no apt-get.*glibc add DIR"):
        _download(tmp_path, work)


def test_a_folder_apt_cannot_be_told_of(archive: Path, tmp_path: Path) -> None:
    folder = tmp_path / 'with"quotes'
    folder.mkdir()
    with pytest.raises(GlibcError, match="quotes"):
        _download(archive, folder)
