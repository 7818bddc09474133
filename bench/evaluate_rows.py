"""Evaluate a made-up table of a million rows; time one decision: ``python bench/evaluate_rows.py``.

Prints seconds, peak memory and the decision's percentiles. Owns the made-up table; the figures of
real ones are in docs/evidence.md.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

POLICY = """
[models]
opus = "anthropic/claude-opus-4-8"
gemini = "google/gemini-3.1-pro"
[roles.builder]
ladder = ["gemini", "opus"]
[roles.debugger]
ladder = ["gemini", "opus"]
"""
MODELS = ["claude-opus-4-8", "gemini-3.1-pro", *(f"model-{number}" for number in range(18))]
TEXT = "The parser crashes when the list is empty; mend it, keep the public names, add a test. "


def write_table(path: Path, rows: int) -> None:
    """Write a CSV of so many rows: 20 models a task, every text another."""
    import polars as pl

    tasks = pl.DataFrame({"i": range(rows // len(MODELS))})
    models = pl.DataFrame({"model": MODELS}).with_row_index("j")
    i, j = pl.col("i").cast(pl.Int64), pl.col("j").cast(pl.Int64)
    tasks.join(models, how="cross").select(
        task_id=pl.format("task-{}", i),
        kind=pl.when(i % 2 == 0).then(pl.lit("debugging")).otherwise(pl.lit("tests")),
        text=pl.format("Case {}: {}", i, pl.lit(TEXT * 3)),
        model="model",
        success=((i * 7919 + j * 104729) % 100 < 40 + 3 * j).cast(pl.Int8),
        cost_usd=(j + 1) * 0.01 + (i % 17) * 0.001,
    ).write_csv(path)


def decisions(policy: Path, count: int) -> list[float]:
    """Return the milliseconds of CPU of so many decisions, sorted: other programs do not count."""
    from masterplan.core.task import Task
    from masterplan.routing import Router

    router = Router.from_policy(policy)
    taken = []
    for number in range(count):
        task = Task(f"Case {number}: {TEXT * 3}", kind="debugging")
        begun = time.thread_time()
        router.route(task)
        taken.append((time.thread_time() - begun) * 1e3)
    return sorted(taken)


def main() -> None:
    """Run both and print what they took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table, policy = Path(folder) / "table.csv", Path(folder) / "masterplan.toml"
        write_table(table, options.rows)
        policy.write_text(POLICY)
        words = ["evaluate", str(table), "--policy", str(policy), "--verifier", "0.9,0.2", "--json"]
        begun = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "masterplan", *words], check=True, stdout=subprocess.DEVNULL
        )
        wall = time.perf_counter() - begun
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(f"{options.rows:,} rows: {wall:.1f} s ({used.ru_utime:.1f} s of CPU)")
        print(f"peak memory: {used.ru_maxrss / 1024:.0f} MB")
        taken = decisions(policy, 2_000)
        middle, late = taken[len(taken) // 2], taken[int(len(taken) * 0.99)]
        print(f"one decision: median {middle:.3f} ms, p99 {late:.3f} ms")


if __name__ == "__main__":
    main()
