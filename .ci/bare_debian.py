"""The README's two commands on a fresh Debian, as an ordinary user.

bare_debian.py [--root] [SUITE [PYTEST…]] makes a bare root of SUITE (the one of bookworm and trixie
that this machine is not) with what the README says to install and nothing else, puts a clone of
this tree in it, and runs the commands there. What follows SUITE goes to pytest; without it, the
tests that have failed on such machines run (``-m bare``). ``--root`` does it as root.

Everything lies in a memory file system of a private mount namespace, and all processes in a
private process namespace: the kernel removes both when this process ends, however it ends.
Exit status: that of the command that failed, or of the second; 3 where the root cannot be made.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from platformdirs import user_cache_path

TREE = Path(__file__).resolve().parents[1]
sys.path.append(str(TREE))
from tests.container.kit import PATH, Machine, Root, make_base  # noqa: E402

PACKAGES = ("git", "python3-venv")
"""What the README says to install on a fresh Debian."""
PLACE = Path("/dev/shm")
"""Where the private namespace has its memory file system."""
USER, HOME = "ordinary", "/home/ordinary"
_ENTERED = "GAI_BARE_DEBIAN"


def main(arguments: list[str]) -> int:
    """Do all of it; the arguments as in the module's docstring."""
    if _ENTERED not in os.environ:
        enter()
    del os.environ[_ENTERED]
    os.environ["TMPDIR"] = tempfile.tempdir = str(PLACE)
    user, home = USER, HOME
    if arguments[:1] == ["--root"]:
        user, home, arguments = "root", "/root", arguments[1:]
    suite = arguments[0] if arguments else other_suite()
    tests = arguments[1:] or ["-q", "-rs", "-m", "bare and not slow", *marked()]
    PLACE.chmod(0o755)  # others have to reach what is below
    print(f"a bare {suite} with {' and '.join(PACKAGES)}", flush=True)
    try:
        base = make_base(suite, PLACE / "base", *PACKAGES)
    except LookupError as problem:
        print(problem, file=sys.stderr)
        return 3
    clone = PLACE / "clone"
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", TREE, clone], check=True)
    root = Root(PLACE / "root", base, Machine.here(PLACE))
    copies = {clone: f"{home}/clone"}
    zig = user_cache_path("zig")
    if zig.is_dir():  # C libraries for seven processors: a minute of work on two
        copies[zig] = f"{home}/.cache/zig"
    # every installed machine and every container has it; a bare root has not
    hosts = r"127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"
    script = f"useradd --create-home {USER}\nmkdir {home}/.cache\nprintf '{hosts}' >/etc/hosts\n"
    # zig may be at work in its cache: what is moved meanwhile is made anew
    script += "".join(f"cp -r /.copies{place} {place} || :\n" for place in copies.values())
    mounts = [(source, f"/.copies{place}", "ro") for source, place in copies.items()]
    root.run(["sh", "-ec", f"{script}chown -R {user}: {home}"], mounts=mounts).check_returncode()
    pinned = os.environ.get("PIP_CONSTRAINT") == str(TREE / ".ci/constraints.txt")
    pins = {"PIP_CONSTRAINT": f"{home}/clone/.ci/constraints.txt"} if pinned else {}
    install, test = readme_commands()
    path = "/usr/local/bin:/usr/bin:/bin" if user == USER else PATH
    print(f"{install}\n{test} {' '.join(tests)}", flush=True)
    done = root.run(
        # of the library the totals alone; bash stays the first process, which takes care of orphans
        ["bash", "-o", "pipefail", "-c", f'{install} | tail -n 1 && {test} "$@"; exit', "bash",
         *tests],
        user=user, folder=f"{home}/clone",
        # most of what is installed is never imported, and need not be compiled
        environment={"HOME": home, "CI": "", "PATH": path, "PIP_COMPILE": "0", **pins},
        timeout=7200, capture=False,
    )  # fmt: skip
    return done.returncode


def enter() -> None:
    """Begin again in namespaces of its own, which die with this process."""
    namespaces = ["--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if os.geteuid() != 0:
        namespaces += ["--user", "--map-auto", "--map-root-user"]
    mounted = f'mount -t tmpfs -o size=75% tmpfs {PLACE} && exec "$@"'
    os.execvpe(
        "setpriv",
        ["setpriv", "--pdeathsig", "KILL", "unshare", *namespaces, "sh", "-c", mounted, "sh",
         sys.executable, *sys.argv],
        {**os.environ, _ENTERED: "1"},
    )  # fmt: skip


def other_suite() -> str:
    """The Debian of the two that are supported that this machine is not."""
    is_trixie = "VERSION_CODENAME=trixie" in Path("/etc/os-release").read_text()
    return "bookworm" if is_trixie else "trixie"


def marked() -> list[str]:
    """The files with tests of the mark ``bare``: the others are not even read."""
    files = sorted(TREE.glob("tests/*/**/test_*.py"))
    return [str(path.relative_to(TREE)) for path in files if "mark.bare" in path.read_text()]


def readme_commands() -> list[str]:
    """The README's two commands, as they stand there."""
    lines = (TREE / "README.md").read_text().splitlines()
    return [line for line in lines if line.startswith("python3 -m venv")]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
