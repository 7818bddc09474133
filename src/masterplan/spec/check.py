"""The ready gate: is this spec fit to be built? All by code, no model, no I/O.

Owns the verdict and the list of rules; the rules themselves stand in ``rule``. Must not know how
a fact is gathered nor what happens after the verdict.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from masterplan.core.errors import Problem
from masterplan.spec.facts import BaseResult, Facts
from masterplan.spec.record import digest
from masterplan.spec.rule import contracts, coverage, evidence, ownership, reference, size
from masterplan.spec.schema import Spec

__all__ = ["BaseResult", "Facts", "Verdict", "check", "rule_names", "warning_names"]

Run = Callable[[Spec, Facts], list[Problem]]


@dataclass(frozen=True)
class Verdict:
    """What the gate says. ``not_checked`` names the rules whose facts were not gathered.

    A rule about money does not keep a spec from being ready where no price is known; every other
    unchecked rule does.
    """

    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    not_checked: tuple[str, ...] = ()

    @property
    def is_ready(self) -> bool:
        """Whether the spec may be built: every rule was run and held."""
        return self.is_sound and not set(self.not_checked) - _MONEY

    @property
    def is_sound(self) -> bool:
        """Whether every rule that was run held; what a draft is asked for."""
        return not self.problems


@dataclass(frozen=True)
class _Rule:
    """One rule, the facts it cannot do without, and whether there is anything to check."""

    name: str
    run: Run
    facts: tuple[str, ...] = ()
    applies: Callable[[Spec], bool] = lambda spec: True


def check(spec: Spec, facts: Facts | None = None) -> Verdict:
    """Run every rule; with ``facts=None`` only those that need no fact. Never raises."""
    known = facts or Facts()
    if known.resolves is None and known.acceptance is not None:
        # A command that ran has been found; one that could not start says "unresolved".
        known = replace(known, resolves={})
    problems: list[Problem] = []
    warnings: list[Problem] = []
    not_checked = []
    for rules, found in ((_RULES, problems), (_WARNINGS, warnings)):
        for rule in rules:
            if any(getattr(known, name) is None for name in rule.facts):
                if rule.applies(spec):
                    not_checked.append(rule.name)
            else:
                found += rule.run(spec, known)
    return Verdict(tuple(problems), tuple(warnings), tuple(not_checked))


def rule_names() -> tuple[str, ...]:
    """Return the names of the rules that keep a spec from being built, in their order."""
    return tuple(rule.name for rule in _RULES)


def warning_names() -> tuple[str, ...]:
    """Return the names of the rules that only warn, in their order."""
    return tuple(rule.name for rule in _WARNINGS)


def _edited(spec: Spec, facts: Facts) -> list[Problem]:
    if not spec.digest or spec.digest == digest(spec):
        return []
    message = "the spec was edited after it was sealed"
    mend = "Read the change, then approve it again."
    return [Problem("spec.edited", message, "digest", mend)]


def _is_bound(spec: Spec) -> bool:
    return bool(spec.base.commit)


def _has_acceptance(spec: Spec) -> bool:
    return any(module.acceptance for module in spec.modules)


_RULES = (
    _Rule("substance", coverage.substance),
    _Rule("unique_ids", reference.unique_ids),
    _Rule("known_ids", reference.known_ids),
    _Rule("acyclic", reference.acyclic),
    _Rule("producers", reference.producers),
    _Rule("closure", reference.closure),
    _Rule(
        "closure_at_base",
        reference.closure_at_base,
        ("base_contracts",),
        reference.needs_base_contracts,
    ),
    _Rule("contracts_readable", contracts.readable),
    _Rule("contract_files", contracts.files),
    _Rule("unprotected", ownership.unprotected),
    _Rule("one_owner", ownership.one_owner),
    _Rule("frozen_tests", ownership.frozen_tests),
    _Rule("paths_at_base", ownership.paths_at_base, ("base_paths",)),
    _Rule("requirements_proven", coverage.requirements_proven),
    _Rule("no_placeholder", coverage.no_placeholder),
    _Rule("no_open_question", coverage.no_open_question),
    _Rule("module_budgets", coverage.module_budgets),
    _Rule("base_commit", evidence.base_commit_unchanged, ("base_commit",), _is_bound),
    _Rule("files_unchanged", evidence.files_unchanged, ("file_shas",), evidence.needs_file_shas),
    _Rule("commands_resolve", evidence.commands_resolve, ("resolves",), _has_acceptance),
    _Rule("phases_hold", evidence.phases_hold, ("acceptance",), _has_acceptance),
    _Rule(
        "packages_exist",
        evidence.packages_exist,
        ("missing_symbols",),
        lambda spec: bool(spec.third_party),
    ),
    _Rule("slices_fit", size.slices_fit, ("builder_windows",), lambda spec: bool(spec.modules)),
    _Rule("within_budget", size.within_budget, ("estimate_nano",)),
)

_WARNINGS = (
    _Rule("edited", _edited),
    _Rule("unbound_base", size.unbound_base),
    _Rule("slices_short", size.slices_short),
    _Rule("break_even", size.break_even, ("estimate_nano", "single_model_nano")),
)

_MONEY = frozenset({"within_budget", "break_even"})
