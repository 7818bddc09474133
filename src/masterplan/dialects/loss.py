"""Collecting what a dialect cannot carry, and whose extras belong to whom.

Must not know any wire format beyond the dialects' names.
"""

from __future__ import annotations

from typing import Literal

from masterplan.core.message import Extra, Json, Loss
from masterplan.core.model import Dialect

Done = Literal["dropped", "replaced"]


class Losses:
    """The losses of one translation into ``dialect``, in the order they were met."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.found: list[Loss] = []

    def add(self, what: str, where: str, done: Done = "dropped") -> None:
        """Note one loss, once."""
        loss = Loss(what, where, done)
        if loss not in self.found:
            self.found.append(loss)

    def own(self, extra: Extra, where: str) -> dict[str, Json]:
        """Return this dialect's extras; those of other dialects are noted as dropped."""
        for dialect, fields in extra.items():
            if dialect != self.dialect:
                for name in fields:
                    self.add(f"{name} (of {dialect})", where)
        return extra.get(self.dialect, {})

    def as_tuple(self) -> tuple[Loss, ...]:
        """Return the losses so far."""
        return tuple(self.found)


def kept(dialect: Dialect, rest: dict[str, Json]) -> Extra:
    """Return unread fields as an ``Extra`` of one dialect."""
    return {dialect: rest} if rest else {}
