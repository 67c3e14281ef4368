"""Builds from where people have them: container images, packages, and the root of a process.

All of it is somebody else's: an image's manifests and layers are compared with their digests, and
the libraries alone are unpacked, by `harness.glibcs.archive`. Sources: the OCI image specification
(image layout, manifest, layers with whiteouts), containers-transports(5), skopeo-copy(1).
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from stat import S_ISREG
from typing import IO, Annotated, TypeVar

from pydantic import BaseModel, Field, RootModel, ValidationError

from harness.glibcs import cache
from harness.glibcs.archive import (
    IMAGE,
    LinkedElsewhere,
    Room,
    is_glibc,
    opened,
    unpack,
    unpack_tar,
)
from harness.glibcs.build import Build, GlibcError, GlibcUnavailable
from harness.glibcs.catalog import native_arch
from harness.glibcs.discover import PACKAGES, PACKED, SCHEMES, Tree, mode
from harness.glibcs.elf import sha256
from harness.glibcs.libc_files import WANTED
from harness.glibcs.managers import run
from harness.glibcs.other_files import any_in_directory
from harness.glibcs.release import DATABASES, RELEASES, STATUS, package_of
from harness.sandbox import programs
from harness.text.reading import read_regular
from harness.versions import SUPPORTED

# Manifests have some kilobytes, an old image's configuration with its history some hundred.
_LONGEST_JSON = 8 * 1024 * 1024
_MOST_LAYERS = 1024
# All layers of all images of an archive share these: one may be named a thousand times.
_MOST_MADE, _SECONDS = 1 << 30, 900.0
_TAG = "org.opencontainers.image.ref.name"
_HIDDEN, _OPAQUE = ".wh.", ".wh..wh..opq"
# Go's names of architectures, as images have them, where Debian's differ
_DEBIAN = {"386": "i386", "arm": "armhf", "ppc64le": "ppc64el"}
_ROOTED = str(Path(__file__).with_name("rooted.py"))

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Read = TypeVar("Read", bound=BaseModel)


class _Platform(BaseModel):
    architecture: str


class _Descriptor(BaseModel):
    digest: Digest
    platform: _Platform | None = None
    annotations: Mapping[str, str] | None = None


class _Manifest(BaseModel):
    """An image's manifest, or an index of manifests."""

    manifests: tuple[_Descriptor, ...] = ()
    config: _Descriptor | None = None
    layers: tuple[_Descriptor, ...] = ()


class _Layers(BaseModel):
    diff_ids: tuple[Digest, ...]


class _Config(BaseModel):
    architecture: str
    variant: str = ""
    rootfs: _Layers

    @property
    def arch(self) -> str:
        """Debian's name of the architecture, where it has one."""
        if self.architecture == "arm" and self.variant == "v5":
            return "armel"
        return _DEBIAN.get(self.architecture, self.architecture)


class _Saved(BaseModel):
    """An entry of a docker-archive's manifest.json."""

    Config: str
    Layers: tuple[str, ...]


class _AllSaved(RootModel[tuple[_Saved, ...]]):
    """A docker-archive's manifest.json."""


@dataclass(frozen=True, slots=True)
class _Image:
    """One platform of an image: its layers' files, the lowest first, and what each unpacks to."""

    digest: str
    arch: str
    layers: tuple[Path, ...]
    contents: tuple[str, ...]


@contextmanager
def unpacked(spec: str, arch: str | None = None) -> Iterator[list[Build]]:
    """The builds of an image, of packages or of a process, until the end of the context.

    ``spec`` is as `harness.glibcs.discover.PACKED` says, ``arch`` what to take of an image with
    several architectures, or ``all``; by default of a registry the host's own, else every one with
    a worker.

    Raises:
        GlibcError: There is no such file, it is damaged, or it has no usable glibc.
        GlibcUnavailable: No skopeo, registry, process, or program that opens such packages.
    """
    with cache.making(f"packed-{hashlib.sha256(spec.encode()).hexdigest()[:12]}") as work:
        found = list(_builds(spec, arch, work))
        if not found:
            wanted = "an architecture with a worker" if arch in (None, "all") else arch
            raise GlibcError(f"{spec}: no image for {wanted}")
        yield found


