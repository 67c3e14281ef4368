"""Builds out of container images, packages and the root of a process."""

import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.glibcs import GlibcError, GlibcUnavailable, add, find, images, inventory
from harness.glibcs.archive import IMAGE
from harness.glibcs.build import Build
from harness.glibcs.catalog import native_arch
from harness.glibcs.discover import image_and_arch
from harness.glibcs.libc_files import WANTED
from harness.sandbox import programs
from harness.versions import ARCHITECTURES
from tests.e2e.kit import COMMAND, OF_EVERY_KIND, start
from tests.glibcs.making import (
    BASE,
    LD,
    LIBC,
    LOADER,
    RELEASE,
    ROOT,
    Layout,
    elf,
    hard,
    link,
    member,
    rpm,
    tar,
)

ROOTED = Path(images.__file__).with_name("rooted.py")
UPDATE = tar(
    member(LIBC, elf()), member("usr/lib64/.wh.libm.so.6"), member("usr/bin/.wh..wh..opq"),
    member("opt/.wh..wh..opq"),
)  # fmt: skip


def _archived(layout: Layout, path: Path) -> Path:
    with tarfile.open(path, "w") as archive:
        archive.add(layout.folder, ".")
    return path


def _saved(layout: Layout, manifest: dict[str, Any], path: Path) -> Path:
    """What ``docker save`` writes: a list of images, each with its configuration and layers."""
    names = ["blobs/" + one["digest"].replace(":", "/") for one in manifest["layers"]]
    config = "blobs/" + manifest["config"]["digest"].replace(":", "/")
    (layout.folder / "manifest.json").write_text(
        json.dumps([{"Config": config, "RepoTags": ["a:1"], "Layers": names}])
    )
    (layout.folder / "index.json").unlink()
    return _archived(layout, path)


@pytest.mark.parametrize("form", ["oci", "oci-archive", "docker-archive"])
def test_layers_lie_over_each_other(form: str, layout: Layout, tmp_path: Path) -> None:
    manifest = layout.image(BASE, UPDATE)
    place = layout.folder
    if form != "oci":
        path = tmp_path / "a.tar"
        place = _archived(layout, path) if form[0] == "o" else _saved(layout, manifest, path)
    (build,) = find(f"{form}:{place}")
    assert (build.version, build.arch) == ("2.36", "amd64")
    assert build.origin.startswith("rhel-like 9 image sha256:")
    assert (build.distribution, build.release, build.package_version) == ("rhel-like", "9", "")
    assert build.source == f"image sha256:{build.id.split('-')[1]}"
    whole = manifest["config"] if form[0] == "d" else layout.manifests[0]
    assert build.digest == whole["digest"]
    assert build.names == ("ld-linux-x86-64.so.2", "libc.so.6", "libdl.so.2")  # no libm.so.6
    assert build.libc.read_bytes() == elf()
    shutil.rmtree(layout.folder)
    listed = [(one.state, one.digest) for one in inventory() if one.id == build.id]
    assert listed == [("image", whole["digest"])]
    assert find(build.id) == [build]


def test_what_was_given_for_one_run_is_in_no_other(layout: Layout) -> None:
    libc = elf(content=b"GNU C Library (made up) stable release version 2.37.\n")
    layout.image(tar(RELEASE, member(LIBC, libc), member(LD, LOADER)))
    (given,) = find(f"oci:{layout.folder}")
    for every in ("all", f"all:{given.arch}", "all:all"):
        assert given not in find(every)
    assert find("2.37:amd64") == [given]  # where no other build is of that version
    added = add(f"oci:{layout.folder}", "kept")
    assert added in find("all:amd64")
    listed = [(one.state, one.name) for one in inventory() if one.version == "2.37"]
    assert listed == [("added", "kept")]  # and not a second time, without its name
    assert find("2.37:amd64") == [added]


def _of_several(layout: Layout) -> None:
    for arch, name, variant in (
        ("amd64", "amd64", None), ("s390x", "s390x", None), ("arm", "armhf", "v7"),
    ):  # fmt: skip
        loader = f"ld-{ARCHITECTURES[name].machine}.so.1"
        libc = elf(name, needed=(loader,), interpreter=None)
        own = elf(name, soname=loader, needed=(), interpreter=None, versions=(), content=b"")
        root = tar(RELEASE, member(LIBC, libc), member(f"lib/{loader}", own))
        layout.image(root, arch=arch, variant=variant)
    layout.image(BASE, arch="unknown")  # an attestation
    layout.image(BASE, arch="wasm")
    layout.image(BASE, arch="arm", variant="v5")  # Debian's armel, for which there is no worker


