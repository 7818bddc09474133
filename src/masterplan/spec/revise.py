"""Bounded change: a revision may touch one module and those that depend on it, nothing else.

Owns the bound and the change log. Must not know why a change was asked for, beyond its text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeVar

from masterplan.core.errors import Problem, SpecError
from masterplan.spec.order import dependents
from masterplan.spec.record import seal
from masterplan.spec.schema import ChangeEntry, Contract, Layout, Module, Spec, ThirdParty

Cause = Literal[
    "contract_cannot_be_met",
    "ladder_exhausted",
    "integration_failed",
    "base_changed",
    "intent",
    "person",
]

_Item = TypeVar("_Item", Module, Contract)


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
    dependents, new modules and the contracts these produce may be in it. ``third_party`` adds.
    """

    request: ChangeRequest
    modules: tuple[Module, ...] = ()
    contracts: tuple[Contract, ...] = ()
    third_party: tuple[ThirdParty, ...] = ()
    removed: tuple[str, ...] = ()


def revise(spec: Spec, change: SpecChange) -> Spec:
    """Return the next revision, sealed and unapproved; out of bounds is a ``SpecError``.

    The entry in the change log names the modules changed, those kept byte for byte, and those
    whose verified work is stale because they depend on a changed one.
    """
    allowed = reach(spec, change.request.module)
    _ensure_bounded(spec, change, allowed)
    modules = _replaced(spec.modules, change.modules, change.removed)
    contracts = _replaced(spec.contracts, change.contracts, change.removed)
    draft = spec.model_copy(
        update={
            "revision": spec.revision + 1,
            "parent_revision": spec.revision,
            "approval": None,
            "modules": modules,
            "contracts": contracts,
            "third_party": (*spec.third_party, *change.third_party),
            "layout": Layout(tree=spec.layout.tree),
        }
    )
    changed = _changed(spec, draft)
    if not changed:
        mend = "Change the module, or stop the run."
        raise SpecError("spec.no_change", "the revision changes nothing", "modules", mend)
    stale = {deeper for name in changed for deeper in dependents(draft, name)} - changed
    names = [module.id for module in modules]
    entry = ChangeEntry(
        revision=draft.revision,
        trigger=f"{change.request.cause}: {change.request.module}",
        cause=change.request.text[:20_000],
        changed=tuple(sorted(changed)),
        keep=tuple(name for name in names if name not in changed | stale),
        invalidates=tuple(name for name in names if name in stale),
    )
    return seal(draft.model_copy(update={"change_log": (*spec.change_log, entry)}))


def reach(spec: Spec, module_id: str) -> frozenset[str]:
    """Return the modules a change request of this module may touch: itself and its dependents."""
    if spec.module(module_id) is None:
        mend = "Name a module of the spec."
        raise SpecError("spec.unknown_module", f"there is no module {module_id!r}", "modules", mend)
    return dependents(spec, module_id) | {module_id}


def _ensure_bounded(spec: Spec, change: SpecChange, allowed: frozenset[str]) -> None:
    touched = [("module", m.id) for m in change.modules if not _may_replace(spec, m, allowed)]
    touched += [
        ("contract", c.id) for c in change.contracts if not _may_replace_contract(spec, c, allowed)
    ]
    touched += [("removal", name) for name in change.removed if not _may_go(spec, name, allowed)]
    problems = tuple(_out_of_bounds(what, name, allowed) for what, name in touched)
    if problems:
        text = "; ".join(problem.message for problem in problems)
        raise SpecError("spec.out_of_bounds", text, "modules", problems[0].mend, problems)


def _may_replace(spec: Spec, module: Module, allowed: frozenset[str]) -> bool:
    before = spec.module(module.id)
    return before is None or before == module or module.id in allowed


def _may_replace_contract(spec: Spec, contract: Contract, allowed: frozenset[str]) -> bool:
    """Tell whether a contract may be written: its owner, before and after, is new or in reach."""
    before = spec.contract(contract.id)
    if before is None:
        return contract.module is None or _is_free(spec, contract.module, allowed)
    if before == contract:
        return True
    owners = (before.module, contract.module)
    return all(owner is not None and _is_free(spec, owner, allowed) for owner in owners)


def _is_free(spec: Spec, module_id: str, allowed: frozenset[str]) -> bool:
    return module_id in allowed or spec.module(module_id) is None


def _may_go(spec: Spec, name: str, allowed: frozenset[str]) -> bool:
    contract = spec.contract(name)
    if spec.module(name) is None and contract is None:
        return False
    is_module_free = spec.module(name) is None or name in allowed
    return is_module_free and (contract is None or contract.module in allowed)


def _out_of_bounds(what: str, name: str, allowed: frozenset[str]) -> Problem:
    mend = f"Change only these modules and their contracts: {', '.join(sorted(allowed))}."
    return Problem("spec.out_of_bounds", f"{what} {name!r} may not be changed", name, mend)


def _replaced(
    held: tuple[_Item, ...], new: tuple[_Item, ...], removed: tuple[str, ...]
) -> tuple[_Item, ...]:
    by_id: dict[str, _Item] = {item.id: item for item in new}
    kept: list[_Item] = [by_id.pop(item.id, item) for item in held if item.id not in removed]
    kept.extend(item for item in new if item.id in by_id)
    return tuple(kept)


def _changed(before: Spec, after: Spec) -> set[str]:
    """Return modules that are new or differ, or one of whose own contracts does."""
    found = {module.id for module in after.modules if module != before.module(module.id)}
    for contract in after.contracts:
        if contract != before.contract(contract.id) and contract.module is not None:
            found.add(contract.module)
    for contract in before.contracts:
        if after.contract(contract.id) is None and contract.module is not None:
            found.add(contract.module)
    return found & {module.id for module in after.modules}
