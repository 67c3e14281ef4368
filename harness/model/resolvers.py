"""Other resolvers than glibc: which page of the model speaks for each.

Each page has the same three functions as `ResolverModel`. What they are told of the host is what
the kernel says, as glibc's model is.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

from harness.model.host import HostView, Target
from harness.model.lookup import Found, NameService, Request
from harness.model.order import Order
from harness.versions import ResolverName, sorting

PAGES: dict[ResolverName, str] = {"musl": "musl", "c-ares": "cares", "go": "golang"}


class ResolverModel(Protocol):
    """What a page of another resolver has; ``version`` is the resolver's: ``"1.2.3"``."""

    def find(self, request: Request, names: NameService, view: HostView, version: str) -> Found:
        """What it has in hand before it sorts, or the error; routes are not looked at."""

    def order(self, targets: Sequence[Target], view: HostView, version: str) -> Order:
        """The order of destinations; KeyError for a target the view has no route for."""

    def not_asked(self, request: Request, names: NameService) -> str:
        """Why it is not put this question, in words; "" where it is. Of ``names`` only the kinds
        of the services count.
        """


def page(resolver: ResolverName) -> ResolverModel:
    """The model of a resolver that is not glibc. Raises KeyError for glibc."""
    return cast("ResolverModel", import_module(f"harness.model.{PAGES[sorting(resolver)]}"))
