"""Small artificial ELF files, packages and images."""

import gzip
import hashlib
import io
import json
import struct
import tarfile
from pathlib import Path
from typing import Any

from harness.versions import ARCHITECTURES
from tests.e2e.kit import start

OCI = "application/vnd.oci.image"


def elf(
    arch: str = "amd64",
    soname: str = "libc.so.6",
    needed: tuple[str, ...] = ("ld-linux-x86-64.so.2",),
    interpreter: str | None = "/lib64/ld-linux-x86-64.so.2",
    versions: tuple[str, ...] = ("libc.so.6", "GLIBC_2.2.5", "GLIBC_2.36"),
    content: bytes = b"GNU C Library (made up) stable release version 2.36.\n",
) -> bytes:
    """A shared object with just the headers that are read; every offset is its own address."""
    row = ARCHITECTURES[arch]
    wide = row.bits == 64
    order, word = ("<" if row.little else ">"), ("Q" if wide else "I")
    header, segment = (64, 56) if wide else (52, 32)
    strings = bytearray(b"\0")

    def string(text: str) -> int:
        strings.extend(text.encode() + b"\0")
        return len(strings) - len(text) - 1

    tags = [(1, string(name)) for name in needed] + [(14, string(soname))]
    names = [string(name) for name in versions]
    interp = (interpreter or "").encode() + b"\0"
    start = header + 3 * segment
    at_verdef = start + len(interp)
    verdef = b"".join(
        struct.pack(order + "HHHHIII", 1, 0, number + 1, 1, 0, 20, 28 * (number < len(names) - 1))
        + struct.pack(order + "II", name, 0)
        for number, name in enumerate(names)
    )
    at_strings = at_verdef + len(verdef)
    tags += [(5, at_strings)]
    if names:
        tags += [(0x6FFFFFFC, at_verdef), (0x6FFFFFFD, len(names))]
    at_dynamic = at_strings + len(strings)
    dynamic = b"".join(struct.pack(order + word * 2, *tag) for tag in [*tags, (0, 0)])
    body = interp + verdef + bytes(strings) + dynamic + content
    end = start + len(body)

    def program(kind: int, offset: int, size: int) -> bytes:
        if wide:
            return struct.pack(order + "IIQQQQQQ", kind, 4, offset, offset, offset, size, size, 1)
        return struct.pack(order + "IIIIIIII", kind, offset, offset, offset, size, size, 4, 1)

    ident = b"\x7fELF" + bytes([1 + wide, 1 if row.little else 2, 1]) + bytes(9)
    fields = (0, header, 0, row.flag, header, segment, 3, 0, 0, 0)
    head = struct.pack(order + "HHI", 3, row.machine, 1)
    head += struct.pack(order + word * 3 + "IHHHHHH", *fields)
    programs = program(1, 0, end) + program(2, at_dynamic, len(dynamic))
    return ident + head + programs + program(3 if interpreter else 4, start, len(interp)) + body


