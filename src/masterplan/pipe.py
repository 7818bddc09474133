"""One request's way: decision → reserve → attempt → settle, and there is no other way out.

Owns the order of these steps and the check that what was served is what was decided. Must not
know prompts, specs or who calls. The planner and the builders call it in process.
"""

from __future__ import annotations

from dataclasses import dataclass

from masterplan.core.decision import Decision
from masterplan.core.message import Request, Response
from masterplan.core.money import Spend
from masterplan.core.task import Task


@dataclass(frozen=True)
class Reply:
    """An answer with the decision behind it, the ledger ids of its attempts and their cost."""

    decision: Decision
    response: Response
    attempts: tuple[str, ...]
    cost: Spend


class Pipe:
    """The one door to models."""

    async def call(
        self, task: Task, request: Request, *, decision: Decision | None = None
    ) -> Reply:
        """Send a request for a task and return the whole answer.

        ``decision`` pins a model that was decided before (a rung of a ladder); otherwise the
        router decides. ``request.model`` is replaced by the decided model's name. Raises
        BudgetError, LedgerError, ProviderError, SubstitutionError or RoutingError.
        """
        raise NotImplementedError
