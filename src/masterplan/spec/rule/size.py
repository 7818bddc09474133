"""Rules on size and money: slices that fit, an estimate within the budget, and break-even.

Owns the margins. Must not know models or prices; both come as numbers.
"""

from __future__ import annotations

from masterplan.core.errors import Problem
from masterplan.core.money import format_usd
from masterplan.spec.facts import Facts
from masterplan.spec.schema import Spec
from masterplan.spec.slice import estimate_tokens, slice_of

WINDOW_SHARE = 0.8
"""How much of a builder's window its input and output may fill; the rest is margin."""

SLICE_TOKENS = 1_600
"""What a slice stays under."""


def slices_fit(spec: Spec, facts: Facts) -> list[Problem]:
    """Each slice, with what its builder reads and writes, fits the builder's window."""
    windows, context = facts.builder_windows or {}, facts.context_tokens or {}
    found = []
    for index, module in enumerate(spec.modules):
        window = windows.get(module.id)
        place = f"modules[{index}]"
        if window is None:
            message = f"no builder's window is known for module {module.id!r}"
            mend = "Name a model of the policy in its ladder."
            found.append(Problem("spec.no_window", message, f"{place}.ladder", mend))
            continue
        tests = sum(estimate_tokens(text) for text in module.test_files.values())
        needed = slice_of(spec, module.id).token_estimate + tests
        needed += context.get(module.id, 0) + module.output_tokens
        if needed > window * WINDOW_SHARE:
            message = f"module {module.id!r} needs about {needed:,} tokens; its builder may use "
            message += f"{int(window * WINDOW_SHARE):,} of {window:,}"
            mend = "Split the module in two, shorten it, or read fewer files."
            found.append(Problem("spec.too_big_for_builder", message, place, mend))
    return found


def slices_short(spec: Spec, facts: Facts) -> list[Problem]:
    """Warn of slices above the size that keeps builders cheap."""
    found = []
    for index, module in enumerate(spec.modules):
        tokens = slice_of(spec, module.id).token_estimate
        if tokens > SLICE_TOKENS:
            message = (
                f"the slice of {module.id!r} has about {tokens:,} tokens, over {SLICE_TOKENS:,}"
            )
            mend = "Shorten its texts or split the module."
            found.append(Problem("spec.long_slice", message, f"modules[{index}]", mend))
    return found


def within_budget(spec: Spec, facts: Facts) -> list[Problem]:
    """The estimate is within the budget: the spec's own and the one handed in."""
    estimate = facts.estimate_nano
    limits = [spec.budget.total_nano]
    if facts.budget_nano is not None:
        limits.append(facts.budget_nano)
    if estimate is None or estimate <= min(limits):
        return []
    message = f"the build is estimated at {format_usd(estimate)}, the budget is "
    message += format_usd(min(limits))
    mend = "Raise the budget, or start modules on cheaper models."
    return [Problem("spec.over_budget", message, "budget.total", mend)]


def break_even(spec: Spec, facts: Facts) -> list[Problem]:
    """Warn where one model alone is expected to be cheaper."""
    alone, estimate = facts.single_model_nano, facts.estimate_nano
    if alone is None or estimate is None or alone >= estimate:
        return []
    name = facts.single_model or "one model"
    message = f"{name} alone would be cheaper: {format_usd(alone)} against {format_usd(estimate)}"
    mend = f"Give the brief to {name} directly, or go on knowing this."
    return [Problem("spec.break_even", message, "budget", mend)]


def unbound_base(spec: Spec, facts: Facts) -> list[Problem]:
    """Warn where the plan is bound to no commit, or was made on uncommitted changes."""
    if not spec.base.commit:
        message = "the plan is bound to no commit, so drift cannot be noticed"
        mend = (
            "Write the commit it was planned on (`git rev-parse HEAD`) as `base.commit`, then "
            "`masterplan check --seal`; in a folder without git there is none, and this may stay."
        )
        return [Problem("spec.unbound_base", message, "base.commit", mend)]
    if spec.base.dirty:
        message = "the plan was made with uncommitted changes, which a build does not see"
        return [Problem("spec.dirty_base", message, "base.dirty", "Commit them and plan again.")]
    return []
