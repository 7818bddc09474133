"""Bounded change: a revision may touch one module and those that depend on it, nothing else.

Owns the bound and the change log. Must not know why a change was asked for, beyond its text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from masterplan.spec.schema import Contract, Module, Spec, ThirdParty

Cause = Literal["contract_cannot_be_met", "ladder_exhausted", "base_changed", "intent", "person"]


@dataclass(frozen=True)
class ChangeRequest:
    """What a builder or the engine asks of the planner: which module, why, and the raw evidence."""

    module: str
    cause: Cause
    text: str


@dataclass(frozen=True)
class SpecChange:
    """The planner's answer: whole replacements, by id, for modules and contracts.

    New ids are added, ids in ``removed`` (modules or contracts) go. Only ``request.module``, its
    dependents, new modules and the contracts these produce may be in it.
    """

    request: ChangeRequest
    modules: tuple[Module, ...] = ()
    contracts: tuple[Contract, ...] = ()
    third_party: tuple[ThirdParty, ...] = ()
    removed: tuple[str, ...] = ()


def revise(spec: Spec, change: SpecChange) -> Spec:
    """Return the next revision, sealed and unapproved; out of bounds is a ``SpecError``."""
    raise NotImplementedError
