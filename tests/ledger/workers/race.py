"""For each run named on standard input: reserve ten cents from 25 threads at once.

usage: race.py LEDGER. Prints the number of admitted calls for each run.
"""

import sys
import threading
from pathlib import Path

from masterplan.core.errors import BudgetError
from masterplan.ledger import Cap, Intent, Ledger

THREADS = 25


def race(ledger: Ledger, call: Intent, barrier: threading.Barrier, admitted: list[str]) -> None:
    """Wait for the others, then try to get in."""
    barrier.wait()
    try:
        admitted.append(ledger.reserve(call))
    except BudgetError:
        return


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
        print(len(admitted), flush=True)
