"""What a run tells while it works: plain events, for a terminal, a program or a page.

Owns the events only. Must not know how they are shown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from masterplan.core.money import Spend

Phase = Literal[
    "planning",
    "checking",
    "waiting",
    "building",
    "verifying",
    "escalating",
    "repairing",
    "verified",
    "failed",
    "stopped",
    "integrating",
    "done",
]


@dataclass(frozen=True)
class Event:
    """One thing that happened: phase, module, model, rung and the money so far."""

    phase: Phase
    text: str
    module: str = ""
    model: str = ""
    rung: str = ""
    spend: Spend = field(default_factory=Spend)


Listener = Callable[[Event], None]


def silent(event: Event) -> None:
    """Ignore an event."""
