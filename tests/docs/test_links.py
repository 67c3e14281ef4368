"""Links lead somewhere: inside the project always, outside where the internet can be asked."""

import datetime
import socket
import tomllib
import urllib.error
import urllib.request
import warnings
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import pytest

from tests.docs.pages import ROOT, Link, names, page, parse

LISTED = tomllib.loads((ROOT / "docs/links.toml").read_text(encoding="utf-8"))
TODAY = datetime.date.today()


def wrong_inside(link: Link) -> str | None:
    """What is wrong with a link to a place inside the project; None for nothing."""
    where = f"{link.page}:{link.line}: {link.target}"
    path, _, anchor = link.target.partition("#")
    target = PurePosixPath(link.page) if not path else PurePosixPath(link.page).parent / path
    file = (ROOT / target).resolve()
    if not file.is_relative_to(ROOT) or not file.exists():
        return f"{where}: no such file"
    if anchor and file.suffix != ".md":
        return f"{where}: an anchor in a file without headings"
    if anchor and anchor not in page(str(file.relative_to(ROOT))).anchors:
        return f"{where}: no such heading"
    return None


@pytest.mark.parametrize("name", names())
def test_links_have_words_and_inside_lead_somewhere(name: str) -> None:
    links = page(name).links
    inside = [link for link in links if "://" not in link.target]
    assert [complaint for link in inside if (complaint := wrong_inside(link))] == []
    # one without words is invisible outside of the site
    assert [link for link in links if not link.words.strip()] == []


def test_links_outside_are_listed() -> None:
    targets = {link.target for name in names() for link in page(name).links}
    assert {target for target in targets if "://" in target} == set(LISTED)


@pytest.mark.parametrize("url", LISTED)
def test_the_list_says_when_and_how(url: str) -> None:
    entry, parts = LISTED[url], urlsplit(url)
    assert (parts.scheme, "." in (parts.hostname or "")) == ("https", True)
    assert set(entry) == {"what", "seen", "how"}
    assert entry["seen"] <= TODAY
    assert all((entry["what"], entry["how"]))


def test_links_outside_answer() -> None:
    """Follows them all where any of their hosts is known; elsewhere says that it could not."""
    hosts = {url: urlsplit(url).hostname or "" for url in LISTED}
    known = {host for host in hosts.values() if is_known(host)}
    if not known:
        said = f"no internet here: {len(LISTED)} links outside are listed, and none was followed"
        warnings.warn(said, stacklevel=1)
        return
    found = {url: follow(url) if host in known else "no such host" for url, host in hosts.items()}
    assert {url: problem for url, problem in found.items() if problem} == {}


def is_known(host: str) -> bool:
    try:
        return bool(socket.getaddrinfo(host, 443))
    except OSError:
        return False


def follow(url: str) -> str | None:
    """What is wrong for good; a server that is only busy or away is warned of."""
    asked = urllib.request.Request(url, headers={"User-Agent": "Mozilla/5.0 (link check)"})
    try:
        with urllib.request.urlopen(asked, timeout=20):
            return None
    except urllib.error.HTTPError as error:
        if error.code in (404, 410):
            return f"status {error.code}"
        warnings.warn(f"{url}: status {error.code}", stacklevel=2)
    except OSError as error:
        warnings.warn(f"{url}: {error}", stacklevel=2)
    return None


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        ("nowhere.md", "no such file"),
        ("../../outside.md", "no such file"),
        ("README.md#no-such-heading", "no such heading"),
        ("LICENSE#1", "without headings"),
        ("README.md#more", None),
        ("docs/findings.md#golanggo13283", None),
    ],
)
def test_a_wrong_link_is_seen(target: str, complaint: str | None) -> None:
    [link] = parse("README.md", f"[words]({target})").links
    found = wrong_inside(link)
    assert (complaint is None) == (found is None)
    assert complaint is None or complaint in str(found)
