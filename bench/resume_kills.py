"""Kills a build at random moments and resumes it: what was recorded must not be paid again.

usage: python bench/resume_kills.py [KILLS] [SEED]. The provider is another process and the oracle:
it counts what it executed. Each run is killed by SIGKILL after a random time, again and again,
until it ends; its result must be the one of a run that nobody disturbed.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "crash"))

from test_crash_build import Zygote, recorded_replies, zygote

from masterplan.ledger import Ledger

LONGEST_S = 2.5
MOST_LIVES = 40


async def die(nest: Zygote, folder: Path, after_s: float) -> bool:
    """Have one life that is killed after some seconds; tell whether it was."""
    order = {"folder": str(folder), "url": nest.fake.base_url, "at": 0, "when": "never"}
    assert nest.process.stdin is not None
    assert nest.process.stdout is not None
    nest.process.stdin.write(json.dumps(order).encode() + b"\n")
    child = json.loads(await nest.process.stdout.readline())["child"]
    ended = asyncio.ensure_future(nest.process.stdout.readline())
    await asyncio.wait([ended], timeout=after_s)
    if not ended.done():
        os.kill(child, signal.SIGKILL)
    return int(json.loads(await ended)["status"]) == signal.SIGKILL


async def one_run(nest: Zygote, folder: Path, dice: random.Random) -> tuple[int, int, str]:
    """Kill and resume one run until it ends: its kills, its repaid replies, its commit."""
    nest.asked.clear()
    paid: Counter[str] = Counter()
    kills = 0
    for life in range(MOST_LIVES):
        # Later lives are longer, so that each run comes to its end.
        if not await die(nest, folder, dice.uniform(0.05, LONGEST_S) + life * 0.2):
            break
        kills += 1
        if (folder / "ledger.sqlite").exists():
            for name in recorded_replies(folder):
                paid.setdefault(name, nest.asked[name])
    repaid = sum(nest.asked[name] - count for name, count in paid.items())
    with Ledger.open(folder / "ledger.sqlite") as ledger:
        problems = ledger.verify()
        is_open = any(row.is_open for row in ledger.attempts(run="run"))
    if problems or is_open:
        raise SystemExit(f"the ledger is wrong after {kills} kills: {problems or 'an open row'}")
    return kills, repaid, str(json.loads((folder / "report.json").read_text())["commit"])


async def measure(wanted: int, seed: int) -> tuple[int, int, int, int]:
    """Kill until there were enough kills: kills, runs, repaid replies, results that differ."""
    dice = random.Random(seed)
    kills = runs = repaid = different = 0
    async with zygote() as nest:
        with tempfile.TemporaryDirectory() as folder:
            whole = Path(folder, "whole")
            await nest.live(whole)
            commit = json.loads((whole / "report.json").read_text())["commit"]
            while kills < wanted:
                runs += 1
                more, again, found = await one_run(nest, Path(folder, str(runs)), dice)
                kills, repaid = kills + more, repaid + again
                different += found != commit
    return kills, runs, repaid, different


def main() -> int:
    """Print the counts and the seed; fail where anything was paid twice or came out different."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(2**32)
    kills, runs, repaid, different = asyncio.run(measure(wanted, seed))
    print(
        f"{kills} kills in {runs} runs (seed {seed}): {repaid} recorded replies paid again, "
        f"{different} results that differ; {'MISSED' if repaid or different else 'met'}"
    )
    return 1 if repaid or different else 0


if __name__ == "__main__":
    sys.exit(main())
