"""One task, one decision: policy, catalog, prices and profile in, model and reasons out.

Owns the precedence (floors, the caller's choice, rules, the spec's start, the role's ladder). Must
not do I/O nor read a clock: the same inputs give the same decision.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from masterplan.catalog import Catalog, Prices
from masterplan.core.decision import Decision
from masterplan.core.model import ModelCard
from masterplan.core.task import Task
from masterplan.policy.schema import Policy
from masterplan.routing.evidence import Evidence, Substitution

ExpectedCost = Callable[[ModelCard, int, int], int | None]
"""Nano-dollars for a card, input tokens and output tokens; ``None`` where unknown."""


class Router:
    """Decides which model does a task, by one policy."""

    def __init__(self, policy: Policy, catalog: Catalog, prices: Prices | ExpectedCost) -> None:
        raise NotImplementedError

    @classmethod
    def from_policy(cls, path: Path | str | None = None) -> Router:
        """Return a router for a policy file, or for the policy that holds here."""
        raise NotImplementedError

    def route(self, task: Task) -> Decision:
        """Return the decision for a task; RoutingError where no model may do it."""
        raise NotImplementedError

    def next_rung(self, decision: Decision, evidence: Evidence) -> Decision | None:
        """Return who tries next after a failure; ``None``: the planner or the person must act."""
        raise NotImplementedError

    def check_substitution(self, decision: Decision, served: str, task: Task) -> Substitution:
        """Judge a model served in another's place against what the task needs."""
        raise NotImplementedError