def test_each_architecture_of_an_image_is_a_build(layout: Layout) -> None:
    _of_several(layout)
    spec = f"oci:{layout.folder}"
    for each in (spec, spec, f"{spec}:all"):  # the second time in the place of the first
        assert [build.arch for build in find(each)] == ["amd64", "s390x", "armhf"]
    assert [build.arch for build in find(f"{spec}:armhf")] == ["armhf"]
    assert add(f"{spec}:armhf", "small").arch == "armhf"
    with pytest.raises(GlibcError, match=r"for amd64, s390x, armhf; expected one, which --arch"):
        add(spec)
    assert add(spec, "big", arch="s390x").arch == "s390x"
    for arch in (f"{spec}:riscv64", spec):
        with pytest.raises(GlibcError, match="no image for riscv64"):
            add(arch, arch=None if arch != spec else "riscv64")


@pytest.mark.parametrize(("spec", "image", "arch"), [
    ("docker://r/a:9:s390x", "docker://r/a:9", "s390x"),
    ("docker://r:5000/a:9:all", "docker://r:5000/a:9", "all"),
    ("docker://r/a@sha256:00:armhf", "docker://r/a@sha256:00", "armhf"),
    ("docker://r:5000/a:all", "docker://r:5000/a:all", None),  # a tag
    ("docker://r/a:9:mips", "docker://r/a:9:mips", None),
    ("oci:arm64", "oci:arm64", None),
    ("oci:dir:arm64", "oci:dir", "arm64"),
    ("oci:dir:i386", "oci:dir:i386", None),  # a folder of that name
    ("pid:1", "pid:1", None),
])  # fmt: skip
def test_an_architecture_may_stand_behind_an_image(
    spec: str, image: str, arch: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dir:i386").mkdir()
    assert image_and_arch(spec) == (image, arch)


def test_libraries_that_are_links_to_ostrees_objects(layout: Layout) -> None:
    """In one layer, each object and then the link; a database may do without its object."""
    one, two, three = (f"sysroot/ostree/repo/objects/0{name}/1.file" for name in "abc")
    layout.image(tar(
        member(one, elf()), hard(LIBC, one), member(two, LOADER), hard(LD, two),
        RELEASE, hard("usr/share/rpm/rpmdb.sqlite", three), member("usr/share/doc/x", b"not"),
    ))  # fmt: skip
    (build,) = find(f"oci:{layout.folder}")
    assert (build.version, build.libc.read_bytes()) == ("2.36", elf())
    assert build.loader.read_bytes() == LOADER
    assert (build.distribution, build.release, build.package_version) == ("rhel-like", "9", "")


@pytest.mark.parametrize("form", ["oci", "oci-archive"])
def test_one_of_several_images_is_named_by_its_tag(
    form: str, layout: Layout, tmp_path: Path
) -> None:
    layout.image(BASE, tag="9.0")
    layout.image(BASE, UPDATE, tag="9.1")
    layout.image(BASE)
    place = layout.folder if form == "oci" else _archived(layout, tmp_path / "a.tar")
    for spec, version in ((f"{form}:{place}:9.0", "2.34"), (f"{form}:{place}:9.1:amd64", "2.36")):
        assert [build.version for build in find(spec)] == [version]
    with pytest.raises(GlibcError, match=r"no image 9\.2 in it; it has 9\.0, 9\.1$"):
        find(f"{form}:{place}:9.2")


@pytest.mark.parametrize(("spec", "meant"), [
    ("docker:localhost:5000/a:9", "localhost:5000/a:9"), ("docker:/r.test/a:9", "r.test/a:9"),
    ("localhost:5000/a:9", "localhost:5000/a:9"), ("registry:5000/a:9", "registry:5000/a:9"),
    ("r.test/a/b:9", "r.test/a/b:9"), ("r.test/a@sha256:00", "r.test/a@sha256:00"),
    ("./r.test/a", None), ("../rootfs:armhf", None), ("images/a:9", None),
])  # fmt: skip
def test_an_image_without_its_scheme_is_recognized(spec: str, meant: str | None) -> None:
    for ask in (find, add):
        with pytest.raises(GlibcError, match="does not exist; expected a directory") as caught:
            ask(spec)
        assert str(caught.value).partition(", or docker://")[2].partition(",")[0] == (meant or "")


def _with(key: str, value: object) -> Callable[[Layout], object]:
    return lambda made: (made.folder / "index.json").write_text(json.dumps({key: value}))


def _cut(made: Layout) -> None:
    layer = made.image(BASE)["layers"][0]["digest"].replace(":", "/")
    path = made.folder / "blobs" / layer
    path.write_bytes(path.read_bytes()[:-40])


def _other(made: Layout) -> None:
    layer = made.image(BASE)["layers"][0]["digest"].replace(":", "/")
    (made.folder / "blobs" / layer).write_bytes(gzip.compress(UPDATE))


def _config(made: Layout) -> None:
    config = made.image(BASE)["config"]["digest"].replace(":", "/")
    (made.folder / "blobs" / config).write_bytes(b"{}")


@pytest.mark.parametrize(("spoil", "said"), [
    (lambda made: shutil.rmtree(made.folder), "no index.json in it; expected docker-archive:FILE"),
    (lambda made: (made.folder / "index.json").write_text("[" * 100_000), "is no manifest"),
    (_with("manifests", 3), "index.json is no manifest"),
    (_with("manifests", [{"digest": "sha256:../../etc/passwd"}]), "index.json is no manifest"),
    (_with("manifests", [{"digest": "sha256:" + "0" * 64}]), "no blobs/sha256/000"),
    (_config, "has another content than its name says"),
    (_cut, "damaged"),
    (_other, "another content than the image's configuration says"),
    (lambda made: made.image(tar(member("../lib/libc.so.6", elf()))), "points outside"),
    (lambda made: made.image(tar(link("lib/libc.so.6", "../../../etc/passwd"))), "points outside"),
    (lambda made: made.image(tar(hard("lib/libc.so.6", "etc/passwd"))), "which is not unpacked"),
    (lambda made: made.image(tar(link("lib/ld.so", "/etc"), member("lib/ld.so/ld.so"))), "a link"),
    (lambda made: made.image(tar(member("usr/bin/sh"))), "no libc.so.6 in it"),
    (lambda made: made.image(BASE, tar(member("usr/lib64/.wh.libc.so.6"))), "no libc.so.6 in it"),
    (lambda made: made.image(BASE, tar(member(".wh..wh..opq"))), "no libc.so.6 in it"),
])  # fmt: skip
def test_a_spoilt_image_is_one_line(
    spoil: Callable[[Layout], object], said: str, layout: Layout, cache: Path
) -> None:
    spoil(layout)
    with pytest.raises(GlibcError) as caught:
        find(f"oci:{layout.folder}")
    assert said in str(caught.value)
    assert str(caught.value).isprintable()
    assert [*(cache / "tmp").iterdir()] == []


@pytest.mark.parametrize(("name", "value", "said"), [
    ("IMAGE", replace(IMAGE, size=2 * len(BASE)), "MiB unpacked"),
    ("_MOST_MADE", 1, "MiB of libraries"),
    ("_SECONDS", -1, "unpacking it takes over"),
])  # fmt: skip
def test_the_layers_of_an_image_share_what_they_may_take(
    name: str, value: object, said: str, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image of some kilobytes could name one layer a thousand times."""
    layout.image(BASE, BASE, BASE)
    monkeypatch.setattr(images, name, value)
    with pytest.raises(GlibcError, match=said):
        find(f"oci:{layout.folder}")


def test_a_nul_in_the_name_of_a_layer(cache: Path, tmp_path: Path) -> None:
    archive, saved = tmp_path / "image.tar", json.dumps([{"Config": "a\0b", "Layers": []}])
    archive.write_bytes(tar(member("manifest.json", saved.encode())))
    with pytest.raises(GlibcError, match=r"no a\\x00b in it"):
        find(f"docker-archive:{archive}")
    assert [*(cache / "tmp").iterdir()] == []


def test_what_a_layer_hides_never_leads_out(layout: Layout, tmp_path: Path) -> None:
    kept = tmp_path / "outside/libm.so.6"
    kept.parent.mkdir()
    kept.write_bytes(b"mine")
    upwards = "/".join([".."] * 20)
    layout.image(
        BASE, tar(link("usr/lib64/ld.so", f"{kept.parent}")),
        tar(member("usr/lib64/ld.so/.wh.libm.so.6"), member("usr/lib64/ld.so/.wh..wh..opq")),
        tar(member(f"usr/.wh.{upwards.replace('/', '')}")),
        tar(link("lib/libc.so.6", "libc.so.6")), tar(member("lib/libc.so.6/.wh.x")),
        tar(member("lib/.wh.libc.so.6")),
        tar(member(".wh..."), member(".wh."), member("usr/.wh..."), member("usr/.wh..")),
        tar(member(f"usr/.wh.{'a' * 256}"), member(f"usr/{'a' * 256}/.wh.libm.so.6")),
    )  # fmt: skip
    find(f"oci:{layout.folder}")
    assert kept.read_bytes() == b"mine"


@pytest.mark.parametrize(("ending", "compress"), [
    (".tar", None), (".tar.gz", "gzip"), (".tar.xz", "xz"), (".tar.zst", "zstd"),
])  # fmt: skip
def test_a_root_file_system(
    ending: str, compress: str | None, tmp_path: Path, needs: Callable[..., str]
) -> None:
    path = tmp_path / "rootfs.tar"
    # what is of no library may be called as it likes
    strange = member("srv/" * 80 + "x"), member("srv/" + "y" * 300)
    path.write_bytes(tar(*strange, *ROOT))
    if compress:
        subprocess.run([needs(compress), "-q", path], check=True)
    (build,) = find(str(next(tmp_path.glob(f"rootfs{ending}"))))
    assert (build.version, build.origin) == ("2.34", f"rhel-like 9 rootfs{ending}")


@pytest.mark.bare
@pytest.mark.parametrize("too_large", [False, True])
def test_the_root_of_a_process(own: Build, tmp_path: Path, too_large: bool) -> None:
    """In a root of its own, where a link that is absolute leads to a file of that root."""
    root = tmp_path / "root"
    for name, path in own.files:
        (root / "usr/lib").mkdir(parents=True, exist_ok=True)
        shutil.copy(path, root / "usr/lib" / name)
    (root / "usr/lib/libm.so.6").unlink()
    (root / "usr/lib/libm.so.6").symlink_to("/etc/passwd")  # not this host's
    (root / "usr/lib/libbig.so.1").write_bytes(b"of no look-up")
    if too_large:  # it is refused while it is still being written
        with (root / "usr/lib/libdl.so.2").open("wb") as stream:
            stream.truncate(65 << 20)
    # code of that root, which a look-up of a file's owner would run
    (root / "etc").mkdir()
    (root / "etc/nsswitch.conf").write_text("passwd: mine\ngroup: mine\n")
    (root / "usr/lib/libnss_mine.so.2").write_bytes(b"not read")
    program = (
        "import os, sys, time; os.chroot(sys.argv[1]); os.chdir('/'); print(flush=True);"
        "time.sleep(600)"
    )
    become = [] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user"]
    with subprocess.Popen(
        [*become, sys.executable, "-I", "-c", program, root], stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            if too_large:
                with pytest.raises(GlibcError, match="too many for a library"):
                    find(f"pid:{process.pid}")
                return
            (build,) = find(f"pid:{process.pid}")
            rooted = [sys.executable, "-I", "-S", str(ROOTED), str(process.pid), WANTED.pattern]
            copied = subprocess.check_output(rooted)
            with tarfile.open(fileobj=io.BytesIO(copied), mode="r:") as archive:
                members = archive.getmembers()
            assert {one.uname + one.gname for one in members} == {""}
            assert "libbig.so.1" not in {Path(one.name).name for one in members}
        finally:
            process.kill()
    assert (build.version, build.arch) == (own.version, own.arch)
    assert set(own.names) - set(build.names) <= {"libm.so.6"}
    assert build.origin == f"process {process.pid}"
    assert [one.state for one in inventory() if one.id == build.id] == ["process"]
    for word in (f"pid:{process.pid}", "pid:0"):
        with pytest.raises(GlibcUnavailable, match=f"{word}: its root cannot be entered"):
            find(word)
    with pytest.raises(GlibcError, match="pid:1x: expected the number of a process"):
        find("pid:1x")


CHANGING = """
import io, os, runpy, sys, tarfile
add = runpy.run_path(sys.argv[1])["_add"]
class Changing(tarfile.TarFile):
    def gettarinfo(self, *words, **more):
        found = super().gettarinfo(*words, **more)
        if os.path.isfile("libc.so.6"):
            os.remove("libc.so.6")
            os.mkfifo("libc.so.6")
        return found
open("libc.so.6", "w").close()
os.symlink("libc.so.6", "libm.so.6")
archive = Changing(fileobj=io.BytesIO(), mode="w")
add(archive, "libc.so.6")
add(archive, "libm.so.6")
print(archive.getnames())
"""


def test_a_file_of_a_process_that_becomes_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    words = [sys.executable, "-I", "-S", "-c", CHANGING, str(ROOTED)]
    assert subprocess.check_output(words, cwd=tmp_path, timeout=30) == b"['libm.so.6']\n"


def _push(layout: Layout, spec: str, needs: Callable[..., str]) -> None:
    done = start(needs("skopeo"), "copy", "-q", "--all", f"oci:{layout.folder}", spec)
    assert done.returncode == 0, done.stderr


def test_an_image_of_several_architectures_in_a_registry(
    insecure: str, layout: Layout, needs: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host's own by default; another, or each that has a worker, by the word behind it."""
    _of_several(layout)
    layout.platforms()
    spec = f"docker://{insecure}/test/several:9"
    _push(layout, spec, needs)
    assert [build.arch for build in find(spec)] == [native_arch()]
    for arch in ("s390x", "armhf"):
        (build,) = find(f"{spec}:{arch}")
        assert (build.arch, build.distribution, build.release) == (arch, "rhel-like", "9")
        assert build.source == f"image sha256:{build.id.split('-')[1]}"
        assert add(spec, arch, arch=arch).arch == arch
    assert [build.arch for build in find(f"{spec}:all")] == ["amd64", "s390x", "armhf"]
    with pytest.raises(GlibcError, match=r"for amd64, s390x, armhf; expected one, which --arch"):
        add(f"{spec}:all")
    with pytest.raises(GlibcUnavailable, match=r"skopeo says: .*riscv64"):
        find(f"{spec}:riscv64")
    with pytest.raises(GlibcUnavailable, match=r"cannot be fetched \(skopeo says: .*unknown"):
        find(f"docker://{insecure}/test/none:9")
    monkeypatch.setattr(programs, "find", lambda _: None)
    with pytest.raises(GlibcUnavailable, match="this host has no skopeo"):
        find(spec)


def _whole(form: str, own: Build, tmp_path: Path, needs: Callable[..., str], registry: str) -> str:
    """The host's glibc in one of the forms that people have theirs in, as --glibc names it."""
    places = [(f"usr/lib64/{name}", path) for name, path in own.files]
    if form == "rpm":
        needs("rpm2archive", "rpm2cpio")
        needs("rpmbuild", "rpm")
        halves = ("glibc", places[:2]), ("glibc-common", places[2:])
        parts = ((name, [(f"/{place}", path) for place, path in half]) for name, half in halves)
        return "+".join(str(rpm(tmp_path, name, *files)) for name, files in parts)
    layout = Layout(tmp_path / "image")
    files = (member(place, path.read_bytes()) for place, path in places)
    layout.image(tar(RELEASE, *files), arch=own.arch)
    if form == "docker://":
        spec = f"{form}{registry}/test/rhel-like:9"
    else:
        spec = f"{form}{tmp_path}/saved.tar"
    _push(layout, spec, needs)
    return spec


@pytest.mark.parametrize("scenarios", [
    OF_EVERY_KIND, pytest.param((), id="library", marks=pytest.mark.slow),
], ids=["kinds", "library"])  # fmt: skip
@pytest.mark.parametrize("form", ["docker-archive:", "docker://", "rpm", "pid:"])
def test_the_library_agrees_on_each(
    form: str, scenarios: tuple[str, ...], own: Build, tmp_path: Path, needs: Callable[..., str],
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    """Wherever a glibc comes from, its answers are the model's; the whole library runs at night."""
    if form == "pid:":
        become = [] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user"]
        sleeping = subprocess.Popen([*become, "sleep", "600"])
        request.addfinalizer(sleeping.kill)
        spec = f"pid:{sleeping.pid}"
    else:
        registry = request.getfixturevalue("insecure") if form == "docker://" else ""
        spec = _whole(form, own, tmp_path, needs, registry)
    done = start(COMMAND, "run", *scenarios, "--glibc", spec, "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    results = json.loads(done.stdout)["results"]
    # up to 2.42 a line of the library makes glibc crash, as the model says
    assert all(one["verdict"] == "agree" or one["predicted"] for one in results)
    assert len(results) > len(scenarios)
    ((version, lane, origin),) = {(one["glibc"], one["lane"], one["build"]) for one in results}
    assert (version, lane) == (own.version, "worker")
    assert {"rpm": "glibc-2.34", "pid:": "process"}.get(form, "rhel-like 9 image") in origin