def member(name: str, content: bytes = b"", **more: object) -> tuple[tarfile.TarInfo, bytes]:
    """A tar member; *more* are attributes of its TarInfo."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    info.mode = 0o755
    for key, value in more.items():
        setattr(info, key, value)
    return info, content


def link(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, type=tarfile.SYMTYPE, linkname=target)


def hard(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, type=tarfile.LNKTYPE, linkname=target)


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return output.getvalue()


def ar_header(name: str, size: int) -> bytes:
    return f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{size:<10}`\n".encode()


def deb(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    """A Debian package with these members (deb(5): an ar archive of three files)."""
    control = tar(member("./control", b"Package: libc6\nVersion: 2.36-1\nArchitecture: amd64\n"))
    parts = (("debian-binary", b"2.0\n"), ("control.tar", control), ("data.tar", tar(*members)))
    with path.open("wb") as output:
        output.write(b"!<arch>\n")
        for name, content in parts:
            output.write(ar_header(name, len(content)) + content + b"\n" * (len(content) % 2))
    return path


def rpm(folder: Path, name: str, *files: tuple[str, Path], release: str = "1") -> Path:
    """A package with these files, by the real rpmbuild."""
    spec = folder / f"{name}.spec"
    lines = [f"install -D {path} %{{buildroot}}{place}" for place, path in files]
    spec.write_text(
        f"Name: {name}\nVersion: 2.34\nRelease: {release}\nSummary: x\nLicense: x\n"
        "AutoReqProv: no\n%description\n%install\n" + "\n".join(lines) + "\n%files\n"
        + "\n".join(place for place, _ in files)
    )  # fmt: skip
    tops = ["--define", f"_topdir {folder}", "--define", "__os_install_post %{nil}"]
    tops += ["--define", "debug_package %{nil}", "--define", "_build_id_links none"]
    start("rpmbuild", "-bb", *tops, spec, check=True)
    return next(folder.glob(f"RPMS/*/{name}-2.34-{release}.*.rpm"))


def state_of(*places: str) -> dict[Path, tuple[int, ...]]:
    """Every file and folder in these places of the host, with what changes when somebody writes."""
    folders = [one for place in places for one in Path("/").glob(place)]
    paths = [path for folder in folders for path in (folder, *folder.rglob("*"))]
    known = ((path, path.lstat()) for path in paths)
    return {path: (s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for path, s in known}


class Layout:
    """An OCI image layout, written blob by blob (OCI image specification, image-layout.md)."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.manifests = folder, list[dict[str, Any]]()
        (folder / "blobs/sha256").mkdir(parents=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def blob(self, content: bytes, kind: str) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        (self.folder / "blobs/sha256" / digest).write_bytes(content)
        return {"mediaType": kind, "size": len(content), "digest": f"sha256:{digest}"}

    def image(
        self, *layers: bytes, arch: str = "amd64", variant: str | None = None, tag: str = ""
    ) -> dict[str, Any]:
        contents = [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]
        platform = {"architecture": arch, "os": "linux"}
        platform |= {"variant": variant} if variant else {}
        config = {**platform, "rootfs": {"type": "layers", "diff_ids": contents}}
        manifest = {
            "schemaVersion": 2, "mediaType": f"{OCI}.manifest.v1+json",
            "config": self.blob(json.dumps(config).encode(), f"{OCI}.config.v1+json"),
            "layers": [self.blob(gzip.compress(layer), f"{OCI}.layer.v1.tar+gzip")
                       for layer in layers],
        }  # fmt: skip
        one = self.blob(json.dumps(manifest).encode(), f"{OCI}.manifest.v1+json")
        named = {"annotations": {"org.opencontainers.image.ref.name": tag}} if tag else {}
        self.manifests.append({**one, "platform": platform, **named})
        self._index(self.manifests)
        return manifest

    def platforms(self) -> None:
        """One image of several platforms, as a registry has it: an index of its own."""
        index = {
            "schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": self.manifests
        }  # fmt: skip
        self._index([self.blob(json.dumps(index).encode(), f"{OCI}.index.v1+json")])

    def _index(self, manifests: list[dict[str, Any]]) -> None:
        index = {"schemaVersion": 2, "manifests": manifests}
        (self.folder / "index.json").write_text(json.dumps(index))


LIBC, LD = "usr/lib64/libc.so.6", "lib64/ld-linux-x86-64.so.2"
LOADER = elf(soname="ld-linux-x86-64.so.2", needed=(), interpreter=None, versions=(), content=b"")
RELEASE = member("usr/lib/os-release", b'ID="rhel-like"\nVERSION_ID="9"\n')
ROOT = (
    member("./usr/bin/sh", b"not wanted"), RELEASE, link("etc/os-release", "../usr/lib/os-release"),
    member(LIBC, elf(content=b"GNU C Library (old) stable release version 2.34.\n")),
    member("usr/lib64/libm.so.6", elf(soname="libm.so.6")),
    member("usr/lib64/libdl.so.2", elf(soname="libdl.so.2")),
    member(LD, LOADER), member("dev/null", type=tarfile.CHRTYPE),
)  # fmt: skip
BASE = tar(*ROOT)
