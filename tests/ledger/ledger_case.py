"""The names that the ledger's tests share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from masterplan.ledger import Intent, Settlement

MEMORY = next((place for place in ("/dev/shm",) if Path(place).is_dir()), None)
"""A directory whose files are never synced, for tests that are not about the disk."""

MakeIntent = Callable[..., Intent]
MakeSettlement = Callable[..., Settlement]


@dataclass
class Clock:
    """Time as the test wants it."""

    now: float = 1_770_000_000.0

    def __call__(self) -> float:
        return self.now
