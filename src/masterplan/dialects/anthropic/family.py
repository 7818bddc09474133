"""What the Claude families take on the wire: thinking, effort, sampling, system messages.

From platform.claude.com's model pages, November 2026. A Claude model that is not listed is taken
for a new one; a name that is not Claude's is a compatible server's, which takes the old forms.
"""

from __future__ import annotations

from dataclasses import dataclass

from masterplan.core.model import Effort

_OLD = ("claude-2", "claude-3", "claude-instant", "claude-opus-4-0", "claude-opus-4-1")
_OLD_EXACT = ("claude-opus-4-2025", "claude-sonnet-4-2025", "claude-sonnet-4-0", "claude-4-")
_BUDGET_ONLY = (*_OLD, *_OLD_EXACT, "claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5")
_BOTH = ("claude-opus-4-6", "claude-sonnet-4-6", "claude-mythos-preview")
_NO_INLINE_SYSTEM = (*_BUDGET_ONLY, *_BOTH, "claude-opus-4-7", "claude-sonnet-5")


@dataclass(frozen=True)
class Family:
    """The forms a model takes; ``efforts`` are the values of ``output_config.effort``."""

    takes_adaptive: bool
    takes_budget: bool
    efforts: tuple[str, ...]
    takes_sampling: bool
    takes_inline_system: bool


def family_of(model: str) -> Family:
    """Return what a model takes, by its name.

    >>> family_of("claude-haiku-4-5-20251001").takes_adaptive
    False
    """
    name = model.lower().rsplit("/", 1)[-1]
    if not name.startswith("claude"):
        return Family(False, True, (), True, False)
    is_inline = not name.startswith(_NO_INLINE_SYSTEM)
    if name.startswith("claude-opus-4-5"):
        return Family(False, True, ("low", "medium", "high"), True, False)
    if name.startswith(_BUDGET_ONLY):
        return Family(False, True, (), True, False)
    if name.startswith(_BOTH):
        return Family(True, True, ("low", "medium", "high", "max"), True, False)
    return Family(True, False, ("low", "medium", "high", "xhigh", "max"), False, is_inline)


EFFORT_BUDGET: dict[Effort, int] = {"low": 1024, "medium": 4096, "high": 16384, "max": 32768}
"""Thinking tokens that stand for an effort where only a budget can be sent."""

FROM_WIRE: dict[str, Effort] = {
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "max",
    "max": "max",
}
