"""What the tests of the pages share: their sections, tables and fenced blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


@dataclass(frozen=True)
class Page:
    """A page's text, read by headings, tables and fences."""

    text: str

    @staticmethod
    def load(name: str) -> Page:
        """Read a page of docs/."""
        return Page((DOCS / name).read_text(encoding="utf-8"))

    def section(self, start: str, end: str = "\n## ") -> str:
        """Return what stands between a text and the next heading."""
        before, found, rest = self.text.partition(start)
        assert found, f"there is no {start!r} after {before[:40]!r}"
        return rest.split(end, 1)[0]

    def fences(self, language: str) -> list[str]:
        """Return every fenced block of a language."""
        return re.findall(rf"^```{language}\n(.*?)^```$", self.text, re.M | re.S)


def rows_of(text: str) -> list[list[str]]:
    """Return the cells of every row of a text's tables, without heads and rules."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    heads = {at - 1 for at, row in enumerate(rows) if set("".join(row)) <= set("- ")}
    return [row for at, row in enumerate(rows) if at not in heads and at - 1 not in heads]


def code_of(cell: str) -> list[str]:
    """Return what a cell has in backticks."""
    return re.findall(r"`([^`]+)`", cell)
