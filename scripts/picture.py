"""Draw what a real run printed as an SVG, for the README: ``picture.py LOG SVG``."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

STYLES = {
    "verified": "green",
    "escalating": "yellow",
    "failed": "red",
    "run ": "bold",
    "$ ": "cyan",
}


def main(log: str, svg: str) -> None:
    """Write the picture; the lines are the run's own."""
    console = Console(record=True, width=104, file=io.StringIO())
    for line in Path(log).read_text().splitlines():
        style = next((style for word, style in STYLES.items() if line.startswith(word)), "")
        console.print(Text(line, style=style))
    Path(svg).write_text(console.export_svg(title="masterplan run, embedded models, two CPU cores"))


if __name__ == "__main__":
    main(*sys.argv[1:3])
