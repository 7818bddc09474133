"""For each run named on standard input: reserve ten cents from 25 threads or tasks at once.

usage: race.py LEDGER [group]. Prints the number of admitted calls for each run.
"""

import asyncio
import sys
import threading
from pathlib import Path

from masterplan.core.errors import BudgetError
from masterplan.ledger import Cap, Group, Intent, Ledger

THREADS = 25


def race(ledger: Ledger, call: Intent, barrier: threading.Barrier, admitted: list[str]) -> None:
    """Wait for the others, then try to get in."""
    barrier.wait()
    try:
        admitted.append(ledger.reserve(call))
    except BudgetError:
        return


def race_in_threads(ledger: Ledger, call: Intent) -> int:
    """Return how many of the threads were admitted."""
    barrier = threading.Barrier(THREADS)
    admitted: list[str] = []
    threads = [
        threading.Thread(target=race, args=(ledger, call, barrier, admitted))
        for _ in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(admitted)


async def race_in_tasks(ledger: Ledger, call: Intent) -> int:
    """Return how many of the tasks were admitted; all others must have been refused."""
    group = Group(ledger)
    results = await asyncio.gather(
        *(group.reserve(call) for _ in range(THREADS)), return_exceptions=True
    )
    await group.close()
    assert all(isinstance(result, str | BudgetError) for result in results), results
    return sum(isinstance(result, str) for result in results)


with Ledger.open(Path(sys.argv[1]), must_exist=True, busy_s=30) as ledger:
    print("ready", flush=True)
    for line in sys.stdin:
        call = Intent(
            run=line.strip(),
            role="builder",
            kind="codegen",
            provider="p",
            model="p/m",
            requested_model="m",
            worst_case_nano=100_000_000,
            caps=(Cap("run", "", 1_000_000_000),),
        )
        if sys.argv[2:] == ["group"]:
            print(asyncio.run(race_in_tasks(ledger, call)), flush=True)
        else:
            print(race_in_threads(ledger, call), flush=True)
