"""The same work priced on one model alone, after a run and before one.

Owns the counterfactual: every token of the run at another model's prices, with the right to say
that one model alone would have been cheaper. Pure; the price list is a callable handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from masterplan.core.money import Cost
from masterplan.core.usage import Usage
from masterplan.ledger.record import AttemptRow

Price = Callable[[str, Usage], Cost]
"""The cost of these tokens on a model (catalog id); unknown where there is no price."""


@dataclass(frozen=True)
class Baseline:
    """A run priced on ``model`` alone, beside what the same attempts really cost; nano-dollars.

    ``nano`` prices every token, failed tries and retries included. ``low_nano`` prices only the
    last complete attempt of each piece of work: what the one model would have cost had it never
    failed. Both compare over the ``compared_count`` attempts whose tokens and money are known;
    ``missing_count`` attempts are evidence that is not there. ``None``: nothing to compare.
    """

    model: str
    actual_nano: int | None
    nano: int | None
    low_nano: int | None
    compared_count: int
    missing_count: int
    estimated_count: int
    method: str

    @property
    def difference_nano(self) -> int | None:
        """Baseline minus actual: positive is money saved, negative is money lost."""
        raise NotImplementedError

    @property
    def verdict(self) -> str:
        """One sentence for people, which may say that one model alone would have been cheaper."""
        raise NotImplementedError


@dataclass(frozen=True)
class Work:
    """An expected piece of work before the build: tokens of one try, and how many are expected."""

    name: str
    model: str
    usage: Usage
    expected_tries: float = 1.0


@dataclass(frozen=True)
class BreakEven:
    """What a build is expected to cost as planned and on one model alone; nano-dollars.

    ``modules_needed`` is how many modules of this size pay for the planning, ``None`` where no
    number does or a price is unknown.
    """

    planned_nano: int | None
    alone_nano: int | None
    overhead_nano: int | None
    modules_needed: int | None
    unpriced: tuple[str, ...]
    method: str

    @property
    def difference_nano(self) -> int | None:
        """Alone minus planned: positive is what the plan is expected to save."""
        raise NotImplementedError

    @property
    def verdict(self) -> str:
        """One sentence for people."""
        raise NotImplementedError


def price_baselines(
    rows: Sequence[AttemptRow], models: Sequence[str], price: Price
) -> list[Baseline]:
    """Price the same rows on each model alone, cheapest first."""
    raise NotImplementedError


def break_even(
    overhead: Sequence[Work], modules: Sequence[Work], alone: Sequence[Work], price: Price
) -> BreakEven:
    """Compare a planned build with one model alone.

    ``overhead`` is planning and review, ``modules`` the builds, ``alone`` the same modules as one
    model would do them.
    """
    raise NotImplementedError
