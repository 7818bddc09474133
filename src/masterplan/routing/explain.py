"""A decision in words, for the terminal, ``--trace`` and the report.

Owns the wording. Must not decide anything.
"""

from __future__ import annotations

from masterplan.core.decision import Decision


def explain(decision: Decision) -> list[str]:
    """Return the decision as lines: the choice, its reasons, what else was considered."""
    raise NotImplementedError
