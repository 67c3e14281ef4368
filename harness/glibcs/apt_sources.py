"""The host's apt sources: which mirror it uses for its distribution, and which keys.

Both formats of sources.list(5) are read, the one-line one and deb822. Nothing is written.
"""

import re
import shlex
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from harness.glibcs.build import GlibcUnavailable
from harness.glibcs.catalog import Distribution
from harness.glibcs.managers import not_here
from harness.sandbox import programs

_ONE_LINE = re.compile(r"deb\s+(?:\[(?P<options>[^\]]*)\]\s*)?(?P<rest>\S.*)")
# The pockets of a suite (bookworm-updates, noble-security) are not the suite itself.
_POCKET = re.compile(r"[-/](?:updates|security|backports|backports-sloppy|proposed.*|debug)\Z")
# Those with newer packages of the suite that a host takes by default.
_UPDATES = re.compile(r"(.+)(-updates|-security)\Z")
_NO = frozenset({"no", "false", "without", "off", "disable", "0"})


@dataclass(frozen=True, slots=True)
class Source:
    """One mirror of the host's apt sources.

    ``signed_by`` is verbatim: a keyring's path, fingerprints, or a whole key block with deb822's
    continuation lines; empty where apt's own trusted keys apply. Empty ``arches`` are no limit.
    ``updates`` are the sources of a suite's pockets with newer packages, each of one pocket.
    """

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = ""
    arches: tuple[str, ...] = ()
    updates: tuple["Source", ...] = ()


def host_sources() -> tuple[Source, ...]:
    """Every enabled binary source of the host, in apt's order. Raises GlibcUnavailable."""
    found: list[Source] = []
    for path in _files():
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        found += parse_deb822(text) if path.suffix == ".sources" else parse_one_line(text)
    return tuple(found)


def parse_one_line(text: str) -> Iterator[Source]:
    """The sources in the text of a ``.list`` file."""
    for line in text.splitlines():
        match = _ONE_LINE.match(line.partition("#")[0].strip())
        if match is None:
            continue
        uri, *rest = match["rest"].split()
        words = (match["options"] or "").split()
        options = dict(word.split("=", 1) for word in words if "=" in word)
        # apt takes commas as well as blanks between several; deb822 only blanks
        yield from _of(
            {
                "uris": uri,
                "suites": " ".join(rest[:1]),
                "components": " ".join(rest[1:]),
                "signed-by": options.get("signed-by", "").replace(",", " "),
                "architectures": options.get("arch", "").replace(",", " "),
            }
        )


def parse_deb822(text: str) -> Iterator[Source]:
    """The sources in the text of a ``.sources`` file."""
    kept = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in map(_fields, re.split(r"\n\s*\n", kept)):
        disabled = stanza.get("enabled", "").strip().lower() in _NO
        if "deb" in stanza.get("types", "").split() and not disabled:
            yield from _of(stanza)


def _fields(stanza: str) -> dict[str, str]:
    """The fields by their names in small letters; continuation lines stay as they are.

    Not read as a mail's header: Python 3.13.5 drops the line break before a key block.
    """
    fields = (field.partition(":") for field in re.split(r"\n(?![ \t])", stanza))
    return {name.strip().lower(): value.strip(" \t") for name, _, value in fields}


def _of(stanza: Mapping[str, str]) -> Iterator[Source]:
    suites, components, arches = (
        tuple(stanza.get(field, "").split()) for field in ("suites", "components", "architectures")
    )
    for uri in stanza.get("uris", "").split() if suites else ():
        if not uri.startswith("cdrom:"):  # no glibc comes from there
            yield Source(uri, suites, components, stanza.get("signed-by", ""), arches)


def choose(
    sources: Iterable[Source], distribution: Distribution, suite: str, arch: str
) -> tuple[Source, ...]:
    """The sources to fetch a suite from: the host's entries for its distribution's archive.

    An entry that names the suite itself wins (an archive mirror added for an old suite, say);
    otherwise the entries for any suite of the distribution serve, since one archive holds all.
    A mirror is given once for each set of keys, with the sources of the suite's updates: where the
    host has those of any suite of the distribution.
    """
    sources = tuple(sources)
    known = {one.name for one in distribution.suites} | set(distribution.aliases)

    def main(source: Source) -> bool:
        return distribution.component in source.components and any(
            _POCKET.sub("", name) in known for name in source.suites
        )

    # A pocket may lie in an archive of its own (Debian's security), which has no other suites.
    candidates = [
        source for source in sources if main(source) and not all(map(is_pocket, source.suites))
    ]
    fitting = [one for one in candidates if not one.arches or arch in one.arches] or candidates
    exact = [source for source in fitting if suite in source.suites]
    once: dict[tuple[str, str], Source] = {}
    for source in exact or fitting:
        once.setdefault((source.uri, source.signed_by), source)
    chosen = distribution.suite(suite)
    if chosen is None or not chosen.updates:
        return tuple(once.values())
    updates = dict.fromkeys(
        replace(source, suites=(suite + pocket[2],), components=())
        for source in sources
        if main(source) and (not source.arches or arch in source.arches)
        for pocket in map(_UPDATES.fullmatch, source.suites)
        if pocket is not None and pocket[1] in known
    )
    return tuple(replace(source, updates=tuple(updates)) for source in once.values())


def is_pocket(suite: str) -> bool:
    """Whether it is a part of a suite: bookworm-updates, noble-security."""
    return _POCKET.search(suite) is not None


def _files() -> list[Path]:
    """sources.list and its parts, where the host's apt configuration says they are."""
    program = programs.find("apt-config")
    if program is None:
        raise not_here("apt-get")
    command = [
        program, "shell", "LIST", "Dir::Etc::sourcelist/f", "PARTS", "Dir::Etc::sourceparts/d",
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env=programs.environment()
        )
    except subprocess.CalledProcessError as error:
        said = (error.stderr.strip().splitlines() or ["no reason given"])[0]
        raise GlibcUnavailable(
            f"apt-config failed: {said}", "mend the host's apt configuration"
        ) from None
    except OSError as error:  # Python names the program where posix_spawn is refused
        raise GlibcUnavailable(
            f"apt-config cannot be started: {error.strerror}", "let it be started, or mend it"
        ) from None
    values = dict(word.split("=", 1) for word in shlex.split(done.stdout) if "=" in word)
    found = [Path(values["LIST"])] if values.get("LIST") else []
    if values.get("PARTS"):
        parts = sorted(Path(values["PARTS"]).glob("*"))
        found += [path for path in parts if path.suffix in (".list", ".sources")]
    return [path for path in found if path.is_file()]
