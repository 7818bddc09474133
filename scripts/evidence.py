"""Write docs/evidence.md from recorded outcomes: ``python scripts/evidence.py FOLDER``.

Owns the order of the page and where its numbers come from. A section is a function in
scripts/proof/; each gets the folder of the tables and returns Markdown, or nothing where its table
is not there. Tables are never copied into the project: only figures computed from them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from proof import ladders

PAGE = Path(__file__).resolve().parent.parent / "docs" / "evidence.md"
SECTIONS = (
    ladders.what,
    ladders.bug_fixing,
    ladders.strongest_rung,
    ladders.two_rungs,
    ladders.no_verifier,
    ladders.break_even,
    ladders.does_not_pay,
    ladders.missing,
)
HEAD = """# What routing is worth, measured

<!-- Written by `python scripts/evidence.py FOLDER` from outcome tables. Change the script. -->

Every figure here is computed from recorded outcomes of real tasks. Brackets are 95 % intervals by
resampling tasks. *Cross-validated* figures are of tasks that the plan was not fitted on (five
folds, eight times): they include the price of having picked the luckiest plan. Beside each policy
stand the best **random mix** of single models for the same money, and an **oracle** that always
calls the cheapest model that will succeed. How the figures are made: [evaluate](evaluate.md).
"""


def main() -> int:
    """Write the page; 2 where the folder has no table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--output", type=Path, default=PAGE)
    options = parser.parse_args()
    told = [section(options.folder) for section in SECTIONS]
    if not any(told):
        print(f"{options.folder} has none of the tables", file=sys.stderr)
        return 2
    options.output.write_text("\n".join([HEAD, *(text for text in told if text)]), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
