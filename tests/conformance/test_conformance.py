"""Every row of the matrix for every pair of dialects, and the published page."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from carry import PAIRS, Pair
from rows import ROWS

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("pair", PAIRS, ids=str)
@pytest.mark.parametrize("number", sorted(ROWS))
def test_case_when_carried_over_a_pair_then_nothing_is_lost_unnamed(
    number: int, pair: Pair
) -> None:
    cell = ROWS[number].cell(pair)
    assert cell == "pass" or cell.startswith(("loss: ", "refused: "))


def test_page_when_written_anew_then_it_is_the_same() -> None:
    script = PROJECT / "scripts" / "conformance.py"
    done = subprocess.run(
        [sys.executable, script, "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_rows_when_counted_then_all_cases_are_there_and_their_other_tests_too() -> None:
    assert sorted(ROWS) == [*range(1, 38)]
    for row in ROWS.values():
        for place in row.held_by:
            path, _, name = place.partition("::")
            assert (PROJECT / path).exists(), place
            assert not name or f"def {name}(" in (PROJECT / path).read_text("utf-8"), place


def test_page_when_read_then_no_cell_is_empty() -> None:
    lines = (PROJECT / "docs" / "conformance.md").read_text("utf-8").splitlines()
    table = [line.strip("| ").split(" | ") for line in lines if line[:3].strip("| ").isdigit()]
    rows = [row for row in table if len(row) == len(PAIRS) + 2]
    assert len(rows) == 37
    cells = [cell for row in rows for cell in row[2:]]
    assert all(cell == "pass" or cell.startswith(("loss: ", "refused: ")) for cell in cells)
