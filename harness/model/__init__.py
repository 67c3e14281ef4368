"""The model: given candidates and policy tables, the order and the reason for it. Pure.

>>> from harness.model import Candidate, Policy, order
"""

from harness.model.dialects import Dialect, dialect
from harness.model.order import Candidate, Decision, Destination, Order, order
from harness.model.policy import Policy

__all__ = ["Candidate", "Decision", "Destination", "Dialect", "Order", "Policy", "dialect", "order"]
