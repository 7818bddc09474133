"""What a build is expected to cost, and the same work on the planner's model alone.

Owns the sizes that go into the break-even sums; the sums are the ledger's, the prices the
catalog's. Must not spend anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from masterplan.core.errors import MasterplanError
from masterplan.core.money import UNKNOWN, Cost
from masterplan.core.usage import Usage
from masterplan.ledger import Work, break_even
from masterplan.spec import Spec
from masterplan.spec.slice import estimate_tokens
from masterplan.workflow.decide import module_task
from masterplan.workflow.site import Site

_LEAST_SUCCESS = 0.25


@dataclass(frozen=True)
class Estimate:
    """Expected nano-dollars as planned and on ``alone`` alone; ``None`` where a price is unknown.

    ``verdict`` is one sentence for people.
    """

    planned_nano: int | None
    alone_nano: int | None
    alone: str
    verdict: str


async def estimate(spec: Spec, site: Site, context_tokens: Mapping[str, int]) -> Estimate:
    """Estimate a build; the planning that is paid already counts as its overhead."""
    alone = site.policy.ladder("planner")[-1].model
    planned, single = [], []
    for module in spec.modules:
        try:
            task = module_task(spec, module, site.policy)
            decision = site.router.route(task)
        except MasterplanError:
            return Estimate(None, None, alone, "no model may build one of the modules")
        tests = sum(estimate_tokens(text) for text in module.test_files.values())
        size = (task.input_tokens or 0) + tests + context_tokens.get(module.id, 0)
        usage = Usage(input_tokens=size, output_tokens=module.output_tokens, source="estimated")
        tries = 1 / max(decision.expected_success or 1.0, _LEAST_SUCCESS)
        planned.append(Work(module.id, decision.model, usage, min(tries, module.max_tries)))
        single.append(Work(module.id, alone, usage))
    sums = break_even((), planned, single, _Prices(site))
    cost = spec.planner.cost or 0
    whole = None if sums.planned_nano is None else sums.planned_nano + cost
    return Estimate(whole, sums.alone_nano, alone, sums.verdict)


@dataclass(frozen=True)
class _Prices:
    """The price list as the ledger's sums ask for it; unknown is never zero."""

    site: Site

    def __call__(self, model: str, usage: Usage) -> Cost:
        card = self.site.catalog.find(model)
        if card is None:
            return UNKNOWN
        at = datetime.fromtimestamp(self.site.clock(), UTC)
        return self.site.pipe.prices.price(card, usage, at=at)
