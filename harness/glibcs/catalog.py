"""Which suites the host's distribution has, and the glibc each is expected to carry."""

import platform
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from harness.glibcs.build import GlibcError, GlibcUnavailable
from harness.glibcs.elf import ElfError, read_elf_file
from harness.sandbox import programs
from harness.versions import interpreter_arch

_OTHERWISE = (
    "unpack a container image or a package of the glibc you want and name it: "
    "gai-harness glibc add DIR"
)


MODULE = "libnss-myhostname"
"""The package of systemd's module that needs no daemon."""
MODULE_NEEDS = ("libcap2",)
"""The packages that some versions of the module need beside glibc."""
RPM_PACKAGES = ("glibc", ("systemd-libs", "libcap"))
"""What RPM's distributions call glibc's package, and the one with that module and what it needs."""


@dataclass(frozen=True, slots=True)
class Suite:
    """One suite of a distribution, and the glibc it is expected to carry."""

    name: str
    glibc: str
    archived: bool = False  # it gets no more updates, and its index may be past its date
    extra: bool = False  # its version is another suite's too
    updates: bool = True  # it has pockets of its own with newer packages
    modules: str = ""  # the suite that has the module for it, where it has none itself
    # the versions of other resolvers it is expected to carry, by their names
    others: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Distribution:
    """A distribution whose packages can be fetched; its suites have the oldest glibc first."""

    id: str  # in os-release(5)
    component: str  # the archive's component that glibc is in
    suites: tuple[Suite, ...]
    aliases: tuple[str, ...]  # suite names that mark the main archive in apt's sources, as well
    tools: str = "main"  # the archive's component that qemu-user is in
    manager: str = "apt-get"  # the program that fetches its packages

    @property
    def of_rpm(self) -> bool:
        """Whether its packages are RPM's."""
        return self.manager == "dnf"

    @property
    def offer(self) -> str:
        """Which versions there are, as a line's hint."""
        known = ", ".join(dict.fromkeys(suite.glibc for suite in self.suites if suite.glibc))
        if not known:  # of a derivative, whose suites nobody knows
            first, *_ = names = [suite.name for suite in self.suites]
            return f"{self.id} offers {', '.join(names)}: gai-harness glibc fetch {first}"
        return (
            f"{self.id} is known to have {known}; --glibc takes an image (docker://IMAGE) or"
            " packages (FILE.deb, FILE.rpm) with another, and gai-harness glibc add DIR any folder"
        )

    def suite(self, name: str) -> Suite | None:
        """The suite of that name, or None."""
        return next((suite for suite in self.suites if suite.name == name), None)

    def carrying(self, version: str) -> tuple[Suite, ...]:
        """The suites expected to carry a version."""
        return tuple(suite for suite in self.suites if suite.glibc == version)


@cache
def _catalogue() -> dict[str, dict[str, Any]]:
    text = files("harness.glibcs").joinpath("catalog.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def distributions() -> dict[str, Distribution]:
    """Every distribution of Debian's packages in the catalogue, by its os-release ``ID``."""
    return {
        name: Distribution(
            name, table["component"], tuple(Suite(**suite) for suite in table["suites"]),
            tuple(table["aliases"]), table["tools"],
        )
        for name, table in _catalogue()["apt"].items()
    }  # fmt: skip


def elsewhere(version: str) -> str:
    """Which distributions carry a version that this host's has not, as a line's hint, or ""."""
    had = {
        f"{name} {suite['name']} (docker://{table['image']}:{suite['name']})": suite["glibc"]
        for name, table in _catalogue()["apt"].items()
        for suite in table["suites"]
        if "modules" not in suite  # no whole suite, and so no image has its glibc
    } | {
        f"{name} {release} (docker://{table['image']}:{release})": glibc
        for name, table in _catalogue()["rpm"].items()
        for release, glibc in table["releases"].items()
    }
    places = [place for place, glibc in had.items() if glibc == version]
    takes = "--glibc takes such an image, or packages (FILE.deb, FILE.rpm)"
    return f"it is in {', '.join(places)}; {takes}" if places else ""


def host_distribution() -> Distribution:
    """The distribution this host runs, or the one it is derived from (os-release(5)).

    Any host with dnf is one of RPM's, unless the catalogue knows it as one of Debian's packages.
    Raises GlibcUnavailable for all others.
    """
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        raise GlibcUnavailable("this host has no os-release file", _OTHERWISE) from None
    known, own = distributions(), release.get("ID", "")
    for name in (own, *release.get("ID_LIKE", "").split()):
        if name in known:
            return _with_own(known[name], release)
    rpm = _catalogue()["rpm"]
    table = next((one for name, one in rpm.items() if own in (name, *one["like"])), None)
    if table is not None or programs.find("dnf"):
        return _of_releases(own, release.get("VERSION_ID", ""), table or {"releases": {}})
    shown = release.get("PRETTY_NAME") or own or "this distribution"
    raise GlibcUnavailable(f"no glibc packages are known for {shown}", _OTHERWISE)


def _with_own(parent: Distribution, release: Mapping[str, str]) -> Distribution:
    """That distribution with the suite this host is or is made of, where the catalogue is older.

    Ubuntu and what is derived from it have it as ``UBUNTU_CODENAME``.
    """
    own = release.get(f"{parent.id.upper()}_CODENAME", "")
    if not own and release.get("ID") == parent.id:
        own = release.get("VERSION_CODENAME", "")
    if not own or parent.suite(own):
        return parent
    return replace(parent, suites=(*parent.suites, Suite(own, "")))


def _of_releases(name: str, version: str, table: dict[str, Any]) -> Distribution:
    """A distribution of RPM packages, whose suites are releases: the host's own, at least."""
    known: dict[str, str] = table["releases"]
    # what dnf takes for $releasever there, which the packages of a host say
    own: str = table.get("own") or version.partition(".")[0]
    suites = {own: Suite(own, known.get(own, ""))}
    if table.get("others"):
        suites |= {one: Suite(one, glibc) for one, glibc in known.items()}
    ordered = sorted(suites.values(), key=lambda suite: list(map(int, suite.glibc.split(".")[1:])))
    return Distribution(name or "linux", "", tuple(ordered), (), manager="dnf")


def release(name: str) -> Suite:
    """Any release of a distribution of RPM packages. Raises GlibcError where it can be none."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise GlibcError(f"{name!r} names no release; expected such as 9, 42 or rawhide")
    return Suite(name, "")


def host_id() -> str:
    """What os-release(5) calls this host's own distribution, whatever it is derived from."""
    return platform.freedesktop_os_release()["ID"]


def package_name(arch: str) -> str:
    """The Debian package with glibc's run-time files on an architecture."""
    return "libc6.1" if arch in ("alpha", "ia64") else "libc6"


def cross_package_name(arch: str) -> str:
    """The package, of no architecture itself, with the glibc that cross-compilers link against.

    The distribution builds it from the same source for a dozen architectures.
    """
    return f"{package_name(arch)}-{arch}-cross"


def native_arch() -> str:
    """Debian's name of the architecture this process runs on, read from its own headers."""
    try:
        return read_elf_file(Path("/proc/self/exe"), follow=True)[0].arch
    except ElfError:
        return interpreter_arch()
