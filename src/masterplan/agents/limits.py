"""What a client may assume of the models behind ``masterplan/auto``: window and longest answer.

A client counts its own context, so it is told the smallest that any rung of the policy has: what
it sends then fits wherever it goes. Must not know any client's setting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from masterplan.core.task import Role
from masterplan.policy import Policy

AUTO = "masterplan/auto"
MODELS = (AUTO, *(f"masterplan/{role}" for role in get_args(Role)), "masterplan/frontend")
"""The names that the gateway takes for "whoever the policy says"."""


@dataclass(frozen=True)
class Limits:
    """The window and the longest answer, in tokens."""

    context_tokens: int
    max_output_tokens: int


def limits_of(policy: Policy, model: str = AUTO) -> Limits:
    """Return the smallest limits among the rungs that a name of the gateway's can lead to."""
    cards = [policy.shelf.card(name) for name in _models(policy, model.partition("/")[2])]
    return Limits(
        min(card.context_tokens for card in cards),
        min(card.max_output_tokens for card in cards),
    )


def _models(policy: Policy, name: str) -> set[str]:
    roles: tuple[Role, ...] = tuple(role for role in get_args(Role) if role == name)
    asked = roles or (("builder",) if name == "frontend" else ("planner", "builder", "debugger"))
    found = {
        rung.model for role in asked if policy.has_ladder(role) for rung in policy.ladder(role)
    }
    kinds = [rule for rule in policy.rules if not roles or not rule.when.role]
    ruled = {policy.rung(text).model for rule in kinds for text in rule.use}
    return found | ruled or {rung.model for role in policy.roles for rung in policy.ladder(role)}
