"""What a policy says that it will regret: premium everywhere, ladders that cannot climb.

Owns the warnings; none of them stops anything. Must not repeat what parse already refuses.
"""

from __future__ import annotations

from masterplan.catalog.card import Catalog
from masterplan.core.errors import Problem
from masterplan.policy.schema import Policy


def lint(policy: Policy, catalog: Catalog) -> list[Problem]:
    """Return the warnings about a policy, the gravest first."""
    raise NotImplementedError
