"""Contracts as code: stubs, generated tests, and checks of what was built against what was agreed.

Owns the choice of checker by language; where a language has none it says so. Must not run anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from masterplan.core.errors import Problem
from masterplan.spec.schema import Contract, Spec


@dataclass(frozen=True)
class ContractResult:
    """How a contract was kept. ``checked_by`` is ``None`` where nothing could check it."""

    problems: tuple[Problem, ...] = ()
    checked_by: str | None = None
    reason: str = ""

    @property
    def is_kept(self) -> bool:
        """Whether no problem was found; an unchecked contract counts as kept."""
        return not self.problems


def stubs(spec: Spec, module_id: str) -> dict[str, str]:
    """Return a stub file by path for the contracts the module produces."""
    raise NotImplementedError


def example_tests(spec: Spec, module_id: str) -> dict[str, str]:
    """Return a pytest file by path made of the contracts' examples; ``{}`` where there are none."""
    raise NotImplementedError


def check_contract(contract: Contract, sources: Mapping[str, str]) -> ContractResult:
    """Compare a contract with produced files (text by path; ``.d.ts`` texts for TypeScript)."""
    raise NotImplementedError
