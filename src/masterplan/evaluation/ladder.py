"""A ladder played over recorded outcomes: what it is expected to solve and to spend.

Owns the plan (rungs, caps, when to give up), the verifier's error rates and the expectation over
them; nothing is drawn, so the same inputs give the same figures. Must not choose a plan: that is
fit's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from masterplan.core.errors import InputError
from masterplan.evaluation.matrix import Matrix

Nano = int | None


@dataclass(frozen=True)
class Verifier:
    """How often a verifier accepts right and wrong work, and what one look costs."""

    accept_right: float
    accept_wrong: float
    cost_nano: int = 0

    @property
    def is_blind(self) -> bool:
        """Whether it accepts everything: then no ladder can climb."""
        return self.accept_right == 1.0 and self.accept_wrong == 1.0

    def __str__(self) -> str:
        if self.is_blind:
            return "none"
        if (self.accept_right, self.accept_wrong) == (1.0, 0.0):
            return "perfect"
        return f"{self.accept_right:g},{self.accept_wrong:g}"


PERFECT = Verifier(1.0, 0.0)
NO_VERIFIER = Verifier(1.0, 1.0)
"""Nobody looks: the first work is taken, whatever it is."""


@dataclass(frozen=True)
class Plan:
    """Rungs in order; what each may spend; after which cost of a rejected try to give up.

    ``caps_nano[k]`` stops rung k when it has spent that much: its work counts as not done.
    ``give_up_nano[k]``: where rung k cost more than this and was rejected, nothing climbs, and the
    last finished work is handed back as not verified. ``None``: no cap, never.
    """

    rungs: tuple[str, ...]
    caps_nano: tuple[Nano, ...] = ()
    give_up_nano: tuple[Nano, ...] = ()

    def cap(self, rung: int) -> Nano:
        """Return what a rung may spend, in nano-dollars."""
        return self.caps_nano[rung] if rung < len(self.caps_nano) else None

    def give_up(self, rung: int) -> Nano:
        """Return above which cost of a rejected try nothing climbs, in nano-dollars."""
        return self.give_up_nano[rung] if rung < len(self.give_up_nano) else None


@dataclass(frozen=True)
class Outcome:
    """Expected success and nano-dollars of each task; ``kept`` tells which tasks are in it.

    ``missing`` counts the tasks where a rung's success or cost is not recorded.
    """

    success: list[float]
    cost_nano: list[float]
    kept: list[bool]

    @property
    def missing(self) -> int:
        """How many tasks are not in it."""
        return len(self.kept) - len(self.success)


@dataclass(frozen=True)
class Column:
    """One model's complete results, a task each; costs in nano-dollars."""

    success: Sequence[float]
    cost: Sequence[float]


def parse_verifier(text: str, where: str = "--verifier") -> Verifier:
    """Read ``perfect``, ``none`` or ``ACCEPT_RIGHT,ACCEPT_WRONG``; InputError otherwise.

    >>> parse_verifier("0.9,0.2")
    Verifier(accept_right=0.9, accept_wrong=0.2, cost_nano=0)
    """
    plain = text.strip().lower()
    if plain in ("perfect", "none"):
        return PERFECT if plain == "perfect" else NO_VERIFIER
    match = re.fullmatch(r"([01]?\.?\d*)\s*,\s*([01]?\.?\d*)", plain)
    try:
        rates = [float(part) for part in match.groups()] if match else []
    except ValueError:
        rates = []
    if len(rates) != 2 or not all(0 <= rate <= 1 for rate in rates):
        raise InputError(
            "verifier.rates",
            f"{text!r} is no verifier",
            where,
            "write perfect, none, or two shares like 0.9,0.2: of right and of wrong work accepted",
        )
    if rates[0] < rates[1]:
        raise InputError(
            "verifier.backwards",
            f"{text!r} accepts more wrong work than right work",
            where,
            "write the share of right work that is accepted first",
        )
    return Verifier(rates[0], rates[1])


def columns(matrix: Matrix, models: Sequence[str], kept: Sequence[bool]) -> dict[str, Column]:
    """Return the models' results on the kept tasks, where nothing may be missing."""
    found = {}
    for model in models:
        success = [s for s, k in zip(matrix.successes(model), kept, strict=True) if k]
        cost = [c for c, k in zip(matrix.costs(model), kept, strict=True) if k]
        found[model] = Column(
            [s for s in success if s is not None], [float(c) for c in cost if c is not None]
        )
    return found


def run_plan(matrix: Matrix, plan: Plan, verifier: Verifier) -> Outcome:
    """Play a plan over all tasks whose rungs are recorded; InputError for an unknown model."""
    matrix.ensure_models(plan.rungs, "the plan's rungs")
    kept = matrix.known(plan.rungs)
    played = columns(matrix, plan.rungs, kept)
    success, cost = play([played[name] for name in plan.rungs], plan, verifier)
    return Outcome(success, cost, kept)


def play(
    rungs: Sequence[Column], plan: Plan, verifier: Verifier
) -> tuple[list[float], list[float]]:
    """Return expected success and nano-dollars of each task.

    The last rung's work is handed back whatever the verifier says of it. A try that its cap stops
    is no work: what was finished before it is handed back, if anything.
    """
    count = len(rungs[0].success)
    success, cost = [0.0] * count, [0.0] * count
    reach, before = [1.0] * count, [0.0] * count
    for k, rung in enumerate(rungs):
        is_last = k == len(rungs) - 1
        rule = _Rule(plan.cap(k), plan.give_up(k), is_last, verifier)
        look = float(verifier.cost_nano) if len(rungs) > 1 else 0.0
        for i in range(count):
            if reach[i] > 0.0:
                won, paid, climbs, before[i] = rule.step(rung.success[i], rung.cost[i], before[i])
                success[i] += reach[i] * won
                cost[i] += reach[i] * (paid + look)
                reach[i] *= climbs
    return success, cost


@dataclass(frozen=True)
class _Rule:
    """What one rung does with one task."""

    cap: Nano
    give_up: Nano
    is_last: bool
    verifier: Verifier

    def step(self, right: float, price: float, before: float) -> tuple[float, float, float, float]:
        """Return success handed back here, what was paid, the share that climbs, work so far."""
        is_cut = self.cap is not None and price > self.cap
        paid = float(self.cap) if is_cut and self.cap is not None else price
        work = before if is_cut else right
        if self.is_last:
            return work, paid, 0.0, work
        rates = self.verifier
        taken = 0.0 if is_cut else right * rates.accept_right
        refused = 1.0 if is_cut else 1.0 - taken - (1.0 - right) * rates.accept_wrong
        # Rejected right work is what is left of the right; a cut try leaves what was before it.
        rejected = before if is_cut else right * (1.0 - rates.accept_right)
        kept = rejected / refused if refused > 0.0 and not is_cut else before
        if self.give_up is not None and paid > self.give_up:
            handed = refused * (before if is_cut else kept)
            return taken + handed, paid, 0.0, kept
        return taken, paid, refused, kept
