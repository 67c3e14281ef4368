"""Other resolvers than glibc's: the builds of them that the cache has."""

from collections.abc import Sequence

from harness.glibcs import cache
from harness.glibcs.build import Build, GlibcError, GlibcUnavailable
from harness.glibcs.catalog import native_arch
from harness.text.nearest import did_you_mean
from harness.versions import RESOLVERS, is_version

OTHERS = tuple(name for name in RESOLVERS if name != "glibc")


def find_others(words: Sequence[str]) -> list[Build]:
    """The builds that words name, each once, those of one resolver from old to new.

    Args:
        words: ``musl``, one version of it (``musl=1.2.3``, as apt-get writes it), or ``all``:
            what there is of each.

    Raises:
        GlibcUnavailable: Nothing of a resolver, or not that version, is on this host.
        GlibcError: A word names no resolver.
    """
    held = [one.build for one in cache.cached() if one.build is not None]
    held = [one for one in held if one.resolver != "glibc" and one.arch == native_arch()]
    found: dict[str, Build] = {}
    for word in words:
        name, _, version = word.partition("=")
        if (name not in OTHERS or (version and not is_version(version))) and word != "all":
            near = did_you_mean(name, (*RESOLVERS, "all"))
            known = ", ".join(RESOLVERS)
            raise GlibcError(
                f"--resolver {word}: one of {known}, NAME=VERSION or all was expected{near}"
            )
        fitting = [
            one
            for one in held
            if word == "all" or (one.resolver == name and version in ("", one.resolver_version))
        ]
        if not fitting and word != "all":
            raise GlibcUnavailable(
                f"{name} {version}".strip() + " is not on this host",
                f"gai-harness glibc fetch {name}",
                (name,),
            )
        found.update({one.id: one for one in fitting})
    return list(found.values())
