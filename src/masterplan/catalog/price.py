"""What a call costs, in integer nano-dollars, by the price list of ``genai-prices``.

Owns the mapping from our usage and service tier to the library's words (a context that it does
not know is ignored there without a word, so it is checked here), and the user's own price file.
Must not know budgets, attempts or the policy. The library is imported on first use: it is slow.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from masterplan.core.model import ModelCard
from masterplan.core.money import Cost
from masterplan.core.usage import Usage

ServiceTier = Literal["standard", "priority", "flex", "fast", "batch"]


@dataclass(frozen=True)
class Prices:
    """The price list, its version, and the user's overrides.

    ``as_of`` dates the figures of decisions and worst cases; an attempt is priced at its own time.
    """

    as_of: datetime

    @staticmethod
    def load(overrides: Path | None = None, *, as_of: datetime | None = None) -> Prices:
        """Return the prices, with the user's ``prices.toml`` over them where there is one."""
        raise NotImplementedError

    @property
    def price_version(self) -> str:
        """The name of this exact price list, stamped on every attempt."""
        raise NotImplementedError

    def price(
        self, card: ModelCard, usage: Usage, *, at: datetime, tier: ServiceTier = "standard"
    ) -> Cost:
        """Return what the usage costs at this time; unknown is never zero."""
        raise NotImplementedError

    def worst_case_nano(
        self,
        card: ModelCard,
        input_tokens: int,
        max_output_tokens: int,
        *,
        at: datetime | None = None,
    ) -> int | None:
        """Return the most a call can cost, all input in its dearest cache class, or ``None``."""
        raise NotImplementedError

    def expected_nano(self, card: ModelCard, input_tokens: int, output_tokens: int) -> int | None:
        """Return what a call of this size costs without any cache, or ``None``."""
        raise NotImplementedError