def _builds(spec: str, arch: str | None, work: Path) -> Iterator[Build]:
    scheme = next((one for one in SCHEMES if spec.startswith(one)), "")
    rest, tree, tag = spec.removeprefix(scheme), work / "tree", ""
    room = Room(IMAGE.size, _MOST_MADE, _SECONDS)
    if scheme.startswith("oci") and ":" in rest and not mode(rest):
        rest, _, tag = rest.rpartition(":")
    tree.mkdir()
    if scheme == "pid:":
        _copy_root(rest, tree, room)
        yield _build(spec, tree, f"process {rest}")
    elif not scheme:
        paths = [_file(spec, part) for part in re.split(r"(?<=\.deb|\.rpm)\+", spec)]
        for path in paths:
            if path.name.endswith(PACKAGES):
                unpack(path, tree)
            else:
                _apply(path, tree, room)
        digest = hashlib.sha256("+".join(map(sha256, paths)).encode()).hexdigest()
        yield _build(spec, tree, " + ".join(path.name for path in paths), digest, paths)
    else:
        layout = work / "layout"
        if scheme == "docker://":
            _pull(spec, arch, layout)
        elif scheme == "oci:":
            layout = Path(rest)
        else:
            layout.mkdir()
            whole = replace(IMAGE, largest=IMAGE.size)
            with opened(_file(spec, rest)) as stream:
                unpack_tar(stream, layout, rest, lambda _: True, whole)
        for image in _images(spec, layout, tag, saved=scheme == "docker-archive:"):
            tree = work / image.digest
            if tree.exists():  # it is there twice
                continue
            if arch in (None, "all", image.arch) and image.arch in SUPPORTED:
                tree.mkdir()
                for layer, content in zip(image.layers, image.contents, strict=True):
                    _apply(layer, tree, room, content)
                yield _build(spec, tree, f"image sha256:{image.digest[:12]}", image.digest)


def _file(spec: str, name: str) -> Path:
    path = Path(name)
    if not S_ISREG(mode(path)):
        raise GlibcError(f"{spec}: {name} is no file; expected {PACKED}")
    return path


def _build(
    spec: str, tree: Path, shown: str, digest: str = "", packages: Sequence[Path] = ()
) -> Build:
    """The glibc of an unpacked tree, or its musl, with what its distribution says of itself."""
    found = any_in_directory(tree, name=spec)
    digest = digest or sha256(found.libc)
    package = package_of(Tree(tree), packages)
    version = "" if package.package_version in shown else package.package_version
    return replace(
        found,
        id=f"packed-{digest[:12]}-{found.named_version.replace(' ', '-')}-{found.arch}",
        origin=" ".join(filter(None, (*package[:2], version, shown))),
        source=shown,
        digest=f"sha256:{digest}",
        **package._asdict(),
    )


