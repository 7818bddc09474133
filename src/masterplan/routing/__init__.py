"""From a task to a decision: profile, ladder, guards, cost and chance, explained. Pure: no I/O.

Owns every choice of a model. Must not know HTTP, prompts, or where the policy was read from.
"""

from masterplan.routing.decide import Router
from masterplan.routing.evidence import Evidence, Substitution
from masterplan.routing.explain import explain
from masterplan.routing.profile import profile

__all__ = ["Evidence", "Router", "Substitution", "explain", "profile"]
