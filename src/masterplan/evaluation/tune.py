"""Caps and give-up of a ladder: where more money on a task no longer pays.

Owns the order in which rungs are bounded. A failed frontier try is the dearest thing there is, and
what a cheap try cost tells something of whether the dear one will succeed. Must not choose rungs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from masterplan.evaluation.bootstrap import quantile
from masterplan.evaluation.ladder import Plan, State, play_from, states
from masterplan.evaluation.search import Ground

SHARES = (0.98, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5)
"""Of a model's own costs: what a bound may lie at."""
DOUBT = 0.4
"""Tasks that a bound is taken to lose beyond those it was seen to lose: a bound is picked among
many, and those that lost nothing here lose something elsewhere."""
LEAST = 0.005
"""A bound that saves a smaller share is not worth its line."""
MAX_BOUNDS = 8


def best_tuned(ground: Ground, ladders: Sequence[tuple[str, ...]]) -> Plan:
    """Return the tuned plan that costs least; ladders that are equally good come by their order."""
    plans = [tuned(ground, rungs) for rungs in ladders]
    return min(plans, key=lambda plan: _weighed(ground, plan)[0]) if len(plans) > 1 else plans[0]


def tuned(ground: Ground, rungs: tuple[str, ...]) -> Plan:
    """Return a ladder with the caps and give-up that save most and keep the objective."""
    none = (None,) * len(rungs)
    plan = Plan(rungs, none, none)
    if ground.objective.goal != "cost":
        return plan
    cost, spare = _weighed(ground, plan)
    if spare < 0:
        return plan
    columns = [ground.columns[name] for name in rungs]
    for _ in range(MAX_BOUNDS):
        best: tuple[float, float, float, Plan] | None = None
        starts = states(columns, plan, ground.verifier)
        for k, bounded in _bounded(ground, plan):
            its_cost, its_spare = _weighed(ground, bounded, starts[k].copied())
            if its_spare < 0 or its_cost > cost * (1 - LEAST):
                continue
            lost = max(spare - its_spare, 0.5 / ground.count)
            worth = (cost - its_cost) / lost
            if best is None or worth > best[0]:
                best = (worth, its_cost, its_spare, bounded)
        if best is None:
            break
        _, cost, spare, plan = best
    return plan


def _bounded(ground: Ground, plan: Plan) -> Iterator[tuple[int, Plan]]:
    """Yield plans with one bound more or another one, and the rung it is of."""
    for k, model in enumerate(plan.rungs):
        costs = sorted(ground.columns[model].cost)
        for share in SHARES:
            bound = round(quantile(costs, share))
            yield k, replace(plan, caps_nano=_put(plan.caps_nano, k, bound))
            if k < len(plan.rungs) - 1:
                yield k, replace(plan, give_up_nano=_put(plan.give_up_nano, k, bound))


def _put(bounds: tuple[int | None, ...], k: int, bound: int) -> tuple[int | None, ...]:
    return (*bounds[:k], bound, *bounds[k + 1 :])


def _weighed(ground: Ground, plan: Plan, start: State | None = None) -> tuple[float, float]:
    columns = [ground.columns[name] for name in plan.rungs]
    success, cost = play_from(start or State.fresh(ground.count), columns, plan, ground.verifier)
    bounds = sum(b is not None for b in (*plan.caps_nano, *plan.give_up_nano))
    reference = ground.columns[ground.reference].success
    penalty = DOUBT * bounds / ground.count
    return sum(cost) / ground.count, ground.objective.spare(success, reference, penalty)