def _copy_root(pid: str, tree: Path, room: Room) -> None:
    if not pid.isdecimal():
        raise GlibcError(f"pid:{pid}: expected the number of a process")
    files = (*RELEASES, STATUS, *DATABASES)
    program = [sys.executable, "-I", "-S", _ROOTED, pid, WANTED.pattern, *files]
    # it ends with its output's reader
    with subprocess.Popen(
        program, env={}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=False,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            _unpack_layer(process.stdout, tree, f"pid:{pid}", tree, room)
        except GlibcError:
            process.stdout.close()  # it may still be writing
            if process.wait() != 1:
                raise
        said = process.stderr.read().decode("utf-8", "replace").strip()
    if process.returncode:
        raise GlibcUnavailable(
            f"pid:{pid}: its root cannot be entered ({said})",
            "name a running process of yours, or ask as root",
        )


def _pull(spec: str, arch: str | None, layout: Path) -> None:
    """Copy an image out of a registry with the host's skopeo, credentials and policy."""
    skopeo = programs.find("skopeo")
    if skopeo is None:
        raise GlibcUnavailable(
            "this host has no skopeo, which fetches images",
            "install skopeo, or name an image's file: docker-archive:FILE, oci-archive:FILE",
        )
    go = {debian: name for name, debian in _DEBIAN.items()}
    wanted = arch or native_arch()
    which = ["--all"] if arch == "all" else ["--override-arch", go.get(wanted, wanted)]
    if wanted == "armhf":
        which += ["--override-variant", "v7"]
    command = [skopeo, "copy", "--quiet", *which, spec, f"oci:{layout}:image"]
    if arch != "all":
        command[1:1] = ["--override-os", "linux"]
    failed = run(command, layout.parent)
    if failed is not None:
        said = failed.strip().splitlines() or ["nothing"]
        raise GlibcUnavailable(
            f"{spec} cannot be fetched (skopeo says: {said[-1].strip()[:500]})",
            "see containers-registries.conf(5), containers-policy.json(5) and skopeo-login(1)",
        )


def _images(spec: str, layout: Path, tag: str, *, saved: bool) -> Iterator[_Image]:
    tree = Tree(layout)

    def file(inside: str) -> Path:
        found = tree.file(inside)
        if found is None:
            raise GlibcError(f"{spec}: no {inside} in it; expected {PACKED}")
        return found

    def read(inside: str, model: type[Read], digest: str | None = None) -> Read:
        try:
            data = read_regular(file(inside), _LONGEST_JSON)
            if digest not in (None, hashlib.sha256(data).hexdigest()):
                raise GlibcError(f"{spec}: {inside} has another content than its name says")
            return model.model_validate_json(data)
        except (ValidationError, OSError):
            raise GlibcError(f"{spec}: {inside} is no {model.__name__[1:].lower()}") from None

    def blob(one: _Descriptor) -> str:
        return "blobs/" + one.digest.replace(":", "/")

    def image(name: str, config: _Config, layers: list[Path]) -> _Image:
        contents = config.rootfs.diff_ids
        if len(layers) != len(contents) or len(layers) > _MOST_LAYERS:
            raise GlibcError(
                f"{spec}: {len(layers)} layers, and the configuration has another number"
            )
        return _Image(name, config.arch, tuple(layers), contents)

    if saved:
        for entry in read("manifest.json", _AllSaved).root:
            # "HEX.json", or "blobs/sha256/HEX"
            digest = PurePosixPath(entry.Config).name.removesuffix(".json")
            config = read(entry.Config, _Config, digest)
            yield image(digest, config, [file(name) for name in entry.Layers])
        return
    waiting = list(read("index.json", _Manifest).manifests)
    if tag:
        names = [(one.annotations or {}).get(_TAG, "") for one in waiting]
        if tag not in names:
            there = ", ".join(dict.fromkeys(filter(None, names))) or "none with a name"
            raise GlibcError(f"{spec}: no image {tag} in it; it has {there[:200]}")
        waiting = [one for one, name in zip(waiting, names, strict=True) if name == tag]
    known = set[str]()
    for one in waiting:
        if len(waiting) > _MOST_LAYERS:
            raise GlibcError(f"{spec}: more than {_MOST_LAYERS} manifests")
        is_attestation = one.platform and one.platform.architecture == "unknown"
        if is_attestation or one.digest in known:
            continue
        known.add(one.digest)
        digest = one.digest.removeprefix("sha256:")
        manifest = read(blob(one), _Manifest, digest)
        waiting += manifest.manifests
        if manifest.config is not None:
            own = manifest.config.digest.removeprefix("sha256:")
            config = read(blob(manifest.config), _Config, own)
            yield image(digest, config, [file(blob(layer)) for layer in manifest.layers])


def _apply(layer: Path, tree: Path, room: Room, content: str = "") -> None:
    """Put a layer over a tree; ``content`` is the digest of what it unpacks to, if it has one."""
    above = tree.with_name("above")

    def unpacked(linked: frozenset[str] = frozenset()) -> str:
        above.mkdir()
        with opened(layer) as stream:
            return _unpack_layer(stream, above, layer.name, tree, room, linked)

    try:
        digest = unpacked()
    except LinkedElsewhere as links:  # as OSTree has all files, to its objects
        shutil.rmtree(above)
        digest = unpacked(links.targets)
    if content and f"sha256:{digest}" != content:
        raise GlibcError(f"{layer.name}: another content than the image's configuration says")
    for path in sorted(above.rglob("*")):
        place = tree / path.relative_to(above)
        if path.is_dir() and not path.is_symlink():
            if not place.is_dir() or place.is_symlink():
                _remove(place)
                place.mkdir()
        else:
            _remove(place)
            path.rename(place)
    shutil.rmtree(above)


def _unpack_layer(
    stream: IO[bytes], into: Path, shown: str, below: Path, room: Room,
    linked: frozenset[str] = frozenset(),
) -> str:  # fmt: skip
    """Unpack a layer's libraries, and remove from the tree below what it hides; its SHA-256."""

    def wanted(name: str) -> bool:
        path = PurePosixPath(name)
        if path.name.startswith(_HIDDEN):
            _hide(path, below)
            return False
        return is_glibc(name) or name in (*RELEASES, STATUS, *DATABASES)

    return unpack_tar(stream, into, shown, wanted, IMAGE, linked, room)


def _hide(mark: PurePosixPath, tree: Path) -> None:
    """Remove what a layer's mark hides in those below it, never through a link."""
    folder, name = tree / mark.parent, mark.name.removeprefix(_HIDDEN)
    root = Path(os.path.realpath(tree))
    # of a name that is longer than names can be, these two say that it is not there
    if os.path.realpath(folder) != str(root / mark.parent) or not os.path.isdir(folder):  # noqa: PTH112
        return
    if mark.name == _OPAQUE:
        for path in folder.iterdir():
            _remove(path)
    elif name not in ("", ".", "..") and os.path.lexists(folder / name):
        _remove(folder / name)


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
