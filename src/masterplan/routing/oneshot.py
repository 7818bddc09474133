"""One-shot prompts: where trained weights say what the stronger model brings, a chance is moved.

Owns when that is done (a single prompt, no tools, no agent's work, like the trained ones) and how:
the weak model's chance becomes the strong one's less the gain. Everything else keeps its strengths.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from masterplan.catalog import Catalog
from masterplan.core.errors import InputError
from masterplan.core.task import Kind, Need, Profile, Task
from masterplan.policy import Policy
from masterplan.routing.gain import Weights, predict_gain
from masterplan.routing.ladder import Standing
from masterplan.routing.predict import Chance

ONE_SHOT_KINDS: frozenset[Kind] = frozenset({"research", "review", "docs", "auxiliary"})
"""Kinds that one prompt can be. Text does not tell which model an agent's work needs."""
_NEVER: frozenset[Need] = frozenset({"tools", "vision", "ui"})


class OneShot:
    """The weights of one policy, if it has any; InputError where their models are not known."""

    def __init__(self, weights: Weights | None, policy: Policy, catalog: Catalog) -> None:
        self._weights = weights
        self._pair = ("", "")
        if weights is not None:
            names = (("weak", weights.weak), ("strong", weights.strong))
            weak, strong = (_model(which, name, policy, catalog) for which, name in names)
            self._pair = weak, strong

    def mark(self, task: Task, profile: Profile) -> tuple[str, ...]:
        """Return what a decision depends on here: the weights and the prompt; else nothing."""
        if self._weights is None or not is_meant(task, profile):
            return ()
        prompt = hashlib.sha256(task.text.encode("utf-8", "replace")).hexdigest()[:16]
        return self._weights.version, prompt

    def moved(
        self, task: Task, profile: Profile, standings: list[Standing]
    ) -> tuple[list[Standing], tuple[str, ...]]:
        """Return the standings with the weak model's chance moved, and why or why not."""
        weights = self._weights
        weak, strong = self._pair
        ids = [standing.card.id for standing in standings]
        if weights is None or not is_meant(task, profile) or not {weak, strong} <= set(ids):
            return standings, ()
        found = predict_gain(weights, task.text)
        if found.outside:
            return standings, (f"no gain is predicted: {found.outside}; the strengths decide",)
        told = (
            f"one prompt: {strong} is expected to gain {found.gain:+.2f} ± {2 * found.doubt:.2f} "
            f"over {weak} (weights {weights.version})",
            *found.reasons,
        )
        above = standings[ids.index(strong)].chance
        chance = Chance(
            success=_within(above.success - found.gain),
            cautious=_within(above.cautious - found.gain - found.doubt),
            is_measured=above.is_measured,
            reason=f"taken for {strong}'s chance less the gain predicted for this prompt",
        )
        moved = [replace(s, chance=chance) if s.card.id == weak else s for s in standings]
        return moved, told


def is_meant(task: Task, profile: Profile) -> bool:
    """Tell whether a task is one prompt whose text may say which model it needs."""
    if not task.is_one_shot or task.lane != "main" or not task.text.strip():
        return False
    if task.needs & _NEVER:
        return False
    # A kind that nothing spoke for is no agent's work: it is where all prompts land.
    is_open = any(
        s.what == f"kind {profile.kind}" and s.source == "default" for s in profile.signals
    )
    return is_open or profile.kind in ONE_SHOT_KINDS


def _within(chance: float) -> float:
    return min(0.99, max(0.01, chance))


def _model(which: str, name: str, policy: Policy, catalog: Catalog) -> str:
    if name in policy.models:
        return policy.rung(name).model
    card = catalog.find(name)
    if card is None:
        raise InputError(
            "gain.unknown_model",
            f"no model is called {name!r}, which the trained weights call the {which} one",
            "routing.gain",
            f'name it in the policy: [models] "{name}" = "PROVIDER/MODEL"',
        )
    return card.id
