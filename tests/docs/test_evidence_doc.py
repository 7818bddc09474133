"""docs/evidence.md comes from its script, and no table's path or row stands in it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PAGE = PROJECT / "docs" / "evidence.md"


def test_script_when_the_folder_has_no_table_then_it_says_so_and_writes_nothing(
    tmp_path: Path,
) -> None:
    script = PROJECT / "scripts" / "evidence.py"
    page = tmp_path / "page.md"
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), "--output", str(page)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "has none of the tables" in done.stderr
    assert not page.exists()


def test_page_when_read_then_every_figure_of_a_ladder_has_its_interval() -> None:
    text = PAGE.read_text("utf-8")
    rows = [line for line in text.splitlines() if line.startswith(("| 0.9,0.2 |", "| perfect |"))]
    assert len(rows) >= 10
    for row in rows:
        saved = re.findall(r"\d+% (?:saved|dearer)( \[)?", row)
        assert saved, row
        assert all(saved), row
        assert len(re.findall(r"points \[", row)) >= 2, row


def test_page_when_read_then_no_place_of_this_machine_is_in_it() -> None:
    assert not re.search(r"/work|/home|/tmp|shared/", PAGE.read_text("utf-8"))
