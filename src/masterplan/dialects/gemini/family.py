"""What Gemini generations take on the wire: thinking levels or budgets, media in tool results.

From ai.google.dev's thinking page, November 2026. Must not know requests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from masterplan.core.model import Effort

_OLD = re.compile(r"gemini-(1|2)(\.|-|$)|gemini-pro|gemma")
_LEVELS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("gemini-3-pro", ("LOW", "HIGH")),
    ("gemini-3.1-pro", ("LOW", "MEDIUM", "HIGH")),
    ("gemini-3.7-flash", ("LOW", "MEDIUM", "HIGH")),
    ("gemini-3.8-flash", ("LOW", "MEDIUM", "HIGH")),
    ("gemini-4", ("LOW", "MEDIUM", "HIGH")),
)
_ALL_LEVELS = ("MINIMAL", "LOW", "MEDIUM", "HIGH")
_WANTED: dict[Effort, str] = {
    "none": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "max": "HIGH",
}
FROM_LEVEL: dict[str, Effort] = {
    "MINIMAL": "low",
    "LOW": "low",
    "MEDIUM": "medium",
    "HIGH": "high",
}
EFFORT_BUDGET: dict[Effort, int] = {"low": 2_048, "medium": 8_192, "high": 24_576, "max": 24_576}


@dataclass(frozen=True)
class Family:
    """The forms a model takes. ``levels`` is empty where only a budget can be sent."""

    levels: tuple[str, ...]
    least_budget: int
    most_budget: int
    needs_signatures: bool
    takes_media_in_results: bool


def family_of(model: str) -> Family:
    """Return what a model takes, by its name.

    >>> family_of("gemini-3.1-pro-preview").levels
    ('LOW', 'MEDIUM', 'HIGH')
    """
    name = model.lower().removeprefix("models/").rsplit("/", 1)[-1]
    is_pro = "pro" in name and "flash" not in name
    budgets = (128, 32_768) if is_pro else (0, 24_576)
    if _OLD.search(name) or not name.startswith("gemini"):
        return Family((), *budgets, needs_signatures=False, takes_media_in_results=False)
    levels = next((found for prefix, found in _LEVELS if name.startswith(prefix)), _ALL_LEVELS)
    return Family(levels, *budgets, needs_signatures=True, takes_media_in_results=True)


def level_of(effort: Effort, levels: tuple[str, ...]) -> tuple[str, bool]:
    """Return the nearest thinking level, and whether it is exactly what the effort means."""
    wanted = _WANTED[effort]
    if wanted in levels:
        return wanted, effort not in ("none", "max")
    above = _ALL_LEVELS[_ALL_LEVELS.index(wanted) :]
    return next((level for level in above if level in levels), levels[-1]), False
