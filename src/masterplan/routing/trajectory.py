"""How a lane's work is going, read from its conversation: counts, and climb, stay or descend.

Owns the counting of signs since the last switch and the hysteresis over them. Must not know which
model works, what a turn costs, or any wire format; a lane keeps only what ``Trajectory`` holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from masterplan.core.message import Message

Action = Literal["climb", "stay", "descend"]


@dataclass(frozen=True)
class Trajectory:
    """What was seen since the last switch; ``relapses`` and ``is_down`` outlive a switch."""

    turns: int = 0
    tool_errors: int = 0
    repeated_calls: int = 0
    edits_landed: int = 0
    edits_failed: int = 0
    failing_checks: int = 0
    passing_checks: int = 0
    invalid_arguments: int = 0


@dataclass(frozen=True)
class Verdict:
    """Where the lane should go next on its ladder, and why; at most one rung at a time."""

    action: Action
    reasons: tuple[str, ...]


def observe(seen: Trajectory, messages: Sequence[Message]) -> Trajectory:
    """Return the counts with messages that are new since the lane's last request."""
    raise NotImplementedError


def verdict(seen: Trajectory, *, rung: int, start: int, rungs: int) -> Verdict:
    """Say whether the lane climbs, stays or comes down; ``rungs`` is the ladder's length."""
    raise NotImplementedError


def switched(seen: Trajectory, action: Action) -> Trajectory:
    """Return what a lane keeps after a switch was really made: counts begin anew."""
    raise NotImplementedError
