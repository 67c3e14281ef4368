"""What differs between versions of c-ares, as one table.

A new c-ares is a new row here, or none; nothing else asks for a version number. Rows were read in
the tags of its repository from 1.16.0, which brought ares_getaddrinfo, to 1.34.8, and run on
1.17.1, 1.18.1, 1.34.8 and 1.34.9 of Debian.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Literal

from harness.versions import Version

FIRST = "1.16.0"
"""The first that has ares_getaddrinfo."""


class Status(IntEnum):
    """What c-ares says of a look-up, by the numbers of its ares.h."""

    SUCCESS = 0
    ENODATA = 1
    EFORMERR = 2
    ESERVFAIL = 3
    ENOTFOUND = 4
    ENOTIMP = 5
    EREFUSED = 6
    EBADNAME = 8
    EBADRESP = 10
    ECONNREFUSED = 11
    ETIMEOUT = 12
    ESERVICE = 25


@dataclass(frozen=True, slots=True)
class CaresBehaviour:
    """How one version behaves.

    ``unreachable_by_chance``: rules 2 and 5 look at the source of an unreachable destination, where
    memory holds whatever it held before. ``literal_asked_for``: a.b.c.d with AF_UNSPEC or AF_INET6
    is looked up as a name as well. ``port_numbers``: what counts as one: any that strtoul(3) makes
    of the text but 0 ("nonzero"), anything up to 65535 ("loose"), a whole decimal number ("whole"),
    one that begins with a digit ("digits"). ``nameless``: a service alone is answered; before, the
    process dies.

    ``localhost``: which names are 127.0.0.1 and ::1 by themselves. ``localhost_filled``: a family
    that the hosts file lacks is added. ``merged_hosts``: lines of the hosts file that share a name
    or an address are one entry; before, each is read by itself. ``unused_names``: a line of another
    family gives its canonical name all the same. ``whole_words``: of the hosts line, not only their
    first letters. ``end_dot_searched``: a name with a final dot is looked up in the domains too.
    ``options_read``: timeout and attempts of resolv.conf; use-vc is read as well, and overwritten
    by the flags of a channel that is given none. ``long_lines_ignored``: of resolv.conf, whose
    value has more than 511 bytes. ``plain_names``: what a name may have in DNS is checked, and its
    length by the text, so that one of 254 or 255 bytes is asked for.

    ``prefix_lengths``: of an address as a name: the bytes behind are 0 ("cut"), or what was in
    memory ("garbage"), or it is no address ("none").

    ``tries``: of each server. ``edns_size``: bytes of a reply over UDP. ``by_failures``: the server
    that failed least is asked; before, each in turn, and after an error not again. ``error_told``:
    SERVFAIL and REFUSED are; before, they are ECONNREFUSED. ``gives_up``: once an address is there,
    the other question is not asked again. Of replies that are read at once, first all are taken,
    then what is to be sent for them is (``sent_later``), and their ends are told (``told_later``).
    ``format_retried``: after FORMERR it is asked without EDNS. ``alias_alone``: what a CNAME record
    without any address is. ``empty_last``: a reply that has records of another kind alone, as the
    last one, spoils the other. ``goes_on``: after an answer without an address the next domain is
    tried; ``past_failure``: after a failure of a name without a dot too.
    """

    unreachable_by_chance: bool = True
    literal_asked_for: bool = False
    port_numbers: Literal["nonzero", "loose", "whole", "digits"] = "nonzero"
    nameless: bool = False
    localhost: Literal["none", "alone", "domain"] = "none"
    localhost_filled: bool = False
    merged_hosts: bool = False
    unused_names: bool = False
    whole_words: bool = False
    end_dot_searched: bool = True
    options_read: bool = False
    long_lines_ignored: bool = False
    plain_names: bool = False
    prefix_lengths: Literal["cut", "garbage", "none"] = "cut"
    tries: int = 4
    edns_size: int = 512
    by_failures: bool = False
    error_told: bool = False
    gives_up: Literal["never", "any", "IPv4"] = "never"
    sent_later: bool = False
    told_later: bool = False
    format_retried: bool = False
    alias_alone: Literal["crash", "success", "no data"] = "crash"
    empty_last: bool = True
    goes_on: bool = False
    past_failure: bool = False


ROWS: tuple[tuple[str, bool | int | str, str], ...] = (
    ("alias_alone", "success", "1.17.2"),
    ("alias_alone", "no data", "1.18.0"),
    ("empty_last", False, "1.18.0"),
    ("end_dot_searched", False, "1.18.0"),
    ("goes_on", True, "1.18.0"),
    ("literal_asked_for", True, "1.18.0"),
    ("literal_asked_for", False, "1.19.0"),
    ("localhost", "alone", "1.18.0"),
    ("prefix_lengths", "garbage", "1.18.0"),
    ("unreachable_by_chance", False, "1.18.0"),
    ("unused_names", True, "1.18.0"),
    ("port_numbers", "loose", "1.19.1"),
    ("error_told", True, "1.20.0"),
    ("gives_up", "any", "1.20.0"),
    ("tries", 3, "1.20.0"),
    ("by_failures", True, "1.22.0"),
    ("edns_size", 1280, "1.22.0"),
    ("localhost", "domain", "1.22.0"),
    ("merged_hosts", True, "1.22.0"),
    ("plain_names", True, "1.22.0"),
    ("edns_size", 1232, "1.27.0"),
    ("long_lines_ignored", True, "1.28.0"),
    ("options_read", True, "1.28.0"),
    ("whole_words", True, "1.28.0"),
    ("sent_later", True, "1.33.0"),
    ("past_failure", True, "1.34.0"),
    ("format_retried", True, "1.34.3"),
    ("gives_up", "IPv4", "1.34.3"),
    ("localhost_filled", True, "1.34.5"),
    ("port_numbers", "whole", "1.34.6"),
    ("told_later", True, "1.34.6"),
    ("nameless", True, "1.34.7"),
    ("port_numbers", "digits", "1.34.7"),
    ("prefix_lengths", "none", "1.34.9"),
)
"""A field of `Behaviour`, a value, and the first version that has it."""


@lru_cache(64)
def behaviour(version: str) -> CaresBehaviour:
    """How c-ares ``version`` behaves, as "1.18.1". Raises ValueError for one older than `FIRST`."""
    own = Version.parse(version)
    if own < Version.parse(FIRST):
        raise ValueError(f"c-ares {version}: the model begins with {FIRST}")
    values = {field: value for field, value, since in ROWS if Version.parse(since) <= own}
    return CaresBehaviour(**values)  # type: ignore[arg-type]
