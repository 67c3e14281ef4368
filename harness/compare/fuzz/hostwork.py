"""What is worked out once per host: every look-up's addresses, entries and candidates.

A batch makes many look-ups on one host, under many gai.conf files, on several glibcs. What
does not depend on the gai.conf is done here, once for each dialect that differs.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.compare.request import request_for
from harness.model.addresses import parse_target
from harness.model.lookup import Found, Item, NameService, Request, find
from harness.model.order import Candidate
from harness.model.table import address_table, candidates
from harness.native.record import EAI_NAMES
from harness.sandbox import SERVICES

if TYPE_CHECKING:
    from harness.model.dialects import Dialect
    from harness.model.host import HostView, Target
    from harness.sandbox import Box
    from harness.scenario.fuzz import Batch

_ENTRY = struct.Struct("<iiiHIB")
_COUNT = struct.Struct("<I")
_OUTCOME = struct.Struct("<Bii")
NO_CANONNAME = b"\xff\xff\xff\xff"
_CODES = {name: code for code, name in EAI_NAMES.items()}
SUCCESS = _OUTCOME.pack(1, 0, 0)


@dataclass(frozen=True, slots=True)
class Asked:
    """One look-up in one dialect, before any policy.

    ``fixed`` is the whole outcome where nothing is sorted, else None; ``head`` and
    ``entries`` are the record's parts otherwise, and ``slots`` says for each entry which
    of the host's candidates it is.
    """

    fixed: bytes | None
    head: bytes = b""
    entries: tuple[bytes, ...] = ()
    slots: tuple[int, ...] = ()


class HostWork:
    """One built host with a batch's names, observed.

    Parameters: ``box`` with the host built; ``batch``; ``dialects`` those to answer for.
    """

    def __init__(self, box: Box, batch: Batch, dialects: Iterable[Dialect]) -> None:
        plain = box.observe(())
        self.requests: list[Request] = [request_for(lookup) for lookup in batch.lookups]
        links = {link.name: link.index for link in plain.links}
        given = {text for texts in batch.names.values() for text in texts}
        parsed = {text: parse_target(text, links) for text in given}
        names = {
            name: tuple([parsed[text] for text in texts]) for name, texts in batch.names.items()
        }
        self.names = NameService(
            names=names,
            kind=batch.resolver,
            first_reply=batch.first_reply,
            services=dict(SERVICES),
            links=links,
        )
        table = address_table(plain.addresses)
        different = list(dict.fromkeys(dialects))
        found = {
            spoken: [
                find(request, self.names, table.seen_ipv4, table.seen_ipv6, spoken)
                for request in self.requests
            ]
            for spoken in different
        }
        targets: dict[Target, None] = {}
        for each in found.values():
            for one in each:
                if one.needs_sort:
                    targets.update((item.target, None) for item in one.items)
        self.view: HostView = box.observe(targets)
        self.table = address_table(self.view.addresses)
        self._packed: dict[Item, bytes] = {}
        self._slots: dict[tuple[Target, int | None, int], int] = {}
        self.candidates: list[Candidate] = []
        self.targets: list[Target] = []
        self.asked: dict[Dialect, list[Asked]] = {}
        for spoken in different:
            self.asked[spoken] = [
                self._known(number, one, spoken, found) or self._asked(one, spoken)
                for number, one in enumerate(found[spoken])
            ]

    def _known(
        self, number: int, one: Found, spoken: Dialect, found: dict[Dialect, list[Found]]
    ) -> Asked | None:
        """The same look-up in an earlier dialect that finds the same: one object for both."""
        for earlier, asked in self.asked.items():
            if (
                earlier.loopback_source_by_127_0_0_1 == spoken.loopback_source_by_127_0_0_1
                and found[earlier][number] == one
            ):
                return asked[number]
        return None

    def _asked(self, one: Found, spoken: Dialect) -> Asked:
        if one.error is not None:
            return Asked(_OUTCOME.pack(1, _CODES[one.error], 0) + _COUNT.pack(0))
        packed = self._packed
        entries = tuple([packed.get(item) or self._pack(item) for item in one.items])
        count = _COUNT.pack(len(entries))
        if not one.needs_sort:
            return Asked(SUCCESS + count + b"".join(entries))
        # the socket an address is connected with depends on those before it
        wanted = [item.target for item in one.items]
        known = candidates(wanted, self.view, spoken, self.table)
        slots = tuple(map(self._slot, wanted, known))
        return Asked(None, SUCCESS + count, entries, slots)

    def _pack(self, item: Item) -> bytes:
        address = item.target.address
        family = 2 if address.version == 4 else 10
        data = address.packed
        packed = (
            _ENTRY.pack(
                family, item.socktype, item.protocol, item.port, item.target.scope_id, len(data)
            )
            + data
            + NO_CANONNAME
        )
        self._packed[item] = packed
        return packed

    def _slot(self, target: Target, candidate: Candidate) -> int:
        """The candidate's number; on one host a target differs by the entry found only."""
        key = target, candidate.index, candidate.prefixlen
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = len(self.candidates)
            self.candidates.append(candidate)
            self.targets.append(target)
        return slot
