"""The host's dnf: the real one, on repositories made by rpmbuild, rpmsign and createrepo_c.

A mount namespace makes this machine an RPM host: os-release and dnf.conf are others there.
"""

import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from harness.glibcs import Build, GlibcUnavailable
from harness.glibcs.catalog import host_distribution
from harness.sandbox import programs
from tests.e2e.kit import Ended, start
from tests.glibcs.making import elf, rpm, state_of
from tests.processes import Program, until

pytestmark = [
    pytest.mark.needs("dnf"), pytest.mark.needs("createrepo_c", "createrepo-c"),
    pytest.mark.needs("rpmsign", "rpm"), pytest.mark.needs("rpm2archive", "rpm2cpio"),
    pytest.mark.needs("gpg"),
]  # fmt: skip

# what dnf and rpm read and write of a host
PLACES = ("etc/dnf", "etc/pki", "etc/yum.repos.d", "var/lib/dnf", "var/lib/rpm", "root/.rpmdb",
          "var/cache/*dnf*", "var/log/*dnf*", "var/log/hawkey.log")  # fmt: skip
MOUNT = """
mount --bind "$1/os-release" /etc/os-release
mount --bind "$1/dnf.conf" /etc/dnf/dnf.conf
shift
exec "$@"
"""
# in that namespace an ordinary user of a namespace of its own
USER = ("unshare", "--user", "--map-user=1000", "--map-group=1000")


class RpmHost(NamedTuple):
    """A folder with an RPM host's os-release, dnf.conf and repositories, one for each release."""

    folder: Path

    def configure(self, repository: str, name: str = "rocky", version: str = "9.4") -> None:
        """Set the lines of the one repository, and what host it is."""
        head = f"[made]\nname=made\nenabled=1\npassword=secret\n{repository}\n"
        (self.folder / "repos.d/made.repo").write_text(head)
        release = f'ID="{name}"\nID_LIKE="fedora"\nVERSION_ID="{version}"\n'
        (self.folder / "os-release").write_text(release)

    def command(self, *words: str, user: bool = False) -> list[str]:
        """A command on that host."""
        space = ["unshare", "--mount", "--user", "--map-root-user", "sh", "-ec", MOUNT, "sh"]
        return [*space, str(self.folder), *(USER if user else ()), *words]

    def run(self, *words: str, user: bool = False) -> Ended:
        """What gai-harness says there."""
        return start(*self.command("gai-harness", *words, user=user))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, own: Build) -> RpmHost:
    """Release 9 is well signed, 8 is not signed, 7 by another, and 6 is cut short."""
    folder = tmp_path_factory.mktemp("rpm")
    keys = ["gpg", "--homedir", str(folder / "gpg"), "--batch", "--passphrase", ""]
    (folder / "gpg").mkdir(mode=0o700)
    for name in ("good", "bad"):
        start(*keys, "--quick-gen-key", name, "ed25519", "sign", "never", check=True)
    (folder / "key.asc").write_text(start(*keys, "--armor", "--export", "good").stdout)
    module = folder / "module"
    module.write_bytes(elf(soname="libnss_myhostname.so.2", versions=(), interpreter=None))
    parts = [(f"/usr/lib64/{one}", path) for one, path in own.files]
    packages = [
        rpm(folder, "glibc", *parts, release="60.el9"),
        rpm(folder, "systemd-libs", ("/usr/lib64/libnss_myhostname.so.2", module)),
    ]
    signing = ["--define", f"_gpg_path {folder}/gpg", "--define", "__gpg /usr/bin/gpg"]
    for release, signer in (("9", "good"), ("8", ""), ("7", "bad"), ("6", "good")):
        repository = folder / release
        repository.mkdir()
        copies = [shutil.copy(one, repository) for one in packages]
        if signer:
            sign = ["rpmsign", "--addsign", "--define", f"_gpg_name {signer}", *signing]
            start(*sign, *copies, check=True)
        start("createrepo_c", "--quiet", "--no-database", repository, check=True)
    start("gpgconf", "--homedir", folder / "gpg", "--kill", "all")
    (folder / "6" / packages[0].name).write_bytes(packages[0].read_bytes()[:-5000])
    (folder / "repos.d").mkdir()
    (folder / "dnf.conf").write_text(f"[main]\ngpgcheck=1\nreposdir={folder}/repos.d\n")
    return RpmHost(folder)


@pytest.fixture
def rpm_host(made: RpmHost) -> RpmHost:
    made.configure(f"baseurl=file://{made.folder}/$releasever\ngpgkey=file://{made.folder}/key.asc")
    if start(*made.command("true", user=True)).returncode:
        pytest.skip("needs user namespaces")
    return made


@pytest.mark.parametrize("user", [False, True], ids=["root", "user"])
def test_a_release_of_the_hosts_repositories(rpm_host: RpmHost, own: Build, user: bool) -> None:
    before = state_of(*PLACES)
    offered = [line.split() for line in rpm_host.run("glibc", "list").stdout.splitlines()]
    assert ["2.34", "amd64", "available", "-", "rocky", "9"] in offered
    done = rpm_host.run("glibc", "fetch", "9", user=user)
    line = f"glibc {own.version} {own.arch} (rocky 9 2.34-60.el9)\n"
    assert (done.returncode, done.stdout) == (0, line), done.stderr
    assert f"suite 9 carries glibc {own.version}, not 2.34" in done.stderr
    again = rpm_host.run("glibc", "fetch", "9", user=user)
    assert (again.stdout, again.stderr) == (line, "")
    listed = rpm_host.run("glibc", "list", "--format", "json", user=user)
    assert f'"id": "rocky-9-{own.version}-{own.arch}"' in listed.stdout
    assert before == state_of(*PLACES), "the host is as it was"


