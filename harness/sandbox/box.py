"""What a job sees inside its sandbox."""

import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.kernel.netlink import Netlink
from harness.kernel.observe import observe, with_routes
from harness.model.addresses import parse_target
from harness.model.dns_servers import Record, Server
from harness.model.host import HostView, Target
from harness.scenario.nameservice import NameServiceSpec, dns_table, parse_hosts
from harness.scenario.schema import Host

from . import devices, messages, namespaces, syscalls, userns_diagnosis
from .capture import Capture
from .devices import naming
from .names import Resolver, replace, write_constants, write_names, write_services
from .topology import build
from .values import DeviceNote, SandboxError

if TYPE_CHECKING:
    from .dns import NameServer


class Box:
    """A private network, /etc and process tree, ready for one host.

    A `Pool` makes it, in the process that is pid 1 of the sandbox: with that everything ends.
    ``etc`` is the private /etc, which every process of the sandbox sees.
    """

    def __init__(self, asker: socket.socket) -> None:
        self.etc = Path("/etc")
        self._asker = asker
        self._begin()

    def _begin(self) -> None:
        write_constants(self.etc)
        write_names(self.etc, {}, "files")
        self._netlink = Netlink()
        self._built = False
        self._server: NameServer | None = None
        self._scratch: Path | None = None
        self._roots: dict[tuple[Path, tuple[tuple[str, Path], ...], tuple[Path, ...]], Path] = {}

    def renew(self) -> None:
        """Leave the host behind with all that runs on it, and be as new. Raises SandboxUnavailable.

        This process stays, and its users and process tree; the network and every folder are others.
        """
        self._netlink.close()
        if self._server is not None:
            self._server.close()
        devices.forget()
        namespaces.renew(self._scratch)
        self._begin()

    def build(self, host: Host) -> tuple[DeviceNote, ...]:
        """Build the host, once per box; what is worth knowing of its interfaces.

        Raises SandboxError for a field the kernel refuses, SandboxUnavailable for an interface.
        """
        if self._built:
            raise SandboxError("a sandbox holds one host: take another one for the next")
        self._built = True
        if host.hostname not in (namespaces.HOSTNAME, os.uname().nodename):
            with naming(("host.hostname", host.hostname)):
                try:
                    syscalls.set_hostname(host.hostname)
                except PermissionError as problem:  # podman's seccomp filter
                    raise userns_diagnosis.hostname(host.hostname, problem) from None
        return build(self._netlink, host)

    def set_names(
        self,
        names: Mapping[str, Sequence[str]],
        resolver: Resolver,
        first_reply: Record = "A",
    ) -> None:
        """Give the built host the addresses of its names, in order; any number of times.

        ``resolver``: "files" for the hosts file, "dns" for a server on 127.0.0.1, where
        ``first_reply`` says which of the two replies to an AF_UNSPEC look-up comes first, "nss"
        for the name service module, which alone takes addresses with %zone.
        Raises SandboxError.
        """
        if resolver.startswith("nss"):
            names = self._with_numbers(names)
        self._serve([Server(dns_table(names))] if resolver == "dns" else [], first_reply)
        write_names(self.etc, names, resolver)

    def set_name_service(self, service: NameServiceSpec) -> None:
        """Give the built host a name service as a scenario describes it. Raises SandboxError."""
        module = self._with_numbers(service.nss)
        kinds = {kind for kind, _ in parse_hosts(service.hosts)}
        self._serve(service.servers if "dns" in kinds else (), service.dns[0].first_reply)
        lines = [f"{address} {name}" for name, each in module.items() for address in each]
        write_services(
            self.etc,
            service.hosts if service.hosts_line else None,
            service.files if service.hosts_file else None,
            lines if any(kind.startswith("nss") for kind in kinds) else None,
            service.multi,
            service.resolv_conf_lines(),
            len(service.dns),
        )

    def _with_numbers(self, names: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        """``names`` with the indexes of interfaces for zones."""
        links = {link.name: link.index for link in self._netlink.links()}
        try:
            texts = dict.fromkeys(text for addresses in names.values() for text in addresses)
            written = {text: str(parse_target(text, links)) for text in texts}
            return {name: [written[text] for text in each] for name, each in names.items()}
        except ValueError as error:
            raise SandboxError(f"names: {error}") from None

    def _serve(self, servers: Sequence[Server], first_reply: Record) -> None:
        """Put servers in the place of the last ones, if any: some resolvers ask DNS in any case."""
        if self._server is not None:
            self._server.close()
            self._server = None  # the next may not start
        if servers:
            from .dns import NameServer  # asyncio and dnslib, which few hosts need

            self._server = NameServer(servers, first_reply)

    def hear(self) -> Any:
        """The next value the asking process sends (`Pool.converse`). Raises EOFError at its end."""
        return messages.receive(self._asker)

    def send_namespaces(self) -> None:
        """Send the asking process what `Conversation.namespaces` waits for. Raises OSError."""
        messages.send_namespaces(self._asker)

    def show_machine_etc(self) -> bool:
        """Show the machine's own files under /etc too, read-only, but those of name service.

        Returns False where the kernel refuses. Raises SandboxError without a place for it.
        """
        return namespaces.show_machine_etc(self.etc, self.tmpdir())

    def set_gai_conf(self, data: bytes | None, mtime: int | None = None) -> None:
        """Write /etc/gai.conf in one step, or remove it (None).

        Its modification time is ``mtime`` in nanoseconds, or a new one.
        """
        replace(self.etc / "gai.conf", data, mtime)

    def observe(self, targets: Iterable[Target] = (), own: bool = False) -> HostView:
        """Ask the kernel, never glibc, what sorting ``targets`` depends on. Raises OSError.

        ``own``: and what the host's own names are.
        """
        return observe(self._netlink, targets, own)

    def observe_routes(self, view: HostView, targets: Iterable[Target]) -> HostView:
        """What `observe` gave with the ways to ``targets`` in the place of others, which takes half
        the time of another one. Raises OSError.
        """
        return with_routes(self._netlink, view, targets)

    def capture(self) -> Capture:
        """Begin to capture the netlink traffic. Raises SandboxUnavailable without nlmon devices."""
        return Capture(self._netlink)

    def tmpdir(self) -> Path:
        """A folder on a tmpfs of this sandbox only, the same at every call. Raises SandboxError."""
        if self._scratch is None:
            self._scratch = namespaces.scratch()
        return self._scratch

    def private_root(
        self,
        skeleton: Path,
        parts: Sequence[tuple[str, Path]] = (),
        proc: Sequence[Path] = (),
    ) -> Path:
        """A root folder for `jail.enter`: ``skeleton`` read-only, with the private /etc in it.

        ``skeleton`` has an empty folder ``etc``; ``parts`` are files and folders to show
        read-only, by their paths below its empty folder ``python``, ``proc`` the only files of
        /proc, which are shown as copies. The same arguments give the same folder again.
        Raises SandboxError.
        """
        key = skeleton.resolve(), tuple(parts), tuple(proc)
        if key not in self._roots:
            if not (skeleton / "etc").is_dir():
                raise SandboxError(f"{skeleton} cannot be a root: it has no folder etc")
            root = self.tmpdir() / f"root{len(self._roots)}"
            root.mkdir()
            namespaces.bind(skeleton, root, flags=namespaces.BARE)
            namespaces.bind(self.etc, root / "etc", flags=namespaces.BARE)
            if proc:
                copies = self.tmpdir() / f"proc{len(self._roots)}"
                copies.mkdir()
                for path in filter(Path.exists, proc):
                    copy = copies / path.relative_to("/proc")
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    copy.write_bytes(path.read_bytes())
                namespaces.bind(copies, root / "proc", flags=namespaces.BARE)
            if parts:
                namespaces.gather(parts, root / "python")
            self._roots[key] = root
        return self._roots[key]
