"""Whether changing the model inside a lane pays, with the state of the cache priced in.

Owns the two expected costs (staying and switching) over a horizon of turns, and the record of
them. Must not decide by evidence, know dialects, or read a clock: ages are handed in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, log
from typing import Literal

from masterplan.core.model import ModelCard
from masterplan.core.money import format_usd
from masterplan.core.task import Role
from masterplan.core.usage import Usage
from masterplan.routing.ladder import DAMAGE, FALSE_ACCEPTANCE, VERIFIED_ROLES

PriceOf = Callable[[ModelCard, Usage], int | None]
"""Nano-dollars of a usage with its cache classes (``Prices.usage_nano``); ``None``: unknown."""

Moment = Literal["", "new", "compacted"]

MARGIN = 0.1
"""A switch must be cheaper by this share: predictions are no sharper, and each switch disturbs."""
MOST_TURNS = 60
"""No horizon is longer: what an agent does an hour from now is not known."""
HANDOFF_OUTPUT_TOKENS = 1_500
"""What a model writes for a handoff of six sections."""
LONG_TTL_S = 300.0
"""Caches that live longer are written at the price of the hour."""
DOUBT = 0.5
"""Logits that a model's chance loses for each bad sign nothing good answered: four of them take
0.6 to 0.17."""
_SURE = 0.01


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
        return {
            "from": self.from_model,
            "to": self.to_model,
            "is_worth": self.is_worth,
            "expected_stay_nano": self.stay_nano,
            "expected_switch_nano": self.switch_nano,
            "horizon_turns": self.horizon_turns,
            "free_moment": self.free_moment,
            "reasons": [*self.reasons],
            "spent_nano": spent_nano,
            "spent_turns": spent_turns,
        }


def weigh(old: Side, new: Side, cache: CacheState, outlook: Outlook, price: PriceOf) -> Switch:
    """Return the expected cost of staying and of switching, and whether switching is worth it.

    A way costs its turns and, where it fails (1 - p), what the ladder's formula says: failures
    that checks notice cost the work once more, the others the damage.
    """
    turns = max(1, min(outlook.turns, MOST_TURNS))
    free = free_moment(cache, outlook)
    warm = 0 if free else min(cache.cached_tokens, outlook.history_tokens)
    stay_run = _run(old.card, cache.ttl_s, (outlook.history_tokens, warm), outlook, price)
    carried = outlook.history_tokens
    setup: int | None = 0
    if outlook.handoff_tokens is not None:
        carried = outlook.handoff_tokens
        if not outlook.is_handoff_written:
            setup = _writing(old.card, cache, (outlook.history_tokens, warm), price)
    switch_run = _run(new.card, new.ttl_s, (carried, 0), outlook, price)
    models = (old.card.id, new.card.id)
    if stay_run is None or switch_run is None or setup is None:
        unknown = "a price is unknown, so the two ways cannot be compared"
        return Switch(False, None, None, turns, (unknown,), *models, free)
    dearest = max(stay_run, switch_run)
    stay = _expected(stay_run, old.success, dearest, outlook.role)
    switch = setup + _expected(switch_run, new.success, dearest, outlook.role)
    reasons = (
        *((free,) if free else (f"{warm:,} tokens are warm at {old.card.id}",)),
        f"staying: {format_usd(stay)} expected ({format_usd(stay_run)} for {turns} turns, "
        f"{old.success:.0%} success)",
        f"switching: {format_usd(switch)} expected ({format_usd(switch_run)} for {turns} turns, "
        f"{format_usd(setup)} for the handoff, {new.success:.0%} success)",
    )
    is_worth = switch < stay * (1 - MARGIN)
    return Switch(is_worth, stay, switch, turns, reasons, *models, free)


def free_moment(cache: CacheState, outlook: Outlook) -> str:
    """Say why a switch loses no warm cache now, or return an empty text."""
    if outlook.moment == "new":
        return "a new lane: no cache is lost"
    if outlook.moment == "compacted":
        return "the client compacted its history: its cache is gone anyway"
    if cache.cached_tokens <= 0 or cache.ttl_s <= 0:
        return "nothing is cached"
    if cache.age_s >= cache.ttl_s:
        return f"the cache lapsed {cache.age_s - cache.ttl_s:.0f} s ago: both ways begin cold"
    return ""


def shaken(success: float, strain: int) -> float:
    """Return a chance of success after that many unanswered bad signs of this very work.

    >>> round(shaken(0.6, 4), 2)
    0.17
    """
    bounded = min(1 - _SURE, max(_SURE, success))
    logit = log(bounded / (1 - bounded)) - DOUBT * max(strain, 0)
    return max(1 / (1 + exp(-logit)), _SURE)


def _run(
    card: ModelCard, ttl_s: float, tokens: tuple[int, int], outlook: Outlook, price: PriceOf
) -> int | None:
    """What the turns cost from a history and its warm part; each turn reads what the last wrote."""
    history, warm = tokens
    total = 0
    is_lapsing = outlook.pace_s >= ttl_s
    for turn in range(max(1, min(outlook.turns, MOST_TURNS))):
        size = history + turn * outlook.growth_tokens
        read = 0 if is_lapsing and turn else min(warm, size)
        nano = price(card, _usage(size, read, outlook.output_tokens, ttl_s))
        if nano is None:
            return None
        total += nano
        warm = size
    return total


def _usage(size: int, read: int, output: int, ttl_s: float) -> Usage:
    if ttl_s <= 0:
        return Usage(size, output)
    if ttl_s > LONG_TTL_S:
        return Usage(size, output, read, cache_write_1h_tokens=size - read)
    return Usage(size, output, read, cache_write_5m_tokens=size - read)


def _writing(
    card: ModelCard, cache: CacheState, tokens: tuple[int, int], price: PriceOf
) -> int | None:
    """What the leaving model's own call for the handoff costs."""
    history, warm = tokens
    return price(card, _usage(history, warm, HANDOFF_OUTPUT_TOKENS, cache.ttl_s))


def _expected(run: int, success: float, dearest: int, role: Role) -> int:
    missed = FALSE_ACCEPTANCE if role in VERIFIED_ROLES else 1.0
    after_failure = (1 - missed) * dearest + missed * DAMAGE[role] * dearest
    return round(run + (1 - min(max(success, 0.0), 1.0)) * after_failure)
