"""What a job sees inside its sandbox."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.kernel.netlink import Netlink
from harness.kernel.observe import observe
from harness.model.addresses import parse_target

from . import namespace_fds, namespaces, wire
from .capture import Capture
from .devices import Workshop
from .dns import FirstReply, NameServer, Zone
from .errors import SandboxError
from .names import Resolver, replace, write_names
from .topology import build

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from harness.model.host import HostView, Target
    from harness.scenario.schema import Host

    from .values import Topology


class Box:
    """A private network, /etc and process tree, ready for one host.

    A `Pool` makes it; ``etc`` is the private /etc, which every process of the sandbox sees.
    """

    def __init__(self, etc: Path, asker: socket.socket | None = None) -> None:
        self.etc = etc
        self._asker = asker
        self._netlink = Netlink()
        self._workshop: Workshop | None = None
        self._server: NameServer | None = None
        self._scratch: Path | None = None
        self._roots: dict[tuple[Path, tuple[tuple[str, Path], ...]], Path] = {}

    @classmethod
    @contextmanager
    def furnished(cls, asker: socket.socket | None = None) -> Iterator[Box]:
        """The box of the namespaces this process has just entered as pid 1.

        Parameters: ``asker`` the job's socket. Raises SandboxUnavailable where the kernel
        refuses private mounts.
        """
        namespaces.furnish()
        box = cls(Path("/etc"), asker)
        try:
            write_names(box.etc, {}, "files")
            yield box
        finally:
            box.close()

    def close(self) -> None:
        """End the name server and give up the devices. Raises nothing."""
        for part in (self._server, self._workshop, self._netlink):
            if part is not None:
                part.close()
        self._server = None

    def build(self, host: Host) -> Topology:
        """Build the host; once per box.

        Parameters: ``host`` as a scenario gives it. Returns which device each interface
        became. Raises SandboxError with the field that the kernel refused,
        SandboxUnavailable for a kind of interface this machine cannot make.
        """
        if self._workshop is not None:
            raise SandboxError("a sandbox holds one host: take another one for the next")
        self._workshop = Workshop(self._netlink, frozenset(host.interfaces))
        return build(self._netlink, self._workshop, host)

    def set_names(
        self,
        names: Mapping[str, Sequence[str]],
        resolver: Resolver,
        first_reply: FirstReply = "A",
    ) -> None:
        """Give the sandbox its names; any number of times.

        Parameters: ``names`` the addresses of each name in order; ``resolver`` "files" for
        the hosts file, "dns" for a server on 127.0.0.1, where ``first_reply`` says which
        of the two replies to an AF_UNSPEC look-up comes first, "nss" for the name service
        module, which alone takes addresses with %zone. The host must be built.
        Raises SandboxError.
        """
        if resolver == "nss":
            names = self._with_indexes(names)
        if resolver == "dns":
            zone = Zone.of(names, first_reply)
            if self._server is None:
                self._server = NameServer()
            self._server.load(zone)
        write_names(self.etc, names, resolver)

    def _with_indexes(self, names: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        links = {link.name: link.index for link in self._netlink.links()}
        try:
            return {
                name: [str(parse_target(text, links)) for text in addresses]
                for name, addresses in names.items()
            }
        except ValueError as error:
            raise SandboxError(f"names: {error}") from None

    def hear(self) -> Any:
        """Wait for the next value that the asking process sends; see `Pool.converse`.

        Raises EOFError when it has gone.
        """
        if self._asker is None:
            raise EOFError("nobody speaks with this job")
        return wire.receive(self._asker)

    def send_namespaces(self) -> None:
        """Send the asking process what `Conversation.namespaces` waits for. Raises OSError."""
        if self._asker is not None:
            namespace_fds.send(self._asker)

    def show_machine_etc(self) -> bool:
        """Show the machine's own files under /etc too, read-only, but those of name service.

        For programs that need more than look-ups do. Returns False where the kernel
        refuses; the sandbox then goes on without them. Raises SandboxError where there is no
        place for it.
        """
        return namespaces.show_machine_etc(self.etc, self.tmpdir())

    def set_gai_conf(self, data: bytes | None) -> None:
        """Write /etc/gai.conf in one step, with a new modification time, or remove it.

        Parameters: ``data`` its content, None for no file at all. Raises OSError.
        """
        replace(self.etc / "gai.conf", data)

    def observe(self, targets: Iterable[Target] = ()) -> HostView:
        """Ask the kernel, never glibc, what a look-up's sorting depends on.

        Parameters: ``targets`` the destinations to look routes up for. Raises OSError.
        """
        return observe(self._netlink, targets)

    def capture(self) -> Capture:
        """Begin to capture the sandbox's netlink traffic, once the host is built.

        Raises SandboxUnavailable where the kernel has no nlmon device.
        """
        return Capture(self._netlink)

    def tmpdir(self) -> Path:
        """A folder on a tmpfs that only this sandbox sees; the same one at every call.

        Raises SandboxError where the machine has no folder to put it on.
        """
        if self._scratch is None:
            self._scratch = namespaces.scratch()
        return self._scratch

    def private_root(self, skeleton: Path, parts: Sequence[tuple[str, Path]] = ()) -> Path:
        """A root folder for `jail.enter`: ``skeleton`` read-only, with the private /etc in it.

        Parameters: ``skeleton`` a folder that has an empty folder ``etc``; ``parts`` files and
        folders to show read-only, by their paths below its empty folder ``python``. The same
        arguments give the same folder again. Raises SandboxError.
        """
        key = skeleton.resolve(), tuple(parts)
        if key not in self._roots:
            if not (skeleton / "etc").is_dir():
                raise SandboxError(f"{skeleton} cannot be a root: it has no folder etc")
            root = self.tmpdir() / f"root{len(self._roots)}"
            root.mkdir()
            namespaces.bind(skeleton, root, flags=namespaces.BARE)
            namespaces.bind(self.etc, root / "etc", flags=namespaces.BARE)
            if parts:
                namespaces.gather(parts, root / "python")
            self._roots[key] = root
        return self._roots[key]
