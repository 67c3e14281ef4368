"""What differs between versions of c-ares.

It was read in the tags of its repository from 1.16.0, which brought ares_getaddrinfo, to 1.34.8,
and run on 1.17.1, 1.18.1, 1.34.8 and 1.34.9 of Debian.
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Literal

from harness.versions import at_version, history

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

    unreachable_by_chance: bool = history(True, ("1.18.0", False))
    literal_asked_for: bool = history(False, ("1.18.0", True), ("1.19.0", False))
    port_numbers: Literal["nonzero", "loose", "whole", "digits"] = history(
        "nonzero", ("1.19.1", "loose"), ("1.34.6", "whole"), ("1.34.7", "digits")
    )
    nameless: bool = history(False, ("1.34.7", True))
    localhost: Literal["none", "alone", "domain"] = history(
        "none", ("1.18.0", "alone"), ("1.22.0", "domain")
    )
    localhost_filled: bool = history(False, ("1.34.5", True))
    merged_hosts: bool = history(False, ("1.22.0", True))
    unused_names: bool = history(False, ("1.18.0", True))
    whole_words: bool = history(False, ("1.28.0", True))
    end_dot_searched: bool = history(True, ("1.18.0", False))
    options_read: bool = history(False, ("1.28.0", True))
    long_lines_ignored: bool = history(False, ("1.28.0", True))
    plain_names: bool = history(False, ("1.22.0", True))
    prefix_lengths: Literal["cut", "garbage", "none"] = history(
        "cut", ("1.18.0", "garbage"), ("1.34.9", "none")
    )
    tries: int = history(4, ("1.20.0", 3))
    edns_size: int = history(512, ("1.22.0", 1280), ("1.27.0", 1232))
    by_failures: bool = history(False, ("1.22.0", True))
    error_told: bool = history(False, ("1.20.0", True))
    gives_up: Literal["never", "any", "IPv4"] = history(
        "never", ("1.20.0", "any"), ("1.34.3", "IPv4")
    )
    sent_later: bool = history(False, ("1.33.0", True))
    told_later: bool = history(False, ("1.34.6", True))
    format_retried: bool = history(False, ("1.34.3", True))
    alias_alone: Literal["crash", "success", "no data"] = history(
        "crash", ("1.17.2", "success"), ("1.18.0", "no data")
    )
    empty_last: bool = history(True, ("1.18.0", False))
    goes_on: bool = history(False, ("1.18.0", True))
    past_failure: bool = history(False, ("1.34.0", True))


@lru_cache(64)
def behaviour(version: str) -> CaresBehaviour:
    """How c-ares ``version`` behaves, as "1.18.1". Raises ValueError for one older than `FIRST`."""
    return at_version(CaresBehaviour, version, FIRST, "c-ares")
