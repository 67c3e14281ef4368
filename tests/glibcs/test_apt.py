"""The host's apt-get itself, against archives that must be refused. No network."""

from __future__ import annotations

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

INDEX = "dists/made/main/binary-amd64/Packages"
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


def _release(archive: Path, suite: str | None = "made", codename: str | None = "made") -> Path:
    """Writes the release file, which gives the suite these names."""
    content = (archive / INDEX).read_bytes()
    names = {"Suite": suite, "Codename": codename}
    lines = [f"{field}: {name}" for field, name in names.items() if name]
    lines += ["Architectures: amd64", "Components: main", "SHA256:"]
    lines += [f" {hashlib.sha256(content).hexdigest()} {len(content)} {INDEX[11:]}\n"]
    release = archive / "dists/made/Release"
    release.write_text("\n".join(lines))
    return release


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A complete archive of one suite, without a signature."""
    root = tmp_path / "archive"
    (root / INDEX).parent.mkdir(parents=True)
    data = deb(root / "libc6.deb", member("./lib/libc.so.6", b"libc")).read_bytes()
    (root / INDEX).write_text(
        "Package: libc6\nVersion: 2.36-1\nArchitecture: amd64\nFilename: libc6.deb\n"
        f"Size: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
        "Maintainer: nobody\nDescription: made\n"
    )
    _release(root)
    return root


def _download(archive: Path, work: Path, uri: str | None = None, keys: str = "") -> Path:
    source = Source(uri or f"file:{archive}", ("made",), ("main",), keys)
    return apt.download(REQUEST, source, work, _watch)


@pytest.mark.parametrize(
    "host",
    [
        "",
        'Acquire::AllowInsecureRepositories "true"; APT::Get::AllowUnauthenticated "true";',
        'APT::Update::Pre-Invoke { "touch RAN"; }; APT::Update::Post-Invoke { "touch RAN"; };'
        'APT::Default-Release "bookworm"; Dir::Cache::pkgcache "/nowhere/pkgcache.bin";',
    ],
    ids=["nothing", "trust in everything", "hooks and pins"],
)
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


def test_what_apt_cannot_get(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    quoted = tmp_path / 'with"quotes'
    keyless = str(tmp_path / "none.gpg")
    for from_, work, keys, said in (
        (tmp_path / "empty", tmp_path / "1", "", r"no suite made for amd64.*glibc add DIR"),
        (archive, tmp_path / "2", keyless, "cannot be checked with the host's keys"),
        (archive, quoted, "", "quotes"),
    ):
        work.mkdir()
        with pytest.raises(GlibcError, match=said):
            _download(from_, work, keys=keys)
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    with pytest.raises(GlibcUnavailable, match=r"no apt-get.*glibc add DIR"):
        _download(archive, tmp_path / "3")


@pytest.mark.parametrize(
    "words",
    [
        "Could not connect to m.test:80 (192.0.2.1)",  # up to 2.6
        "Unable to connect to m.test:http: [IP: 192.0.2.1 80]",  # from 3.0
    ],
)
def test_the_words_of_every_apt(words: str) -> None:
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

    def refused(folder: str, request: apt.PackageRequest = REQUEST) -> str:
        (tmp_path / folder).mkdir()
        with pytest.raises(GlibcUnavailable) as caught:
            apt.download(request, source, tmp_path / folder, _watch)
        return str(caught.value)

    (archive / "libc6.deb").write_bytes(b"exchanged after it was signed")
    refused("exchanged")
    (archive / INDEX).write_bytes((archive / INDEX).read_bytes() + bytes(1))
    assert "half updated" in refused("half")
    refused("other", replace(REQUEST, arch="armhf"))
