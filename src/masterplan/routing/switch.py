"""Whether changing the model inside a lane pays, with the state of the cache priced in.

Owns the two expected costs (staying and switching) over a horizon of turns, and the record of
them. Must not decide by evidence, know dialects, or read a clock: ages are handed in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from masterplan.core.model import ModelCard
from masterplan.core.task import Role
from masterplan.core.usage import Usage

PriceOf = Callable[[ModelCard, Usage], int | None]
"""Nano-dollars of a usage with its cache classes (``Prices.usage_nano``); ``None``: unknown."""

Moment = Literal["", "new", "compacted"]


@dataclass(frozen=True)
class CacheState:
    """What the leaving model's provider still holds of the lane; ``ttl_s`` 0: no cache at all."""

    model: str
    cached_tokens: int
    age_s: float
    ttl_s: float


@dataclass(frozen=True)
class Side:
    """One model's prospects: its card, its chance of success, and how long its cache lives."""

    card: ModelCard
    success: float
    ttl_s: float = 300.0


@dataclass(frozen=True)
class Outlook:
    """What is left to do: tokens read and written a turn, the pace, and the handoff's size.

    ``handoff_tokens`` is what the new model reads in place of ``history_tokens`` (``None``: the
    whole history goes along); ``is_handoff_written``: it needs no call (an approved plan).
    """

    history_tokens: int
    handoff_tokens: int | None = None
    is_handoff_written: bool = False
    growth_tokens: int = 1_500
    output_tokens: int = 500
    turns: int = 10
    pace_s: float = 20.0
    role: Role = "builder"
    moment: Moment = ""


@dataclass(frozen=True)
class Switch:
    """The verdict, with both expected costs in nano-dollars (``None``: a price is unknown)."""

    is_worth: bool
    stay_nano: int | None
    switch_nano: int | None
    horizon_turns: int
    reasons: tuple[str, ...]
    from_model: str = ""
    to_model: str = ""
    free_moment: str = ""

    def as_json(
        self, *, spent_nano: int | None = None, spent_turns: int | None = None
    ) -> dict[str, object]:
        """Return the record for the log; what was really spent joins it afterwards."""
        raise NotImplementedError


def weigh(old: Side, new: Side, cache: CacheState, outlook: Outlook, price: PriceOf) -> Switch:
    """Return the expected cost of staying and of switching, and whether switching is worth it."""
    raise NotImplementedError
