"""A real container engine, podman, that touches nothing of the machine.

Its storage and configuration are in a folder of the test. It runs in namespaces of its own, so that
no network of the machine is changed and no process stays; containers have no network.
"""

import os
import resource
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

IMAGE = "localhost/gai-harness:latest"
_NOBODY = 65534
_SPACE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
# what root's podman writes to places that no configuration names: locks, and where blobs came from
_HIDDEN = """for place in /run /etc/cni /var/lib/containers; do
    [ ! -d $place ] || mount -t tmpfs tmpfs $place
done
exec "$@"
"""
_CGROUPS = Path("/sys/fs/cgroup")


@dataclass
class Engine:
    """podman, as root or as an ordinary user, who has no other user ids to give away.

    Parameters: ``folder`` for all it writes; the user has to be able to reach it.
    """

    folder: Path
    rootless: bool = False

    def __post_init__(self) -> None:
        for name in ("graph", "run", "home", "tmp"):
            (self.folder / name).mkdir(mode=0o700, parents=True)
        # an engine asks for more than a container that this itself runs in may have
        limits = [f'"{name}={resource.getrlimit(kind)[1]}:{resource.getrlimit(kind)[1]}"'
                  for name, kind in (("nofile", resource.RLIMIT_NOFILE),
                                     ("nproc", resource.RLIMIT_NPROC))]  # fmt: skip
        (self.folder / "containers.conf").write_text(
            f'[containers]\nnetns = "none"\ndefault_ulimits = [{", ".join(limits)}]\n'
            '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n'
            'lock_type = "file"\n'  # not in the machine's /dev/shm
        )
        (self.folder / "storage.conf").write_text(
            f'[storage]\ndriver = "overlay"\nrunroot = "{self.folder}/run"\n'
            f'graphroot = "{self.folder}/graph"\nrootless_storage_path = "{self.folder}/graph"\n'
            '[storage.options.overlay]\nignore_chown_errors = "true"\n'
        )
        if self.rootless:
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, _NOBODY, _NOBODY)

    def podman(
        self, *words: str | Path, network: bool = False, stdin: int = subprocess.DEVNULL
    ) -> subprocess.CompletedProcess[str]:
        """Run podman; ``network`` gives it the machine's, as a client."""
        before = [*_SPACE, *([] if network else ["--net"]), "sh", "-ec", _HIDDEN, "sh"]
        if self.rootless:
            identity = (f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups")
            before += ["setpriv", *identity]
            # of a process that has ended with its namespace
            (self.folder / "home/libpod/tmp/pause.pid").unlink(missing_ok=True)
        home = str(self.folder / "home")
        variables = {
            "CONTAINERS_CONF": str(self.folder / "containers.conf"), "HOME": home,
            "CONTAINERS_STORAGE_CONF": str(self.folder / "storage.conf"),
            "XDG_RUNTIME_DIR": home, "TMPDIR": str(self.folder / "tmp"),
        }  # fmt: skip
        there = set(_CGROUPS.glob("*/libpod_parent"))
        try:
            return subprocess.run(
                [*before, "podman", "--log-level=fatal", *map(str, words)], cwd="/",
                env={**os.environ, **variables}, stdin=stdin, capture_output=True, text=True,
                check=False, timeout=1800,
            )  # fmt: skip
        finally:
            for path in set(_CGROUPS.glob("*/libpod_parent")) - there:
                for folder, _, _ in os.walk(path, topdown=False):
                    Path(folder).rmdir()

    def load(self, root: Sequence[Path], changes: Sequence[str], name: str = IMAGE) -> None:
        """Make an image of a root folder, which is an overlay of folders, the uppermost first."""
        # an overlay has two at least
        (self.folder / "empty").mkdir(exist_ok=True)
        lower = ":".join(map(str, (*root, self.folder / "empty")))
        mount = 'mount -t overlay overlay -o "lowerdir=$1" /mnt && tar -C /mnt -c .'
        packed = subprocess.Popen(
            ["unshare", "--mount", "sh", "-ec", mount, "sh", lower], stdout=subprocess.PIPE
        )
        assert packed.stdout is not None
        options = [word for change in changes for word in ("--change", change)]
        done = self.podman("import", *options, "-", name, stdin=packed.stdout.fileno())
        packed.stdout.close()
        assert (packed.wait(), done.returncode) == (0, 0), done.stderr
