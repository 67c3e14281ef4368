"""What is worked out once per host: every look-up's addresses, entries and candidates.

A batch makes many look-ups on one host, under many gai.conf files, on several glibcs. What
does not depend on the gai.conf is done here, once for each dialect that differs.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace

from harness import sandbox
from harness.compare import predict
from harness.model.address_table import address_table, inet_sockets, native_links, reached
from harness.model.dialects import Dialect
from harness.model.host import HostView, Target
from harness.model.lookup import Found, Item
from harness.model.order import Candidate
from harness.native.record import EAI_NAMES, ENTRY, NAME, RECORD_VERSION, encode_text
from harness.scenario.fuzz import Batch
from harness.versions import ResolverName

_COUNT = struct.Struct("<I")
_OUTCOME = struct.Struct("<Bii")
_CODES = {name: code for code, name in EAI_NAMES.items()}
SUCCESS = _OUTCOME.pack(RECORD_VERSION, 0, 0)


@dataclass(frozen=True, slots=True)
class AskedLookup:
    """One look-up in one dialect, before any policy.

    ``fixed`` is the whole outcome where nothing is sorted, else None; ``head``, ``entries`` and
    ``names`` are the record's parts otherwise, and ``slots`` says for each entry which of the
    host's candidates it is.
    """

    fixed: bytes | None
    head: bytes = b""
    entries: tuple[bytes, ...] = ()
    slots: tuple[int, ...] = ()
    names: bytes = b""


class HostWork:
    """One built host with a batch's names, observed.

    Parameters: ``box`` with the host built; ``batch``; ``dialects`` those to answer for. For each
    of these ``undefined`` are the look-ups whose answer chance decides, or an earlier one.
    ``others`` are other resolvers than glibc, by name and version, whose destinations are
    observed too.
    """

    def __init__(
        self,
        box: "sandbox.Box",
        batch: Batch,
        dialects: Iterable[Dialect],
        others: Iterable[tuple[ResolverName, str]] = (),
    ) -> None:
        netlink = batch.netlink == "allowed"
        plain = replace(box.observe((), own=batch.asks_myhostname), netlink=netlink)
        self.requests = [predict.request_for(lookup) for lookup in batch.lookups]
        if batch.service is None:
            self.names = predict.name_service(batch.names, batch.resolver, batch.first_reply, plain)
        else:
            self.names = predict.services_of(batch.service, plain)
        found = predict.found_for(self.requests, self.names, plain, dict.fromkeys(dialects))
        targets = dict.fromkeys(predict.targets_of(found))
        for other in others:
            asked = predict.targets_of_other(*other, self.requests, self.names, plain)
            targets.update(dict.fromkeys(asked))
        self.view: HostView = box.observe_routes(plain, targets)
        self.table = address_table(self.view.dumped)
        self._native = native_links(self.view)
        # targets by their identity, as long as they are in ``found``: many names have the same
        self._packed: dict[tuple[int, ...], bytes] = {}
        self._reached: dict[tuple[int, bool, bool], int] = {}
        self._slots: dict[tuple[object, ...], int] = {}
        self.candidates: list[Candidate] = []
        self.targets: list[Target] = []
        self.asked: dict[Dialect, list[AskedLookup]] = {}
        self.undefined = {
            dialect: {number for number, one in enumerate(listed) if one.undefined or one.stale}
            for dialect, listed in found.items()
        }
        for dialect, listed in found.items():
            self.asked[dialect] = [
                self._known(number, one, dialect, found)
                or self._asked(one, self.requests[number].flags, dialect)
                for number, one in enumerate(listed)
            ]

    def _known(
        self, number: int, one: Found, dialect: Dialect, found: dict[Dialect, list[Found]]
    ) -> AskedLookup | None:
        """The same look-up in an earlier dialect that finds the same: one object for both."""
        for earlier, asked in self.asked.items():
            if (
                earlier.loopback_source_by_127_0_0_1 == dialect.loopback_source_by_127_0_0_1
                and found[earlier][number] == one
            ):
                return asked[number]
        return None

    def _asked(self, one: Found, flags: int, dialect: Dialect) -> AskedLookup:
        if one.error is not None:
            code = _CODES[one.error]
            return AskedLookup(_OUTCOME.pack(RECORD_VERSION, code, 0) + _COUNT.pack(0))
        packed = self._packed
        keys = [(id(one.target), one.socktype, one.protocol, one.port, flags) for one in one.items]
        entries = tuple(
            [
                packed.get(key) or packed.setdefault(key, _pack(item, flags))
                for key, item in zip(keys, one.items, strict=True)
            ]
        )
        count = _COUNT.pack(len(entries))
        names = _COUNT.pack(0)
        if one.canonname is not None:
            name = encode_text(one.canonname)
            names = _COUNT.pack(1) + NAME.pack(0, len(name)) + name
        if not one.needs_sort:
            return AskedLookup(SUCCESS + count + b"".join(entries) + names)
        # the socket an address is connected with depends on those before it
        wanted = [item.target for item in one.items]
        sockets = inet_sockets(wanted, self.view.bindv6only)
        slots = [self._slot(*each, dialect) for each in zip(wanted, sockets, strict=True)]
        return AskedLookup(None, SUCCESS + count, entries, tuple(slots), names)

    def _slot(self, target: Target, inet_socket: bool, dialect: Dialect) -> int:
        """The candidate's number; on one host a target differs by the entry found only."""
        way = id(target), inet_socket, dialect.loopback_source_by_127_0_0_1
        slot = self._reached.get(way)
        if slot is None:
            one = reached(target, inet_socket, self.view, dialect, self.table, self._native)
            key = target, one.index, one.prefixlen, one.deprecated, one.home
            slot = self._reached[way] = self._slots.setdefault(key, len(self.candidates))
            if slot == len(self.candidates):
                self.candidates.append(one)
                self.targets.append(target)
        return slot


def _pack(item: Item, flags: int) -> bytes:
    data = item.target.address.packed
    return ENTRY.pack(
        item.family, item.socktype, item.protocol, flags, item.addrlen, item.family,
        item.port, item.target.scope_id, len(data),
    ) + data  # fmt: skip
