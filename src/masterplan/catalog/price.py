"""What a call costs, in integer nano-dollars, by the price list of ``genai-prices``.

Owns the mapping from our usage and service tier to the library's words (a context that it does
not know is ignored there without a word, so it is checked here), and the user's own price file.
Must not know budgets, attempts or the policy. The library is imported on first use: it is slow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from masterplan.catalog.override import Rates, digest_of, read_rates
from masterplan.core.model import ModelCard
from masterplan.core.money import NANO_PER_USD, Cost, to_nano
from masterplan.core.usage import Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo
    from genai_prices.types import Provider as PricedProvider
    from genai_prices.types import Usage as PricedUsage

ServiceTier = Literal["standard", "priority", "flex", "fast", "batch"]

_MILLION = 1_000_000

CONTEXTS: dict[ServiceTier, tuple[dict[str, str], ...]] = {
    "standard": (),
    "priority": ({"service_tier": "priority"},),
    "flex": ({"service_tier": "flex"},),
    "fast": ({"speed": "fast"}, {"service_tier": "fast"}),
    "batch": ({"processing": "batch"},),
}
"""What the library calls a service tier; the first that the model has a price for is used."""


@dataclass(frozen=True)
class Prices:
    """The price list, its version, and the user's overrides.

    ``as_of`` dates the figures of decisions and worst cases; an attempt is priced at its own time.
    """

    as_of: datetime
    overrides: Mapping[str, Rates] = field(default_factory=dict)

    @staticmethod
    def load(overrides: Path | None = None, *, as_of: datetime | None = None) -> Prices:
        """Return the prices, with the user's ``prices.toml`` over them where there is one."""
        rates = read_rates(overrides) if overrides is not None and overrides.exists() else {}
        return Prices(as_of or datetime.now(UTC), rates)

    @property
    def price_version(self) -> str:
        """The name of this exact price list, stamped on every attempt."""
        own = f"+{digest_of(self.overrides)}" if self.overrides else ""
        return f"genai-prices-{version('genai-prices')}{own}"

    def price(
        self, card: ModelCard, usage: Usage, *, at: datetime, tier: ServiceTier = "standard"
    ) -> Cost:
        """Return what the usage costs at this time; unknown is never zero."""
        if card.is_free:
            return Cost(0, "reported", "run by the user")
        if usage.source == "unknown":
            return Cost(None, "unknown", "the provider reported no usage")
        usd = self._usd(card, usage, at, tier)
        if usd is None:
            return Cost(None, "unknown", f"no price for {card.id} ({tier})")
        if usage.source == "estimated":
            return Cost(to_nano(usd), "estimated", "estimated tokens at list price")
        return Cost(to_nano(usd), "reported", "reported tokens at list price")

    def worst_case_nano(
        self,
        card: ModelCard,
        input_tokens: int,
        max_output_tokens: int,
        *,
        at: datetime | None = None,
    ) -> int | None:
        """Return the most a call can cost, all input in its dearest cache class, or ``None``."""
        if card.is_free:
            return 0
        count, out = input_tokens, max_output_tokens
        classes = (
            Usage(count, out),
            Usage(count, out, cache_read_tokens=count),
            Usage(count, out, cache_write_5m_tokens=count),
            Usage(count, out, cache_write_1h_tokens=count),
        )
        amounts = [self._usd(card, usage, at or self.as_of, "standard") for usage in classes]
        known = [amount for amount in amounts if amount is not None]
        return to_nano(max(known)) if len(known) == len(amounts) else None

    def expected_nano(self, card: ModelCard, input_tokens: int, output_tokens: int) -> int | None:
        """Return what a call of this size costs without any cache, or ``None``."""
        if card.is_free:
            return 0
        if card.id in self.overrides or card.price_name is None or card.price_provider is None:
            usd = self._usd(card, Usage(input_tokens, output_tokens), self.as_of, "standard")
            return None if usd is None else to_nano(usd)
        for start, into, out in _bands(card.price_provider, card.price_name, self.as_of):
            if input_tokens > start:
                return round(input_tokens * into + output_tokens * out)
        return None

    def usage_nano(self, card: ModelCard, usage: Usage) -> int | None:
        """Return what a usage is expected to cost with its cache reads and writes, or ``None``.

        For predictions: the figures of ``as_of``, whatever the usage's source says.
        """
        if card.is_free:
            return 0
        if card.id in self.overrides or card.price_name is None or card.price_provider is None:
            usd = self._usd(card, usage, self.as_of, "standard")
            return None if usd is None else to_nano(usd)
        fives, hours = usage.cache_write_5m_tokens, usage.cache_write_1h_tokens
        fresh, read = usage.fresh_input_tokens, usage.cache_read_tokens
        counts = (fresh, read, fives, hours, usage.output_tokens)
        whole = max(usage.input_tokens, read + fives + hours)
        for start, rates in _class_bands(card.price_provider, card.price_name, self.as_of):
            if whole > start:
                return round(sum(n * rate for n, rate in zip(counts, rates, strict=True)))
        return None

    def _usd(
        self, card: ModelCard, usage: Usage, at: datetime, tier: ServiceTier
    ) -> Decimal | None:
        own = self.overrides.get(card.id)
        if own is not None:
            return own.usd(usage) if tier == "standard" else None
        if card.price_name is None or card.price_provider is None:
            return None
        return _listed(card.price_provider, card.price_name, usage, at, tier)


