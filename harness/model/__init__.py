"""The model: given candidates and policy tables, the order and the reason for it. Pure.

>>> from harness.model import Candidate, Policy, order
"""

from harness.model.dialects import Dialect, dialect
from harness.model.facts import Candidate, Facts
from harness.model.ordering import Decision, Order, order
from harness.model.policy import Policy

__all__ = ["Candidate", "Decision", "Dialect", "Facts", "Order", "Policy", "dialect", "order"]
