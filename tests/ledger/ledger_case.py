"""The names that the ledger's tests share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from masterplan.ledger import Intent, Settlement

MakeIntent = Callable[..., Intent]
MakeSettlement = Callable[..., Settlement]


@dataclass
class Clock:
    """Time as the test wants it."""

    now: float = 1_770_000_000.0

    def __call__(self) -> float:
        return self.now