def _listed(
    provider: str, name: str, usage: Usage, at: datetime, tier: ServiceTier
) -> Decimal | None:
    found = _find(provider, name)
    if found is None:
        return None
    home, model = found
    context = _context(home, model, at, tier)
    if context is None:
        return None
    priced = model.calc_price(
        _priced_usage(usage), home, genai_request_timestamp=at, price_context=context
    )
    # A model that is listed without any token price is not free: its price is unknown.
    return priced.total_price if priced.model_price.input_mtok is not None else None


@lru_cache(maxsize=4096)
def _bands(provider: str, name: str, at: datetime) -> tuple[tuple[int, Decimal, Decimal], ...]:
    """Nano-dollars a token without cache, by size of input, the longest first.

    A decision asks for dozens of prices within a millisecond; one by the library takes 70 µs.
    """
    starts = {-1}
    found = _find(provider, name)
    if found is not None:
        prices = found[1].get_prices(at)
        for price in (prices.input_mtok, prices.output_mtok):
            starts.update(tier.start for tier in getattr(price, "tiers", ()))
    bands = []
    for start in sorted(starts, reverse=True):
        one = max(start, 0) + 1
        into = _listed(provider, name, Usage(one, 0), at, "standard")
        both = _listed(provider, name, Usage(one, _MILLION), at, "standard")
        if into is not None and both is not None:
            a_token = (into / one, (both - into) / _MILLION)
            bands.append((start, a_token[0] * NANO_PER_USD, a_token[1] * NANO_PER_USD))
    return tuple(bands)


@lru_cache(maxsize=4096)
def _class_bands(
    provider: str, name: str, at: datetime
) -> tuple[tuple[int, tuple[Decimal, ...]], ...]:
    """Nano-dollars a token of each cache class and of output, by size of input, longest first.

    Weighing a switch prices some dozens of turns; one by the library takes 70 µs.
    """
    starts = {-1}
    found = _find(provider, name)
    if found is not None:
        prices = found[1].get_prices(at)
        for key in ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok"):
            starts.update(tier.start for tier in getattr(getattr(prices, key), "tiers", ()))
    bands = []
    for start in sorted(starts, reverse=True):
        n = max(start, 0) + 1
        alike = (
            Usage(n),
            Usage(n, cache_read_tokens=n),
            Usage(n, cache_write_5m_tokens=n),
            Usage(n, cache_write_1h_tokens=n),
        )
        whole = [_listed(provider, name, usage, at, "standard") for usage in alike]
        told = _listed(provider, name, Usage(n, _MILLION), at, "standard")
        known = [usd / n * NANO_PER_USD for usd in whole if usd is not None]
        if told is not None and len(known) == len(whole):
            out = (told * NANO_PER_USD - known[0] * n) / _MILLION
            bands.append((start, (*known, out)))
    return tuple(bands)


@cache
def _find(provider: str, name: str) -> tuple[PricedProvider, ModelInfo] | None:
    from genai_prices.data_snapshot import get_snapshot

    try:
        return get_snapshot().find_provider_model(name, None, provider, None)
    except LookupError:
        return None


def _context(
    home: PricedProvider, model: ModelInfo, at: datetime, tier: ServiceTier
) -> dict[str, str] | None:
    if tier == "standard":
        return {}
    # The library prices a model borrowed from another provider without its variants.
    if not any(model is own for own in home.models):
        return None
    variants = [
        variant.when
        for variant in model.price_variants or ()
        if variant.constraint is None or variant.constraint.active(at)
    ]
    return next((context for context in CONTEXTS[tier] if context in variants), None)


def _priced_usage(usage: Usage) -> PricedUsage:
    from genai_prices.types import Usage as PricedUsage

    read = usage.cache_read_tokens
    write_5m, write_1h = usage.cache_write_5m_tokens, usage.cache_write_1h_tokens
    return PricedUsage(
        # A provider that counts more cached than input tokens is charged for what it cached.
        input_tokens=max(usage.input_tokens, read + write_5m + write_1h),
        output_tokens=usage.output_tokens,
        cache_read_tokens=read,
        cache_write_tokens=write_5m + write_1h,
        cache_write_1h_tokens=write_1h,
    )
