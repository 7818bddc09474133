"""How many of N runs of the main job succeed with the embedded models, and how long they take.

Runs `masterplan run examples/text-toolkit/brief.md --yes --auto-approve --json` N times, each in a
new folder with books of its own, one after another. Prints a line a run and a summary; `--out`
keeps the reports as JSON lines. Needs the weights (`masterplan models pull`). Not part of the
tests.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BRIEF = ROOT / "examples" / "text-toolkit" / "brief.md"


def one_run(brief: Path, limit_s: float) -> dict[str, object]:
    """Run the main job once in a new folder; return what came of it."""
    with tempfile.TemporaryDirectory(prefix="masterplan-bench-") as folder:
        place = Path(folder) / "project"
        place.mkdir()
        keys = [name for name in os.environ if name.endswith("_API_KEY")]
        env = {name: value for name, value in os.environ.items() if name not in keys}
        env |= {
            "MASTERPLAN_STATE_DIR": f"{folder}/state",
            "MASTERPLAN_CONFIG_DIR": f"{folder}/config",
        }
        mine = [sys.executable, "-m", "masterplan"]
        subprocess.run(
            [*mine, "init", "--embedded"], cwd=place, env=env, check=True, capture_output=True
        )
        started = time.monotonic()
        try:
            done = subprocess.run(
                [*mine, "run", str(brief), "--yes", "--auto-approve", "--json"],
                cwd=place, env=env, capture_output=True, text=True, timeout=limit_s, check=False,
            )  # fmt: skip
            out, code = done.stdout, done.returncode
        except subprocess.TimeoutExpired:
            out, code = "", 124
        seconds = round(time.monotonic() - started, 1)
        try:
            report = json.loads(out)
        except json.JSONDecodeError:
            report = {"error": "no report", "tail": out[-500:]}
        return {"exit": code, "seconds": seconds, "report": report}


def main() -> None:
    """Run, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--brief", type=Path, default=BRIEF)
    parser.add_argument("--limit-s", type=float, default=1_800)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    results = []
    for number in range(1, asked.runs + 1):
        result = one_run(asked.brief.resolve(), asked.limit_s)
        results.append(result)
        verdict = "verified" if result["exit"] == 0 else f"exit {result['exit']}"
        print(f"run {number:2}: {verdict:10} {result['seconds']:7.1f} s", flush=True)
        if asked.out:
            with asked.out.open("a") as file:
                file.write(json.dumps(result) + "\n")
    good = [r for r in results if r["exit"] == 0]
    seconds = sorted(float(str(r["seconds"])) for r in results)
    middle = statistics.median(seconds)
    print(f"{len(good)} of {len(results)} verified; seconds: median {middle:.0f}, "
          f"longest {seconds[-1]:.0f}")  # fmt: skip


if __name__ == "__main__":
    main()