def test_what_dnf_refuses_is_one_line_each(rpm_host: RpmHost) -> None:
    done = rpm_host.run("glibc", "fetch", "8", "7", "6", "5", "9:arm64", "2.28", "2.99", "../9")
    told = dict(
        line.removeprefix("gai-harness glibc: ").split(" not fetched: ")
        for line in done.stderr.splitlines()
        if " not fetched: " in line
    )
    unchecked = "the signature of glibc of release {} cannot be checked with the keys"
    for release, said in (
        ("8", unchecked.format(8)), ("7", unchecked.format(7)), ("6", "half updated"),
        ("5", "have no glibc for amd64 of release 5"), ("9:arm64", "no glibc for arm64"),
        ("2.28", "it is in rhel 8 (docker://almalinux:8); --glibc takes such an"),
        ("2.99", "rocky is known to have 2.34"), ("../9", "'../9' names no release"),
    ):  # fmt: skip
        assert said in told.pop(release)
    assert told == {}
    assert "secret" not in done.stderr
    assert done.returncode == 3
    assert rpm_host.run("glibc", "fetch", "../9").returncode == 2


@pytest.mark.parametrize(("lines", "said"), [
    ("baseurl=http://127.0.0.1:9/\ngpgkey=file://{0}/key.asc", "repositories cannot be reached"),
    ("baseurl=file://{0}/9", "keys of the host's repositories"),
    ("baseurl=file://{0}/9\ngpgkey=file://{0}/gone.asc", "keys of the host's repositories"),
    ("baseurl=file://{0}/9\nenabled=0", "no enabled repositories"),
], ids=["refused", "no key named", "no key there", "no repository"])  # fmt: skip
def test_a_configuration_that_fails(rpm_host: RpmHost, lines: str, said: str) -> None:
    rpm_host.configure(lines.format(rpm_host.folder))
    done = rpm_host.run("glibc", "fetch", "9")
    assert done.returncode == 3
    assert said in done.stderr
    assert "secret" not in done.stderr


def test_a_host_whose_gpgcheck_is_off_is_taken_at_its_word(rpm_host: RpmHost) -> None:
    rpm_host.configure(f"baseurl=file://{rpm_host.folder}/8\ngpgcheck=0", "made", "2030.1")
    done = rpm_host.run("glibc", "fetch", "2030")
    assert "(made 2030 2.34-60.el9)" in done.stdout, done.stderr
    assert "available" not in rpm_host.run("glibc", "list").stdout


def test_the_doctor_names_it(rpm_host: RpmHost) -> None:
    rows = "from harness.doctor.glibcs import ROWS, mirror_rows; from harness.doctor import examine"
    script = f"{rows}; print(*examine([*ROWS[-1:], *mirror_rows()]), sep='\\n')"
    command = rpm_host.command(sys.executable, "-P", "-c", script)
    done = start(*command)
    assert "dnf and this host's repositories; rocky has had 2.34" in done.stdout, done.stderr
    assert "answers; glibc 2.34 is expected there" in done.stdout
    rpm_host.configure(f"baseurl=file://{rpm_host.folder}/gone\ngpgkey=file:///none")
    assert "no glibc for amd64 of release 9" in start(*command).stdout


@pytest.mark.parametrize("user", [False, True], ids=["root", "user"])
def test_dnf_ends_with_its_asker(rpm_host: RpmHost, cache: Path, user: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        uri = f"http://127.0.0.1:{server.getsockname()[1]}/"
        rpm_host.configure(f"baseurl={uri}\ngpgkey={uri}")
        words = rpm_host.command("gai-harness", "glibc", "fetch", "9", user=user)
        with Program(*words, env={"no_proxy": "*"}) as started:
            server.accept()
            commands = [Path(f"/proc/{one}/cmdline").read_text() for one in started.family()]
            assert any("--installroot" in one and "supervise" not in one for one in commands)
            started.send_signal(signal.SIGKILL)
            started.wait(15)
            assert until(lambda: not started.family(), 15)


@pytest.mark.parametrize(("release", "present", "suites", "every"), [
    ({"ID": "fedora", "VERSION_ID": "44"}, (), "40 41 42 43 44", "2.39 2.40 2.41 2.42 2.43"),
    ({"ID": "almalinux", "ID_LIKE": "rhel centos fedora", "VERSION_ID": "8.10"}, (), "8", "2.28"),
    ({"ID": "amzn", "ID_LIKE": "fedora", "VERSION_ID": "2023"}, ("dnf",), "latest", "2.34"),
    ({"ID": "openEuler", "VERSION_ID": "24"}, ("dnf",), "24", ""),
    ({"ID": "kali", "ID_LIKE": "debian"}, ("dnf", "apt-get"), "bullseye", "2.31"),
    ({"ID": "opensuse-leap", "VERSION_ID": "16.0"}, (), None, ""),
])  # fmt: skip
def test_what_a_host_has_is_chosen_by_its_name_and_its_programs(
    release: dict[str, str], present: tuple[str, ...], suites: str | None, every: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("platform.freedesktop_os_release", lambda: release)
    monkeypatch.setattr("harness.sandbox.programs.find", lambda one: one in present or None)
    if suites is None:
        with pytest.raises(GlibcUnavailable, match="no glibc packages are known for opensuse-leap"):
            host_distribution()
        return
    found = host_distribution()
    assert found.manager == ("apt-get" if "kali" in release["ID"] else "dnf")
    own = next(iter(sorted(present)), "apt-get")
    assert programs.install("strace") == f"{own} install strace"
    kept = found.suites if found.manager == "dnf" else found.suites[:1]
    assert " ".join(one.name for one in kept) == suites
    assert " ".join(one.glibc for one in kept) == every
