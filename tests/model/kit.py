"""Hosts, candidates and strategies that the tests of the model share."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_interface

from hypothesis import strategies as st

from harness.model.dialects import dialect
from harness.model.host import AddressRow, HostView, Link, Route, Target
from harness.model.order import Candidate, Destination, glibc_destination
from harness.model.policy import Policy
from harness.versions import SUPPORTED

ETHER = 1  # ARPHRD_ETHER
VERSIONS = tuple(f"2.{minor}" for minor in range(31, 45))
EVERY_DIALECT = [
    dialect(glibc, arch)
    for glibc in (*(f"2.{n}" for n in (5, 7, 8, 9, *range(16, 20), *range(23, 30))), *VERSIONS)
    for arch in SUPPORTED
]


def row(text: str, index: int = 2, flags: int = 0, peer: str | None = None) -> AddressRow:
    """One line of the address dump: IFA_LOCAL always for IPv4, for IPv6 only beside a peer."""
    interface = ip_interface(text)
    if peer is not None:
        other = ip_interface(peer)
        return AddressRow(index, other.ip, interface.ip, other.network.prefixlen, flags)
    local = interface.ip if interface.version == 4 else None
    return AddressRow(index, interface.ip, local, interface.network.prefixlen, flags)


def view(
    rows: Sequence[AddressRow],
    sources: Mapping[str, str | None],
    *,
    types: Mapping[int, int] | None = None,
    bindv6only: bool = False,
) -> tuple[list[Target], HostView]:
    """The targets (in order) and the host that reaches each from the given source."""
    routes = {
        Target(ip_address(to)): Route(None if source is None else ip_address(source))
        for to, source in sources.items()
    }
    indexes = sorted({1, 2, 3} | {one.index for one in rows})
    links = tuple(Link(i, f"if{i}", (types or {}).get(i, ETHER)) for i in indexes)
    return list(routes), HostView(tuple(rows), links, routes, bindv6only)


def known(
    candidates: Sequence[Candidate],
    conf: str | None = None,
    glibc: str = "2.36",
    arch: str = "amd64",
) -> list[Destination]:
    """The facts of candidates standing in this order."""
    spoken = dialect(glibc, arch)
    policy = Policy.build(conf, spoken)
    return [glibc_destination(one, i, policy, spoken) for i, one in enumerate(candidates)]


# A few nets, near and far, of every scope, label and precedence; few bits, so that ties happen.
_NETS4 = ("10.0.0.0", "172.18.45.0", "172.31.80.0", "192.168.1.0", "169.254.7.0", "198.51.100.0")
_NETS6 = (
    "2001:db8:1::", "2001:db8:9::", "fe80::", "fec0::", "fd00::", "2002:c633:6401::",
    "2001::", "::ffff:10.0.0.0", "ff02::", "ff0e::", "::",
)  # fmt: skip


def _texts(nets: Sequence[str]) -> st.SearchStrategy[str]:
    def text(net: str, low: int) -> str:
        return str(ip_address(net) + low)

    return st.builds(text, st.sampled_from(nets), st.integers(1, 6))


@st.composite
def candidate(draw: st.DrawFn, families: str = "46") -> Candidate:
    """A candidate of a host where being native depends on the interface alone."""
    texts = _texts(_NETS4 if draw(st.sampled_from(families)) == "4" else _NETS6)
    index = draw(st.none() | st.integers(1, 4))
    return Candidate(
        destination=draw(texts),
        source=draw(st.none() | texts if draw(st.integers(0, 3)) == 0 else texts),
        prefixlen=draw(st.sampled_from([0, 8, 24, 29, 32])),
        deprecated=draw(st.integers(0, 3)) == 0,
        home=draw(st.integers(0, 3)) == 0,
        index=index,
        native=None if index is None else index != 4,
    )


def candidates(families: str = "46", most: int = 9) -> st.SearchStrategy[list[Candidate]]:
    """Destinations of one look-up."""
    return st.lists(candidate(families), max_size=most)


TYING = "precedence ::ffff:0:0/96 40\nlabel ::/0 1\n"
confs = st.sampled_from([None, "precedence ::ffff:0:0/96 40\n", TYING, "scopev4 10.0.0.0/8 5\n"])
dialects = st.sampled_from(EVERY_DIALECT)
