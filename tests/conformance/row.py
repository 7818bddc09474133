"""A row of the matrix: one case of translation, run for every pair of dialects.

A check asserts what must hold and returns what was lost by name; what neither arrives nor is
named fails the test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from carry import Pair


@dataclass(frozen=True)
class Refused:
    """The route is refused before a byte leaves, for this reason."""

    reason: str


Found = tuple[str, ...] | Refused
Check = Callable[[Pair], Found]


@dataclass(frozen=True)
class Row:
    """One case. ``held_by`` names tests of the gateway that hold what is not the codecs'."""

    number: int
    title: str
    check: Check
    note: str = ""
    held_by: tuple[str, ...] = ()

    def cell(self, pair: Pair) -> str:
        """Run the case for a pair and return the cell."""
        found = self.check(pair)
        if isinstance(found, Refused):
            return f"refused: {found.reason}"
        return f"loss: {', '.join(found)}" if found else "pass"


ROWS: dict[int, Row] = {}


def row(
    number: int, title: str, note: str = "", held_by: tuple[str, ...] = ()
) -> Callable[[Check], Check]:
    """Register a check as a row."""

    def register(check: Check) -> Check:
        assert number not in ROWS, number
        ROWS[number] = Row(number, title, check, note, held_by)
        return check

    return register
