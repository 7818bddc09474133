"""The ready gate: is this spec fit to be built? All by code, no model, no I/O.

Owns the verdict and the list of rules; the rules themselves stand in ``rules``. Must not know how
a fact is gathered nor what happens after the verdict.
"""

from __future__ import annotations

from dataclasses import dataclass

from masterplan.core.errors import Problem
from masterplan.spec.facts import BaseResult, Facts
from masterplan.spec.schema import Spec

__all__ = ["BaseResult", "Facts", "Verdict", "check"]


@dataclass(frozen=True)
class Verdict:
    """What the gate says. ``not_checked`` names the rules whose facts were not gathered."""

    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    not_checked: tuple[str, ...] = ()

    @property
    def is_ready(self) -> bool:
        """Whether the spec may be built; warnings do not count, unchecked rules do."""
        return not self.problems and not self.not_checked

    @property
    def is_sound(self) -> bool:
        """Whether every rule that was run held."""
        return not self.problems


def check(spec: Spec, facts: Facts | None = None) -> Verdict:
    """Run every rule; with ``facts=None`` only those that need no fact. Never raises."""
    raise NotImplementedError
